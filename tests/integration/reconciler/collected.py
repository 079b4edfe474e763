"""Runs whose parts have been read, by the same steps as the services that read them, and what became of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from services.reconciler.plan_run import plan_run
from shared.database.columns import DEPARTMENT, PEER, written_beside
from shared.database.pages import Item
from shared.database.tables import (
    BindingRow,
    CommandRow,
    Event,
    FindingRow,
    PartKind,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.binding import Binding, Shown
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, Person
from shared.errors import BadCredentials
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import (
    DirectorySettings,
    Document,
    PhoneSystemSettings,
    RulesSettings,
    UnitSettings,
)
from shared.work.parts import PartWork
from shared.worker.context import Context
from tests.builders.domain import SALES, SUPPORT, make_phone_system

SITE = "default"
DIRECTORY = DirectorySettings(servers=("dc1",), units=(UnitSettings(dn=SALES), UnitSettings(dn=SUPPORT)))
PHONE_SYSTEM = PhoneSystemSettings(base_url="https://pbx.example.test:5001", client_id="rollcall")


def configure(context: Context, *documents: Document) -> None:
    """Save settings; without any, those that a run needs."""
    with context.database.begin() as session:
        for document in documents or (DIRECTORY, PHONE_SYSTEM, RulesSettings()):
            store.write(session, SITE, document, actor="test", encryption=context.encryption)


def start(context: Context, kind: RunKind = RunKind.FULL, person: str | None = None) -> int:
    """A run that has just been started."""
    with context.database.begin() as session:
        request = RunRequest(SITE, kind, actor="test", person_guid=person)
        return start_run(session, request, context.encryption).id


def collect(
    context: Context,
    run_id: int,
    people: Iterable[Person] = (),
    phone_system: PhoneSystemSnapshot | None = None,
    absent: Sequence[AbsentPerson] = (),
    *,
    unreadable: Sequence[str] = (),
) -> int:
    """Read every part of the run; ``unreadable`` are units, or "extensions", that fail for good."""
    observed = phone_system or make_phone_system()
    by_unit: dict[str, list[Person]] = {}
    for person in people:
        by_unit.setdefault(person.unit, []).append(person)
    with context.database.read() as session:
        found = session.scalars(
            select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.id)
        ).all()
    for part in found:
        claimed = PartWork(context, part.id, PartKind(part.kind))
        assert claimed.take()
        if part.unit in unreadable or part.kind in unreadable:
            refused = BadCredentials("The directory refused the password.")
            claimed.fail(refused)
            continue
        items: Sequence[Item] = by_unit.get(part.unit, [])
        proof: dict[str, Any] = {}
        if part.kind == PartKind.ABSENT:
            items = absent
        if part.kind == PartKind.EXTENSIONS:
            items = observed.extensions
            proof = {
                **written_beside("departments", DEPARTMENT, observed.departments),
                **written_beside("peers", PEER, observed.peers),
                "used_extensions": observed.used_extensions,
                "max_extensions": observed.max_extensions,
                "version": "20.0.6.0",
                "edits": [[edit.number, edit.by, edit.at] for edit in observed.edits],
            }
        claimed.store(items)
        claimed.complete(source="dc1", proof=proof)
    return run_id


def planned(
    context: Context,
    people: Iterable[Person] = (),
    phone_system: PhoneSystemSnapshot | None = None,
    absent: Sequence[AbsentPerson] = (),
    *,
    kind: RunKind = RunKind.FULL,
    person: str | None = None,
    unreadable: Sequence[str] = (),
) -> Run:
    """A run that was started, read and planned."""
    run_id = start(context, kind, person)
    collect(context, run_id, people, phone_system, absent, unreadable=unreadable)
    plan_run(context, run_id)
    return run_of(context, run_id)


def run_of(context: Context, run_id: int) -> Run:
    """The run as it stands."""
    with context.database.read() as session:
        return session.get_one(Run, run_id)


def end(context: Context, run: Run, state: RunState = RunState.DONE) -> None:
    """Let the run end, as its executor or a person would; one that is held is approved before it is done."""
    with context.database.begin() as session:
        session.execute(
            update(Run).where(Run.id == run.id).values(state=state.value, finished_at=datetime.now(UTC))
        )
        if state is RunState.DONE and run.state != RunState.EXECUTING:
            session.execute(update(Run).where(Run.id == run.id).values(approved_at=datetime.now(UTC)))


def bind(context: Context, *bindings: Binding) -> None:
    """Give people extensions."""
    with context.database.begin() as session:
        session.add_all(
            BindingRow(
                site_id=SITE,
                person_guid=binding.person_guid,
                extension_id=binding.extension_id,
                number=binding.number,
                origin=binding.origin.value,
                person_name=binding.person_name,
                is_disabled_by_rollcall=binding.disabled_by_rollcall,
                **({f"shown_{name}": text for name, text in (binding.shown or Shown())._asdict().items()}),
                updated_at=datetime.now(UTC),
            )
            for binding in bindings
        )


def commands_of(context: Context, run: Run) -> list[CommandRow]:
    """The stored commands in order."""
    with context.database.read() as session:
        found = select(CommandRow).where(CommandRow.run_id == run.id).order_by(CommandRow.sequence)
        return list(session.scalars(found))


def steps_of(context: Context, run: Run) -> list[str]:
    """The stored commands in a few words: "create_extension 201"."""
    return [f"{row.kind} {row.number}" for row in commands_of(context, run)]


def findings_of(context: Context, run: Run) -> list[str]:
    """The codes of the stored findings."""
    with context.database.read() as session:
        return list(session.scalars(select(FindingRow.code).where(FindingRow.run_id == run.id)))


def reasons_of(run: Run) -> list[str]:
    """Why the run is held."""
    return [reason["code"] for reason in run.hold_reasons["reasons"]]


def log_of(context: Context, run: Run) -> list[str]:
    """Codes of the run's entries in the Log, oldest first."""
    with context.database.read() as session:
        return list(session.scalars(select(Event.code).where(Event.run_id == run.id).order_by(Event.id)))
