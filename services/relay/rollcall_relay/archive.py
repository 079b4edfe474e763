"""Plans the move of everything an extension has to the archive extension. Reads; ``transfer`` does the moving."""

import os
from collections.abc import Iterable
from typing import Any

from rollcall_relay.changes import Change, Kind, Row, rehomed_recording, rehomed_voicemail
from rollcall_relay.errors import RelayError
from rollcall_relay.files import list_files
from rollcall_relay.holdings import Holding, Holdings, holdings_of
from rollcall_relay.host import Host
from rollcall_relay.journal import Journal
from rollcall_relay.names import numbered
from rollcall_relay.plan import Part, Plan
from rollcall_relay.requests import Request
from rollcall_relay.transfer import Transfer


def archive(host: Host, request: Request, journal: Journal) -> dict[str, Any]:
    """Move and prove. ``verified`` only when nothing of what was asked for is left behind.

    Archiving again what was archived before moves nothing and is verified.

    :raises RelayError: nothing was changed.
    :raises TryAgain: it goes on when asked again.
    """
    transfer = Transfer(journal, host.database, host.settings, lambda: plan_archive(host, request))
    answer = transfer.run()
    left = holdings_of(host, request.number, request.kinds)
    answer["left_behind"] = len(left.items)
    is_blocked = any(problem["is_blocking"] for problem in answer["problems"])
    return answer | {"verified": not is_blocked and not left.items}


def plan_archive(host: Host, request: Request) -> Plan:
    """What is to be moved and where to.

    :raises RelayError: where it cannot be moved at all.
    """
    holdings = holdings_of(host, request.number, request.kinds, accept_missing=request.accept_missing)
    if holdings.items:
        host.check_target(request.to, request.kinds)
        host.check_rights(request.kinds, "update")
    _check_removable(host, holdings)
    taken = TakenNames(host, request.to, request.kinds)
    return Plan(
        number=request.number,
        parts=tuple(_part(item, request, taken) for item in holdings.items),
        sources={kind: host.layout.folders[kind] for kind in sorted(request.kinds)},
        targets={kind: host.layout.folders[kind] for kind in sorted(request.kinds)},
        removes=True,
        problems=tuple(holdings.problems),
    )


class TakenNames:
    """The names an extension has already, of files and in rows, and those that this plan gives out."""

    def __init__(self, host: Host, number: str, kinds: Iterable[Kind]) -> None:
        self._number = number
        self._taken: dict[Kind, set[str]] = {}
        for kind in kinds:
            files, strange = list_files(host.layout.folders[kind] / number)
            self._taken[kind] = {*files, *strange}
            self._taken[kind] |= {_tail(kind, row, number) for row in host.database.rows_of(kind, number)}

    def take(self, item: Holding, number: str, rows: Iterable[Row]) -> tuple[str, tuple[Change, ...]]:
        """A name for the file that nobody has, its own where possible, and the changes of rows that go with it."""
        rows = tuple(rows)
        old = item.file or _tail(item.kind, rows[0], number)
        count = 1
        while True:
            new = old if count == 1 else numbered(old, count)
            changes = self._changes(item.kind, rows, number, old, new)
            wanted = {new} | {self._name(change) for change in changes}
            if not wanted & self._taken[item.kind]:
                self._taken[item.kind] |= wanted
                return new, changes
            count += 1

    def _changes(
        self, kind: Kind, rows: tuple[Row, ...], number: str, old: str, new: str
    ) -> tuple[Change, ...]:
        if kind is Kind.VOICEMAIL:
            return tuple(rehomed_voicemail(row, number, self._number, old, new) for row in rows)
        return tuple(rehomed_recording(row, f"{self._number}/{new}") for row in rows)

    def _name(self, change: Change) -> str:
        return _tail(change.kind, change.becomes, self._number)


def _tail(kind: Kind, row: Row, number: str) -> str:
    """How a row names its item below the extension."""
    return str(row["__name" if kind is Kind.VOICEMAIL else "recording_url"]).removeprefix(f"{number}/")


def _part(item: Holding, request: Request, taken: TakenNames) -> Part:
    name, changes = taken.take(item, request.number, item.rows)
    if item.file is None:
        return Part(item.kind, item.label, None, None, None, changes)
    return Part(
        item.kind,
        item.label,
        f"{request.number}/{item.file}",
        f"{request.to}/{name}",
        item.signature,
        changes,
    )


def _check_removable(host: Host, holdings: Holdings) -> None:
    """Fail early where the sources could not be removed in the end, and everything would be there twice."""
    folders = {
        (host.layout.folders[item.kind] / holdings.number / item.file).parent
        for item in holdings.items
        if item.file is not None
    }
    for folder in sorted(folders):
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise RelayError(
                "folder_not_writable",
                f"The folder {folder} cannot be written, so nothing can be moved out of it. Nothing was changed. Let the "
                "relay run as the user that owns 3CX's files (phonesystem).",
            )
