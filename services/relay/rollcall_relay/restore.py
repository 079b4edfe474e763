"""Plans giving the content of a backup to an extension. The backup stays; ``transfer`` does the copying."""

from typing import Any

from rollcall_relay.archive import TakenNames
from rollcall_relay.changes import Change, Kind, Row
from rollcall_relay.files import signature_at
from rollcall_relay.holdings import Holding
from rollcall_relay.host import Host
from rollcall_relay.journal import Journal
from rollcall_relay.names import checked_number, checked_relative
from rollcall_relay.plan import Part, Plan
from rollcall_relay.requests import Request
from rollcall_relay.store import Store
from rollcall_relay.transfer import Transfer


def restore(host: Host, request: Request, journal: Journal, store: Store) -> dict[str, Any]:
    """Copy every file back and put every row back, under the extension ``request.to``.

    :raises RelayError: nothing was changed.
    :raises TryAgain: it goes on when asked again.
    """
    transfer = Transfer(journal, host.database, host.settings, lambda: _plan(host, request, store))
    answer = transfer.run()
    return answer | {"verified": not any(problem["is_blocking"] for problem in answer["problems"])}


def _plan(host: Host, request: Request, store: Store) -> Plan:
    folder, manifest = store.manifest(request.operation)
    number = checked_number(manifest["number"])
    entries = [entry for entry in manifest["items"] if Kind(entry["kind"]) in request.kinds]
    host.check_target(request.to, request.kinds)
    host.check_rights(request.kinds, "update", "insert")
    taken = TakenNames(host, request.to, request.kinds)
    live = host.database.recordings_by_id(
        [row["id_recording"] for entry in entries if entry["kind"] == Kind.RECORDING for row in entry["rows"]]
    )
    parts = []
    for entry in entries:
        kind = Kind(entry["kind"])
        file = None if entry["file"] is None else checked_relative(entry["file"])
        signature = None if file is None else signature_at(folder / kind / file) or (0, entry["size"], 0)
        item = Holding(kind, file, signature, tuple(entry["rows"]))
        name, changes = taken.take(item, number, item.rows)
        parts.append(
            Part(
                kind, item.label, file, None if file is None else f"{request.to}/{name}", signature,
                tuple(
                    _put_back(host, change, row, live)
                    for change, row in zip(changes, item.rows, strict=True)
                ),
                entry["sha256"],
            )
        )  # fmt: skip
    kinds = sorted(request.kinds)
    return Plan(
        number=number,
        parts=tuple(parts),
        sources={kind: folder / kind for kind in kinds},
        targets={kind: host.layout.folders[kind] for kind in kinds},
        removes=False,
    )


def _put_back(host: Host, moved: Change, row: Row, live: dict[int, Row]) -> Change:
    """How the row gets there: re-homed where the phone system still has it without its audio, else made again."""
    if moved.kind is Kind.VOICEMAIL:
        # The key is the table's own; a new one is given.
        values = {name: value for name, value in row.items() if name != "key"} | dict(moved.becomes)
        return Change(moved.kind, {}, moved.becomes, values)
    identifier, url = row["id_recording"], moved.becomes["recording_url"]
    present = live.get(identifier)
    if present is None:
        return Change(moved.kind, {}, {"recording_url": url}, dict(row) | {"recording_url": url})
    has_audio = signature_at(host.layout.folders[Kind.RECORDING] / str(present["recording_url"])) is not None
    if present["recording_url"] == row["recording_url"] and not has_audio:
        return moved
    values = {name: value for name, value in row.items() if name != "id_recording"}
    return Change(moved.kind, {}, {"recording_url": url}, values | {"recording_url": url})
