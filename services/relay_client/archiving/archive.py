"""Takes what an extension has to safety before it is deleted: with the relay, or recordings alone through XAPI.

Called by ``perform``. An extension may be deleted only with a receipt that is verified. Every archiver is idempotent by
the operation's id: asked again after a crash it moves nothing twice and gives the receipt of what is there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid4, uuid5

from services.relay_client.archiving.recordings import StoredRecordings, store_recordings
from services.relay_client.archiving.relay import Relay
from services.relay_client.xapi.client import Xapi
from shared.errors import ArchiveNotVerified, RelayFailed, RelayUnavailable
from shared.language import counted, declared, listed, phrase
from shared.settings.documents import ArchiveSettings, SiteSettings
from shared.values.amounts import size

_MOST_PROBLEMS = 3
_KINDS = {"voicemails": ("voicemail", "voicemails"), "recordings": ("recording", "recordings")}


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """What is to be taken to safety. ``operation`` is the same however often this command is tried.

    ``to`` is the number of the extension that receives it; empty where only a store outside of 3CX does.
    """

    operation: str
    extension_id: int
    number: str
    person: str
    to: str
    voicemails: bool = True
    recordings: bool = True


@dataclass(frozen=True, slots=True)
class ArchiveReceipt:
    """What was archived. ``is_verified`` only when every item was compared at its destination afterwards.

    ``summary`` is the end of a sentence for the Log: what is where. ``problems`` are sentences. ``backup``
    names the copy that the relay keeps, if it does.
    """

    is_verified: bool
    items: int = 0
    size_bytes: int = 0
    summary: str = ""
    problems: tuple[str, ...] = ()
    backup: str = ""


class Archiver(Protocol):
    """Takes everything asked for to safety and proves it."""

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Move or copy, and verify.

        :raises RollcallError: it could not be done; the extension stays disabled and is not deleted.
        """

    def restore(self, operation: str, backup: str, number: str) -> None:
        """Give an extension the voicemails and recordings of a backup; doing it again changes nothing.

        :raises RelayFailed: the relay changed nothing and says why.
        :raises RelayUnavailable: there is no relay, or it does not answer.
        """


class NoRelay:
    """The archiver of a site without a relay: archives nothing, so that nothing is deleted either."""

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Always refuses.

        :raises RelayUnavailable: always.
        """
        raise RelayUnavailable(
            declared(
                "Archiving is on, but no relay is configured. Configure the relay or turn archiving off."
            )
        )

    def restore(self, operation: str, backup: str, number: str) -> None:
        """Always refuses.

        :raises RelayUnavailable: always.
        """
        raise RelayUnavailable(declared("No relay is configured, which keeps the backup."))


class RelayArchiver:
    """Lets the relay on the phone system's host move everything to another extension.

    ``patience_seconds`` is how long one extension is waited for, while ``is_wanted``; the relay goes on without us
    and is asked again.
    """

    def __init__(
        self,
        relay: Relay,
        settings: ArchiveSettings,
        patience_seconds: float,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._relay = relay
        self._settings = settings
        self._patience_seconds = patience_seconds
        self._is_wanted = is_wanted

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Back up where that is wanted, move, and look again at all that was moved.

        :raises RelayFailed: the relay changed nothing and says why.
        :raises RelayUnavailable: it does not answer, or not in time; it may go on without us.
        :raises ArchiveNotVerified: everything was moved, but the result could not be verified.
        :raises HandedOn: not wanted any longer.
        """
        until = time.monotonic() + self._patience_seconds
        what: dict[str, Any] = {
            "number": request.number,
            "voicemails": request.voicemails,
            "recordings": request.recordings,
        }
        missing = {"accept_missing": self._settings.accept_missing}
        answers = []
        backup = ""
        if self._settings.keep_backup:
            backup = str(uuid5(NAMESPACE_URL, f"backup of {request.operation}"))
            person = {"person": request.person[:200]}
            answers.append(self._operate(backup, {"kind": "backup", **what, **missing, **person}, until))
        moved = self._operate(
            request.operation, {"kind": "archive", "to": request.to, **what, **missing}, until
        )
        answers.append(moved)
        counts = {name: moved[name] for name in _KINDS if isinstance(moved.get(name), dict)}
        size = sum(int(count["bytes"]) for count in counts.values())
        summary = phrase(
            "{items} moved to extension {extension}", items=_items(counts, size), extension=request.to
        )
        if backup:
            summary += phrase(", a backup is kept on the phone system's host ({backup})", backup=backup)
        try:
            # Reading again changes nothing: a new id each time, so that it is never the answer of some time ago.
            verify = {"kind": "verify", "operation": request.operation}
            answers.append(self._operate(str(uuid4()), verify, until))
        except (RelayFailed, RelayUnavailable) as error:
            raise ArchiveNotVerified(
                phrase(
                    "The result could not be verified: {summary}. {message}",
                    summary=summary,
                    message=error.message,
                )
            ) from error
        return ArchiveReceipt(
            all(answer.get("verified") is True for answer in answers),
            sum(int(count["items"]) for count in counts.values()),
            size,
            summary,
            tuple(_sentences(answers)),
            backup,
        )

    def restore(self, operation: str, backup: str, number: str) -> None:
        """Bring back and look again; see ``Archiver``."""
        until = time.monotonic() + self._patience_seconds
        what = {"kind": "restore", "operation": backup, "to": number, "voicemails": True, "recordings": True}
        answer = self._operate(operation, what, until)
        if answer.get("verified") is not True:
            raise ArchiveNotVerified(
                listed(_sentences([answer]), " ") or declared("It could not be verified.")
            )

    def _operate(self, operation: str, document: dict[str, Any], until: float) -> dict[str, Any]:
        answer = self._relay.operate(operation, document, until - time.monotonic(), self._is_wanted)
        if answer["state"] == "failed":
            raise RelayFailed(
                phrase(
                    "The relay could not {document}: {answer}",
                    document=document["kind"],
                    answer=answer.get("message", "it does not say why"),
                ),
                relay_code=answer.get("code"),
            )
        return answer


class RecordingsArchiver:
    """Downloads recordings through XAPI into a folder of Rollcall's own, for a site without a relay."""

    def __init__(self, xapi: Xapi, folder: Path, *, accept_missing: bool) -> None:
        self._xapi = xapi
        self._folder = folder
        self._accept_missing = accept_missing

    def restore(self, operation: str, backup: str, number: str) -> None:
        """No API puts recordings back; see ``NoRelay``."""
        NoRelay().restore(operation, backup, number)

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Download, read back and compare. Voicemails cannot be had this way.

        :raises RelayUnavailable: voicemails are wanted too.
        """
        if request.voicemails:
            return NoRelay().archive(request)
        stored: StoredRecordings = store_recordings(
            self._xapi, self._folder, request.operation, request.number, request.person
        )
        counts = {"recordings": {"items": stored.items}}
        summary = phrase(
            "{items} saved to {folder}", items=_items(counts, stored.size_bytes), folder=stored.folder
        )
        return ArchiveReceipt(
            not stored.missing or self._accept_missing,
            stored.items,
            stored.size_bytes,
            summary,
            tuple(
                phrase("3CX lists recording {recording}, but its file no longer exists.", recording=recording)
                for recording in stored.missing
            ),
        )


def archiver_of(
    settings: SiteSettings, xapi: Xapi, folder: Path, patience_seconds: float, is_wanted: Callable[[], bool]
) -> Archiver:
    """How this site archives. ``folder`` is where recordings go that are downloaded."""
    if settings.relay.is_configured:
        return RelayArchiver(Relay(settings.relay), settings.archive, patience_seconds, is_wanted)
    if downloads_recordings(settings):
        return RecordingsArchiver(xapi, folder, accept_missing=settings.archive.accept_missing)
    return NoRelay()


def downloads_recordings(settings: SiteSettings) -> bool:
    """Whether this site archives recordings through the API, which needs the role System Owner."""
    archive = settings.archive
    return archive.is_enabled and not archive.voicemails and not settings.relay.is_configured


def operation_id(run: str, sequence: int) -> str:
    """The id of a command's operation: the same for every worker that ever tries it, and for no other command."""
    return str(uuid5(NAMESPACE_URL, f"{run} command {sequence}"))


def _items(counts: dict[str, Any], length: int) -> str:
    kinds = []
    for name, count in counts.items():
        number = int(count["items"])
        if number:
            one, many = _KINDS[name]
            kinds.append(counted(number, one, many))
    if not kinds:
        return declared("nothing")
    return phrase("{items} ({size})", items=listed(kinds, " and "), size=size(length))


def _sentences(answers: Sequence[dict[str, Any]]) -> list[str]:
    """What stands in the way, each once; the first few, because a folder that cannot be read gives thousands."""
    found: dict[str, None] = {}
    for answer in answers:
        for problem in answer.get("problems") or []:
            if problem.get("is_blocking"):
                found[f"{problem.get('item')}: {problem.get('message')}"] = None
    sentences = list(found)
    rest = len(sentences) - _MOST_PROBLEMS
    return sentences[:_MOST_PROBLEMS] + ([phrase("{rest} more problems.", rest=rest)] if rest > 0 else [])
