"""Which controller answers, and what it has of the others' changes; and which one to ask first. Called by the readings."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.collector.active_directory import ActiveDirectory
from services.collector.reader import Scope, Search, first_value
from services.collector.replication import read_invocation_id, read_times, read_vector
from shared.database.tables import PartKind, PartState, SnapshotPart, WatchRow
from shared.domain.memory import Memory
from shared.domain.reading import Freshness, Reading
from shared.errors import InsufficientRights, UnknownAttribute, UnknownBaseDn
from shared.runs.controllers import memory_without_doubts
from shared.settings.documents import DirectorySettings
from shared.work.parts import PartWork

_ANYTHING = "(objectClass=*)"


def reading_of(directory: ActiveDirectory, key: str = "") -> Reading:
    """The controller at this moment, before the first page is read. What it does not show is left out.

    ``key`` is that of its directory in the settings of the site.

    :raises RollcallError: it stopped answering.
    """
    domain = directory.domain()
    invocation_id = read_invocation_id(_value(directory, domain.service, "invocationId"))
    knows = read_vector(_value(directory, domain.base_dn, "replUpToDateVector")) if invocation_id else {}
    return Reading(
        controller=domain.controller,
        server=directory.server,
        service=domain.service,
        invocation_id=invocation_id,
        usn=domain.usn,
        knows=knows,
        read_at=datetime.now(UTC),
        is_read_only=domain.is_read_only,
        host=directory.host,
        directory=key,
        forest=domain.forest_dn,
    )


def heard_of(directory: ActiveDirectory) -> dict[str, datetime]:
    """By invocationId, when the controller last heard of each other one.

    :raises RollcallError: it stopped answering.
    """
    return read_times(_value(directory, directory.domain().base_dn, "replUpToDateVector"))


def ended(directory: ActiveDirectory, reading: Reading) -> Reading:
    """The reading after its last page: changes made meanwhile may be in it."""
    return replace(reading, usn_after=directory.domain().usn)


@contextmanager
def directory_of(part: PartWork, settings: DirectorySettings, key: str = "") -> Iterator[ActiveDirectory]:
    """A session with the controller that a part is to be read from.

    A run reads a directory from one controller: the one that is watched, where the watch has asked for the run; else the first in
    the order of the settings that is as fresh as the last reading which counted, else the one which that reading came from, else
    any. Another attempt begins with another one, because the one before may be what failed.

    :raises RollcallError: as ``ActiveDirectory``.
    """
    with part.context.database.read() as session:
        of_this_run, host = _read_from(session, part.run_id, key)
        memory = memory_without_doubts(session, part.site_id, key)
        watched = _watched_for(session, part, key)
    known = memory.servers
    # Where the server is the domain's name: the controller of this run, else the one used last. Another attempt takes any.
    hosts = () if part.attempt > 1 else (host,) if host else memory.hosts
    if watched is not None and not of_this_run and part.attempt == 1:
        of_this_run, hosts = watched.server, (watched.host or "",)
    if of_this_run and (part.attempt == 1 or (part.attempt == 2 and of_this_run not in known)):
        with ActiveDirectory(settings, preferred=(of_this_run,), hosts=hosts) as directory:
            yield directory
        return
    with ActiveDirectory(settings, part.attempt - 1, hosts=hosts) as directory:
        if part.kind is PartKind.UNIT:
            part.note({"controller": {"host": directory.host, "directory": key}})
        if part.attempt > 1 or not known or directory.server in known or _is_fresh(directory, memory):
            yield directory
            return
        passed_over = directory.passed_over
    with ActiveDirectory(settings, preferred=known, hosts=hosts) as directory:
        tried = {item.server for item in directory.passed_over}
        directory.passed_over += [item for item in passed_over if item.server not in tried]
        yield directory


def _read_from(session: Session, run_id: int, key: str) -> tuple[str, str]:
    """The address that a unit of the directory was read from last, and the IP address that one is read from; empty if none."""
    rows = session.execute(
        select(SnapshotPart.proof, SnapshotPart.state)
        .where(SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value)
        .order_by(SnapshotPart.completed_at.desc(), SnapshotPart.id)
    ).all()
    proofs = [(row.state, (row.proof or {}).get("controller") or {}) for row in rows]
    proofs = [(state, item) for state, item in proofs if item.get("directory", "") == key]
    read = [item for state, item in proofs if state == PartState.COMPLETE]
    pending = [item for state, item in proofs if state == PartState.PENDING]
    host = next((str(item["host"]) for item in [*read, *pending] if item.get("host")), "")
    return (str(read[0].get("server", "")) if read else "", host)


def _watched_for(session: Session, part: PartWork, key: str) -> WatchRow | None:
    """The watch of the directory, if it waits for what this run reads."""
    row = session.get(WatchRow, (part.site_id, key))
    if row is None or not row.server or row.needs_full_reading is None:
        return None
    return row if row.full_run_id == part.run_id else None


def _is_fresh(directory: ActiveDirectory, memory: Memory) -> bool:
    return memory.freshness_of((reading_of(directory),), "") is Freshness.PROVEN


def _value(directory: ActiveDirectory, dn: str, attribute: str) -> bytes:
    if not dn:
        return b""
    with suppress(UnknownBaseDn, InsufficientRights, UnknownAttribute):
        for entry in directory.reader.entries(Search(dn, _ANYTHING, (attribute,), Scope.BASE, 10)):
            return first_value(entry, attribute)
    return b""
