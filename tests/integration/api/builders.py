"""Makes runs with plans, snapshots and Log entries as the other services would have left them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from shared.database.commands import command_values, finding_values
from shared.database.pages import write_page
from shared.database.tables import (
    BindingRow,
    CommandRow,
    Event,
    FindingRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.command import Command, CommandKind
from shared.domain.person import Person
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.runs.start import RunRequest, start_run
from shared.worker.context import Context

ADA = "0f8fad5b-d9cb-469f-a165-70867728950e"
ALAN = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SALES = "OU=Sales,DC=corp,DC=example"
COMMANDS = (
    Command(1, CommandKind.CREATE_DEPARTMENT, "Sales is missing.", after={"name": "Sales"}),
    Command(
        2,
        CommandKind.CREATE_EXTENSION,
        "Ada is new.",
        number="100",
        person_guid=ADA,
        person_name="Ada Lovelace",
        after={"number": "100"},
        requires=(1,),
        unit=SALES,
    ),
    Command(3, CommandKind.UPDATE_EXTENSION, "Ada's mobile.", number="100", person_guid=ADA, requires=(2,)),
    Command(4, CommandKind.DISABLE_EXTENSION, "Alan left.", number="101", person_guid=ALAN, extension_id=9),
)
CLASH = Finding(
    FindingCode.DUPLICATE_NUMBER,
    Severity.CONFLICT,
    "Ada and Alan both have 100.",
    "100",
    (ADA, ALAN),
    ("Ada", "Alan"),
)


def make_person(guid: str = ADA, **changes: object) -> Person:
    """Ada, or whoever the changes make of her."""
    values: dict[str, object] = {
        "distinguished_name": f"CN=Ada Lovelace,{SALES}",
        "unit": SALES,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@corp.example",
        "number": "100",
        "number_text": "+1 555 0100",
        "login": "ada",
    }
    return Person(guid, **(values | changes))  # type: ignore[arg-type]


def make_run(context: Context, kind: RunKind = RunKind.FULL, site: str = "default") -> int:
    """A run that has just been started; its id."""
    with context.database.begin() as session:
        return start_run(session, RunRequest(site, kind, actor="test"), context.encryption).id


def make_plan(
    context: Context,
    commands: Sequence[Command] = COMMANDS,
    state: RunState = RunState.HELD,
    superseded_by: int | None = None,
) -> tuple[int, str]:
    """A run whose plan waits; its id and plan hash."""
    run_id = make_run(context)
    plan = Plan(tuple(commands), (CLASH,), people=2)
    reasons = {"reasons": [{"code": "first_run", "message": "This is the first run.", "unit": None}]}
    with context.database.begin() as session:
        for command in commands:
            session.execute(insert(CommandRow).values(command_values(run_id, command)))
        session.execute(insert(FindingRow).values(finding_values(run_id, CLASH)))
        session.execute(
            update(Run)
            .where(Run.id == run_id)
            .values(
                state=state.value,
                plan_hash=plan.content_hash,
                counts=dict(plan.counts),
                people=2,
                hold_reasons=reasons if state is RunState.HELD else {},
                planned_at=datetime.now(UTC),
                superseded_by=superseded_by,
            )
        )
    return run_id, plan.content_hash


def set_state(context: Context, run_id: int, state: RunState, **values: object) -> None:
    """Move a run as another service would."""
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state=state.value, **values))


def complete_units(context: Context, run_id: int, people: Sequence[Person]) -> None:
    """Complete every unit of a run; the first one holds the people."""
    with context.database.begin() as session:
        parts = session.scalars(
            select(SnapshotPart).where(
                SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value
            )
        ).all()
        for position, part in enumerate(parts):
            part.state = PartState.COMPLETE.value
            part.page_count = 0 if position else 1
        write_page(session, parts[0].id, 0, 0, people)


def bind(context: Context, guid: str = ADA, number: str = "100", name: str = "Ada Lovelace") -> None:
    """Give the person an extension."""
    with context.database.begin() as session:
        session.add(
            BindingRow(
                site_id="default",
                person_guid=guid,
                extension_id=int(number),
                number=number,
                origin="created",
                person_name=name,
                updated_at=datetime.now(UTC),
            )
        )


def fill_log(context: Context, count: int, site: str = "default") -> datetime:
    """Entries a second apart, every tenth a warning of run 7 about number 100; returns the first one's time."""
    first = datetime.now(UTC) - timedelta(seconds=count)
    rows = [
        {
            "site_id": site,
            "run_id": 7 if position % 10 == 0 else 8,
            "occurred_at": first + timedelta(seconds=position),
            "level": "warning" if position % 10 == 0 else "info",
            "code": "extension.failed" if position % 10 == 0 else "extension.created",
            "message": f"Entry {position}.",
            "actor": "system",
            "number": "100" if position % 10 == 0 else "101",
        }
        for position in range(count)
    ]
    with context.database.begin() as session:
        session.execute(insert(Event), rows)
    return first
