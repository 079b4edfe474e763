"""How much may be asked at once: by each address before signing in, by each caller afterwards.

Who has too much in hand waits for their turn, and holds meanwhile neither a thread nor a body; others do not wait for them.
What is not counted is the question whether the process lives, and streams, which are counted where they are opened.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.web.addresses import subject_of
from services.api.web.known import KnownCallers, credential_of
from services.api.web.problems import problem_response

log = structlog.get_logger(__name__)

AT_ONCE_OF_AN_ADDRESS = 16
AT_ONCE = 32
AT_ONCE_OF_A_CALLER = 8
# A bucket of requests for each address, refilled by so many a second: a page of the console is about ten.
BURST = 400
PER_SECOND = 20.0
# Those that wait for their turn hold no thread and no body.
_MOST_WAITING = 512
_WAIT_SECONDS = 5.0
_MOST_OF_A_CALLER = 200
_CALLER_WAIT_SECONDS = 60.0
_MOST_ADDRESSES = 10_000
_LOG_EVERY_SECONDS = 60.0
_ALWAYS = ("/health/live", "/health/ready")
_STREAMS = "/events"
STREAMS_OF_A_CALLER = 10


@dataclass(slots=True)
class _Address:
    tokens: float = BURST
    filled_at: float = field(default_factory=time.monotonic)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_OF_AN_ADDRESS))
    in_hand: int = 0


@dataclass(slots=True)
class _Caller:
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_OF_A_CALLER))
    in_hand: int = 0


class Admission:
    """What is in hand in one application."""

    def __init__(self) -> None:
        self.known = KnownCallers()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._callers: dict[str, _Caller] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._refused = 0
        self._told_at = float("-inf")

    def take_token(self, address: str) -> bool:
        """Whether the address may ask once more at present."""
        now = time.monotonic()
        entry = self._entry(address)
        entry.tokens = min(BURST, entry.tokens + (now - entry.filled_at) * PER_SECOND)
        entry.filled_at = now
        if entry.tokens < 1:
            return False
        entry.tokens -= 1
        return True

    async def wait_for_turn(self, address: str) -> bool:
        """Whether it was the request's turn within some seconds; then ``end_turn`` must follow."""
        if self._waiting >= _MOST_WAITING:
            return False
        entry = self._entry(address)
        entry.in_hand += 1
        self._waiting += 1
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await entry.turns.acquire()
                try:
                    await self._turns.acquire()
                except BaseException:
                    entry.turns.release()
                    raise
        except TimeoutError:
            entry.in_hand -= 1
            return False
        except BaseException:
            entry.in_hand -= 1
            raise
        finally:
            self._waiting -= 1
        return True

    @asynccontextmanager
    async def turn_of_caller(self, credential: str) -> AsyncIterator[bool]:
        """Whether it was the turn of one who is signed in within some seconds, for the block."""
        caller = self._callers.setdefault(credential, _Caller())
        if caller.in_hand >= _MOST_OF_A_CALLER:
            yield False
            return
        caller.in_hand += 1
        has_turn = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CALLER_WAIT_SECONDS):
                    has_turn = await caller.turns.acquire()
            yield has_turn
        finally:
            if has_turn:
                caller.turns.release()
            caller.in_hand -= 1
            if not caller.in_hand:
                del self._callers[credential]

    @asynccontextmanager
    async def stream_of_caller(self, credential: str) -> AsyncIterator[bool]:
        """Whether one who is signed in may open one more stream, for the block: told before anything is looked up."""
        key = _STREAMS + credential
        caller = self._callers.setdefault(key, _Caller())
        caller.in_hand += 1
        try:
            yield caller.in_hand <= STREAMS_OF_A_CALLER
        finally:
            caller.in_hand -= 1
            if not caller.in_hand:
                del self._callers[key]

    def end_turn(self, address: str) -> None:
        """The request is answered."""
        self._turns.release()
        entry = self._entry(address)
        entry.turns.release()
        entry.in_hand -= 1

    def tell(self, address: str) -> None:
        """Log that requests are turned away: once in a minute, however many there are."""
        self._refused += 1
        now = time.monotonic()
        if now - self._told_at >= _LOG_EVERY_SECONDS:
            log.warning("requests_turned_away", address=address, requests=self._refused)
            self._told_at, self._refused = now, 0

    def _entry(self, address: str) -> _Address:
        entry = self._addresses.get(address)
        if entry is None:
            entry = self._addresses[address] = _Address()
            self._forget_some()
        self._addresses.move_to_end(address)
        return entry

    def _forget_some(self) -> None:
        # No more than waiting and in hand at once are kept whatever comes, so this ends.
        for address in list(self._addresses)[: max(0, len(self._addresses) - _MOST_ADDRESSES)]:
            if self._addresses[address].in_hand == 0:
                del self._addresses[address]


class AdmissionMiddleware:
    """ASGI middleware: lets strangers in by ``Admission``, which the application's state holds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, at once or when it is its turn, or answer 429."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        admission: Admission = scope["app"].state.admission
        admission.known.introduce(scope)
        credential = credential_of(scope)
        if scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if credential and admission.known.knows(credential):
            is_stream = scope["path"].endswith(_STREAMS)
            turn = admission.stream_of_caller if is_stream else admission.turn_of_caller
            async with turn(credential) as has_turn:
                answer = self._app if has_turn else _busy("You have too many open requests.")
                await answer(scope, receive, send)
            return
        client = scope.get("client")
        address = subject_of(client[0]) if client else ""
        if not admission.take_token(address) or not await admission.wait_for_turn(address):
            admission.tell(address)
            await _busy("Too many requests came from this address without a sign-in.")(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            admission.end_turn(address)


def _busy(sentence: str) -> Response:
    return problem_response(
        429,
        "too_many_requests",
        f"{sentence} Wait a few seconds, then try again.",
        headers={"Retry-After": "5"},
    )
