"""Operations by id: each is done once, its answer kept; what was interrupted goes on.

One process and one thread work at a time (a lock on the state folder): the disk is the limit, and two operations on one
extension must not mix. An id asked for again gives the answer of the first time.
"""

import fcntl
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rollcall_relay.archive import archive
from rollcall_relay.backup import back_up
from rollcall_relay.errors import RelayError, TryAgain
from rollcall_relay.files import sync_folder
from rollcall_relay.host import open_host
from rollcall_relay.inventory import take_inventory
from rollcall_relay.journal import Journal
from rollcall_relay.names import checked_identifier
from rollcall_relay.requests import Request, Work, parse
from rollcall_relay.restore import restore
from rollcall_relay.settings import Settings
from rollcall_relay.store import Store
from rollcall_relay.verify import verify_backup, verify_transfer

Answer = dict[str, Any]
_DAY_SECONDS = 24 * 60 * 60


class Operations:
    """The operations of one state folder. Use as a context manager: it holds the lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.state_folder)
        self._open, self._ended = self._folder / "operations" / "open", self._folder / "operations" / "ended"
        self._store = Store(Path(settings.store_folder))
        self._lock = -1
        # A journal must not be looked for while it is put away: it would seem never to have been written.
        self._journals = threading.RLock()

    def __enter__(self) -> "Operations":
        try:
            for folder in (self._folder, self._open, self._ended):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise RelayError(
                "relay_running", f"Another relay works in {self._folder}. Stop it first."
            ) from error
        except OSError as error:
            raise RelayError(
                "state_not_writable",
                f"The state folder {self._folder} cannot be written ({error.strerror}). Make it and give it "
                "to "
                "the user the relay runs as.",
            ) from error
        self._forget_old_journals()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def accept(self, operation: str, document: object) -> Request:
        """Write down what is asked for, so that it will be done whatever happens.

        :raises RelayError: where the request is not valid, or the id was used for something else.
        """
        request = parse(document)
        with self._journals:
            journal = self._journal(checked_identifier(operation))
            known = journal.get("requested")
            if known is None:
                try:
                    known = journal.write("requested", request.as_json())
                except OSError as error:
                    raise _host_failed(error) from error
        if known != request.as_json():
            raise RelayError(
                "operation_conflict", f"The id {operation} was used for another operation. Choose a new one."
            )
        return request

    def answer(self, operation: str) -> Answer | None:
        """The answer of a finished operation.

        :raises RelayError: for an id that was never asked for.
        """
        journal = self._journal(checked_identifier(operation))
        if journal.get("requested") is None:
            raise RelayError("operation_unknown", f"No operation {operation} was asked for.")
        return journal.get("finished")

    def run(self, operation: str) -> Answer:
        """Do an accepted operation, or what is left of it. The answer of an interrupted one is not kept."""
        journal = self._journal(operation)
        finished = journal.get("finished")
        if finished is not None:
            self._put_away(journal)
            return finished
        request = self._requested(journal)
        for other in self.half_done():
            # An interrupted operation on the same extension comes first: its half must not be moved again.
            half = self._journal(other)
            if other != operation and _overlap(request, self._requested(half)):
                answer = self._attempt(half, self._requested(half))
                if answer["state"] == "interrupted":
                    message = f"Operation {other} on the same extension has to end first. {answer['message']}"
                    return failed("interrupted", TryAgain(answer["code"], message))
        return self._attempt(journal, request)

    def half_done(self) -> list[str]:
        """The ids of operations that began to move something and have not ended, the oldest first.

        One that was only asked for is not among them: whoever asked may have changed their mind since, and asks again.
        """
        paths = sorted(self._open.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
        journals = (Journal(path) for path in paths)
        return [
            journal.operation
            for journal in journals
            if journal.get("planned") and not journal.get("finished")
        ]

    def backups(self) -> list[dict[str, Any]]:
        """The summaries of all backups, the newest first."""
        return list(self._store.summaries())

    def _attempt(self, journal: Journal, request: Request) -> Answer:
        try:
            answer = {"state": "done"} | self._do(request, journal)
        except TryAgain as error:
            return failed("interrupted", error)
        except RelayError as error:
            answer = failed("failed", error)
        except OSError as error:
            return failed("interrupted", _host_failed(error))
        try:
            journal.write("finished", answer)
            self._put_away(journal)
        except OSError as error:
            # It is done, but nobody would know after a restart: asked for again it finds out.
            return failed("interrupted", _host_failed(error))
        return answer

    def _forget_old_journals(self) -> None:
        """Nobody asks for an operation again after so long; a backup is known by its own folder.

        What is half done is never forgotten.
        """
        if not self._settings.journal_days:
            return
        oldest = time.time() - self._settings.journal_days * _DAY_SECONDS
        never_begun = (path for path in self._open.glob("*.jsonl") if not Journal(path).get("planned"))
        for path in [*self._ended.glob("*.jsonl"), *never_begun]:
            # One that cannot be removed is only clutter.
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _put_away(self, journal: Journal) -> None:
        """Finished journals lie apart, so that looking for unfinished ones stays quick."""
        if journal.path.parent == self._open:
            with self._journals:
                journal.path.rename(self._ended / journal.path.name)
            sync_folder(self._ended)
            sync_folder(self._open)

    def _do(self, request: Request, journal: Journal) -> Answer:
        match request.kind:
            case Work.INVENTORY:
                return take_inventory(open_host(self._settings), request.number, request.kinds)
            case Work.ARCHIVE:
                return archive(open_host(self._settings), request, journal)
            case Work.BACKUP:
                return back_up(open_host(self._settings), request, journal)
            case Work.RESTORE:
                return restore(open_host(self._settings), request, journal, self._store)
            case Work.VERIFY:
                return self._verify(request.operation)

    def _verify(self, operation: str) -> Answer:
        journal = self._journal(operation)
        finished = journal.get("finished")
        if finished is None:
            if self._store.find(operation) is not None:
                return verify_backup(self._store, operation)
            raise RelayError("operation_unknown", f"No finished operation {operation} is known.")
        request = self._requested(journal)
        if finished["state"] == "failed":
            raise RelayError("operation_failed", f"Operation {operation} failed: {finished['message']}")
        if request.kind is Work.BACKUP:
            return verify_backup(self._store, operation)
        if request.kind in {Work.ARCHIVE, Work.RESTORE}:
            return verify_transfer(open_host(self._settings), request, journal)
        raise RelayError("request_invalid", f"Operation {operation} only looked; there is nothing to verify.")

    def _journal(self, operation: str) -> Journal:
        ended = self._ended / f"{operation}.jsonl"
        with self._journals:
            return Journal(ended if ended.exists() else self._open / ended.name)

    def _requested(self, journal: Journal) -> Request:
        entry = journal.get("requested")
        if entry is None:
            raise RelayError("operation_unknown", f"No operation {journal.operation} was asked for.")
        return Request(**(entry | {"kind": Work(entry["kind"])}))


def _overlap(one: Request, other: Request) -> bool:
    """Whether one takes from an extension that the other takes from or gives to.

    Giving to the same extension is no overlap: names are never overwritten.
    """
    return (one.number != "" and one.number in {other.number, other.to}) or (
        other.number != "" and other.number == one.to
    )


def _host_failed(error: OSError) -> TryAgain:
    reason = error.strerror or type(error).__name__
    return TryAgain(
        "host_failed", f"The host refused ({reason}). Nothing is lost. Correct this and try again."
    )


def failed(state: str, error: RelayError) -> Answer:
    """The answer of an operation that ended, or stopped, with the error."""
    return {"state": state, "code": error.code, "message": error.message, "verified": False}
