"""Progress of runs for many listeners: one look at a run for all who follow it, and few streams for each caller."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog
from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool

from services.api.runs.queries.progress import RunProgress, progress
from services.api.web.admission import STREAMS_OF_A_CALLER
from shared.errors import NotFound, TransientError
from shared.worker.context import Context

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
# How soon a stream ends after its token or session did.
CHECK_SECONDS = 5.0
# The credential of a stream, and its run.
_Stream = tuple[str, int]


@dataclass(slots=True)
class _Watched:
    """A run that somebody follows; ``version`` says how often it has changed."""

    now: RunProgress | None = None
    version: int = 0
    is_over: bool = False
    listeners: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    task: asyncio.Task[None] | None = None


class Following:
    """Who follows which run in one process; used in one event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._runs: dict[int, _Watched] = {}
        self._streams: Counter[str] = Counter()
        self._checked: dict[str, dict[_Stream, tuple[float, bool]]] = {}

    def open(self, caller: str) -> None:
        """Count one more stream of the caller; ``close`` must follow.

        :raises HTTPException: 429, they have as many as they may.
        """
        if self._streams[caller] >= STREAMS_OF_A_CALLER:
            raise HTTPException(
                429,
                f"{STREAMS_OF_A_CALLER} streams are open for you already. Close one, or ask for the progress now and then.",
                headers={"Retry-After": "5"},
            )
        self._streams[caller] += 1

    def close(self, caller: str) -> None:
        """A stream of the caller has ended."""
        self._streams[caller] -= 1
        if not self._streams[caller]:
            del self._streams[caller]
            self._checked.pop(caller, None)

    async def follow(
        self, run_id: int, caller: str, credential: str, is_still_good: Callable[[], bool]
    ) -> AsyncGenerator[RunProgress]:
        """The run's progress whenever it changes, until it ends, or until the caller's sign-in does.

        ``is_still_good`` answers for this credential and the site of this run.
        """
        with self._watching(run_id) as watched:
            seen = 0
            while await self._is_good(caller, (credential, run_id), is_still_good):
                await self._wait(watched, seen)
                now, is_new, seen = watched.now, watched.version > seen, watched.version
                if now is not None and is_new:
                    yield now
                elif watched.is_over:
                    return

    async def _wait(self, watched: _Watched, seen: int) -> None:
        """Until there is something new, or the caller is to be looked at again."""
        with suppress(TimeoutError):
            async with watched.changed, asyncio.timeout(CHECK_SECONDS):
                await watched.changed.wait_for(lambda: watched.version > seen or watched.is_over)

    @contextmanager
    def _watching(self, run_id: int) -> Iterator[_Watched]:
        watched = self._runs.get(run_id)
        if watched is None:
            watched = self._runs[run_id] = _Watched()
            watched.task = asyncio.create_task(self._poll(run_id, watched))
        watched.listeners += 1
        try:
            yield watched
        finally:
            watched.listeners -= 1
            if not watched.listeners and watched.task is not None:
                watched.task.cancel()
                if self._runs.get(run_id) is watched:
                    del self._runs[run_id]

    async def _poll(self, run_id: int, watched: _Watched) -> None:
        while not watched.is_over:
            try:
                now = await run_in_threadpool(progress, self._context, run_id)
            except TransientError as error:
                # Streams survive a database that is away for a moment; the next look may find it back.
                log.warning("progress_not_read", run_id=run_id, error=error.message)
            except NotFound:
                watched.is_over = True
            else:
                watched.is_over = now.is_ended
                if now != watched.now:
                    watched.now = now
                    watched.version += 1
            async with watched.changed:
                watched.changed.notify_all()
            if watched.is_over:
                # Whoever comes from now on looks anew.
                if self._runs.get(run_id) is watched:
                    del self._runs[run_id]
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _is_good(self, caller: str, stream: _Stream, is_still_good: Callable[[], bool]) -> bool:
        """Asked once for all streams of a credential to a run: another run may be of a site that is theirs no more."""
        checked = self._checked.setdefault(caller, {})
        checked_at, is_good = checked.get(stream, (float("-inf"), True))
        if time.monotonic() - checked_at < CHECK_SECONDS:
            return is_good
        checked[stream] = (time.monotonic(), is_good)
        try:
            is_good = await run_in_threadpool(is_still_good)
        except TransientError:
            return True
        checked[stream] = (time.monotonic(), is_good)
        return is_good
