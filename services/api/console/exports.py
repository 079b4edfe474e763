"""Files that are exported: one after the other for each caller, few at once, and what is heavy in a process of its own.

Whoever asks again for what is being made already gets the same file, so a page may ask until it is there.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import IO, Protocol

import structlog
from fastapi import HTTPException

from shared.errors import TooBusy, TransientError
from shared.language import declared
from shared.worker.context import Context

log = structlog.get_logger(__name__)

AT_ONCE = 2
# Files of one caller that are made or wait to be.
OF_A_CALLER = 3
IN_ALL = 20
_LONGEST_SECONDS = 600.0
# How long a file that is done waits for whoever ordered it.
_KEPT_SECONDS = 300.0
_PIECE = 1 << 18


class Ordered(Protocol):
    """A file that a process of its own makes: two orders that are equal are for the same file."""

    @property
    def maker(self) -> str:
        """The module that makes it: it takes the order on its input and writes to the descriptor that it is given."""

    @property
    def file_name(self) -> str:
        """What the file is called."""

    @property
    def media_type(self) -> str:
        """What it is."""

    def as_json(self, database_url: str) -> str:
        """What the process is told."""

    def __hash__(self) -> int:
        """Orders are kept by what they are for."""


class Exports:
    """The exports of one process; used in one event loop."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._files: dict[tuple[str, Ordered], asyncio.Task[IO[bytes]]] = {}
        self._in_hand: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}
        self._processes = asyncio.Semaphore(AT_ONCE)
        # Whatever nobody has fetched when the API ends.
        self._open: set[IO[bytes]] = set()
        weakref.finalize(self, _close_all, self._open)

    def enter(self, caller: str) -> None:
        """Count one more file of the caller; ``leave`` must follow.

        :raises HTTPException: 429, they have as many as they may.
        :raises TooBusy: others have ordered as many as are taken.
        """
        if self._in_hand[caller] >= OF_A_CALLER:
            raise HTTPException(
                429,
                f"{OF_A_CALLER} of your exports are already running. Wait for them, then try again.",
                headers={"Retry-After": "5"},
            )
        if self._in_hand.total() >= IN_ALL:
            raise TooBusy(declared("Too many exports are running. Try again in a minute."), retry_after=30)
        self._in_hand[caller] += 1

    def leave(self, caller: str) -> None:
        """A file of the caller is done with."""
        self._in_hand[caller] -= 1
        if not self._in_hand[caller]:
            del self._in_hand[caller]
            self._turns.pop(caller, None)

    def turn(self, caller: str) -> asyncio.Lock:
        """The caller's turn, to be waited for: one file of theirs at a time."""
        return self._turns.setdefault(caller, asyncio.Lock())

    def order(self, caller: str, order: Ordered) -> "asyncio.Task[IO[bytes]]":
        """The file being made; the same one for whoever asks again.

        :raises HTTPException: as ``enter``.
        :raises TooBusy: as ``enter``.
        """
        key = (caller, order)
        made = self._files.get(key)
        if made is None:
            self.enter(caller)
            made = self._files[key] = asyncio.create_task(self._make(caller, order))
            made.add_done_callback(lambda _: self._keep_a_while(key))
        return made

    def discard(self, caller: str, order: Ordered) -> None:
        """The file was handed out, or is not wanted any more: the next one who asks gets a new one."""
        made = self._files.pop((caller, order), None)
        if made is None or made.cancel() or made.cancelled() or made.exception() is not None:
            return
        self._open.discard(made.result())
        made.result().close()

    async def _make(self, caller: str, order: Ordered) -> IO[bytes]:
        async with self.turn(caller), self._processes:
            folder = self._context.settings.data
            # In the data folder, which has room: a folder of temporary files is often memory.
            file = tempfile.TemporaryFile(dir=folder if folder.is_dir() else None)  # noqa: SIM115
            try:
                await self._run(order, file)
            except BaseException:
                file.close()
                raise
            self._open.add(file)
            return file

    async def _run(self, order: Ordered, file: IO[bytes]) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", order.maker, str(file.fileno()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            pass_fds=[file.fileno()],
        )  # fmt: skip
        document = order.as_json(self._context.settings.effective_database_url).encode()
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                _, errors = await process.communicate(document)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode:
            # Its last line names the kind of error; the text of others' errors may hold what no log should.
            kind = errors.decode("utf-8", "replace").strip().rpartition("\n")[2].partition(":")[0][:100]
            log.error("export_failed", code=process.returncode, error=kind, maker=order.maker)
            raise TransientError(declared("The export failed. Try again. Details are in the API's log."))

    def _keep_a_while(self, key: tuple[str, Ordered]) -> None:
        self.leave(key[0])
        made = self._files.get(key)
        if made is None or made.cancelled() or made.exception() is not None:
            # A failure is document to those who wait now; the next one tries anew.
            self._files.pop(key, None)
            return
        asyncio.get_running_loop().call_later(_KEPT_SECONDS, self.discard, *key)


def _close_all(files: set[IO[bytes]]) -> None:
    for file in files:
        file.close()


def opened(file: IO[bytes]) -> tuple[int, Iterator[bytes]]:
    """The size of a file that is done, and its content in pieces, whoever else reads it or closes it."""
    return os.fstat(file.fileno()).st_size, _pieces(os.fdopen(os.dup(file.fileno()), "rb"))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        offset = 0
        while piece := os.pread(file.fileno(), _PIECE, offset):
            offset += len(piece)
            yield piece
