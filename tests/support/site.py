"""A site under test: its settings, its runs from start to end, and what the database says of them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import bindparam, select, update

from services.api.runs.use_cases import runs
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import embedded, open_deployment, workers
from shared.database.engine import Database
from shared.database.tables import (
    BindingRow,
    CommandRow,
    Event,
    FindingRow,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.command import CommandState
from shared.encryption import Encryption
from shared.process_settings import ProcessSettings
from shared.work.publishing import publish_due
from shared.worker.context import Context, share
from tests.support.databases import deployment_settings
from tests.support.waiting import wait_until

ENDED = {RunState.IN_STEP, RunState.DONE, RunState.FAILED, RunState.CANCELLED}
WAITING = {RunState.PLANNED, RunState.HELD}
SITE = "default"
_STATE = select(Run.state).where(Run.id == bindparam("run"))

Wiring = Callable[[Celery, ProcessSettings, Database, Encryption], Context]


class Site:
    """One site through the use cases that the API and the command line call; workers run elsewhere."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def configure(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        """Apply settings as an administrator would; each section named is replaced as a whole."""
        settings.apply_settings(self.context, SITE, sections, actor="test")

    def start_run(self, kind: RunKind = RunKind.FULL, person: str | None = None) -> int:
        """Start a run on demand; its id."""
        return runs.start(self.context, SITE, kind, actor="test", person=person).id

    def approve(self, run_id: int, leave_out: Collection[int] = ()) -> None:
        """Approve the run's plan as it stands."""
        runs.approve(
            self.context, run_id, self.run(run_id).plan_hash or "", actor="test", leave_out=leave_out
        )

    def wait_for(self, run_id: int, states: Collection[RunState], seconds: float = 60) -> Run:
        """Wait until the run is in one of the states."""
        try:
            wait_until(f"run {run_id} in {sorted(states)}", lambda: self._state(run_id) in states, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {self.run(run_id).state}.\n{self.story()}") from error
        return self.run(run_id)

    def plan(self, kind: RunKind = RunKind.FULL, person: str | None = None) -> Run:
        """Start a run and wait until it is planned: it waits for a person, has ended, or goes on by itself."""
        return self.wait_for(self.start_run(kind, person), ENDED | WAITING | {RunState.EXECUTING})

    def finish(self, run_id: int, seconds: float = 60) -> Run:
        """Wait for the plan, approve it when held, and wait for the end."""
        # What no guard holds is executed before the run waits.
        run = self.wait_for(run_id, ENDED | WAITING, seconds)
        if run.state in WAITING:
            self.approve(run_id)
        return self.wait_for(run_id, ENDED, seconds)

    def complete(self, kind: RunKind = RunKind.FULL, person: str | None = None) -> Run:
        """A run from its start to its end, approved when held."""
        return self.finish(self.start_run(kind, person))

    def bring_forward(self, run_id: int) -> None:
        """Let the time pass until the run's next attempts at reading are due, without waiting for it."""
        with self.context.database.begin() as session:
            session.execute(
                update(SnapshotPart)
                .where(SnapshotPart.run_id == run_id, SnapshotPart.next_attempt_at > datetime.now(UTC))
                .values(next_attempt_at=datetime.now(UTC))
            )
        publish_due(self.context, run_id)

    def _state(self, run_id: int) -> str | None:
        # Asked fifty times a second by every test that waits.
        with self.context.database.glance() as session:
            return session.scalar(_STATE, {"run": run_id})

    def run(self, run_id: int) -> Run:
        """The run as it stands."""
        with self.context.database.read() as session:
            return session.get_one(Run, run_id)

    def commands(self, run_id: int) -> list[CommandRow]:
        """The run's commands in order."""
        with self.context.database.read() as session:
            return list(
                session.scalars(
                    select(CommandRow).where(CommandRow.run_id == run_id).order_by(CommandRow.sequence)
                )
            )

    def done(self, run_id: int) -> list[tuple[str, str]]:
        """Kind and number of every command of the run that was carried out, in order."""
        return [
            (row.kind, row.number) for row in self.commands(run_id) if row.state == CommandState.DONE.value
        ]

    def parts(self, run_id: int) -> list[SnapshotPart]:
        """The parts of the run's snapshot."""
        with self.context.database.read() as session:
            return list(
                session.scalars(
                    select(SnapshotPart).where(SnapshotPart.run_id == run_id).order_by(SnapshotPart.id)
                )
            )

    def findings(self, run_id: int) -> dict[str, list[FindingRow]]:
        """The run's findings by code."""
        found: dict[str, list[FindingRow]] = {}
        with self.context.database.read() as session:
            for row in session.scalars(select(FindingRow).where(FindingRow.run_id == run_id)):
                found.setdefault(row.code, []).append(row)
        return found

    def bindings(self) -> dict[str, BindingRow]:
        """Who has which extension, by objectGUID."""
        with self.context.database.read() as session:
            return {row.person_guid: row for row in session.scalars(select(BindingRow))}

    def log(self, code: str | None = None) -> list[str]:
        """The messages of the Log, of one code or all."""
        with self.context.database.read() as session:
            rows = session.scalars(select(Event).order_by(Event.id))
            return [row.message for row in rows if code in (None, row.code)]

    def hold_reasons(self, run_id: int) -> set[str]:
        """The codes of the reasons for which the run's plan is held."""
        return {reason["code"] for reason in self.run(run_id).hold_reasons.get("reasons", [])}

    def story(self) -> str:
        """The end of the Log, for a failed test's message."""
        return "\n".join(self.log()[-30:])


@contextmanager
def embedded_site(
    folder: Path, wiring: Wiring = Context, *, with_beat: bool = False, **process: Any
) -> Iterator[Site]:
    """A whole Rollcall in this process on a data folder, with beat when the test needs the clock.

    ``wiring`` makes the context of the tasks: a test of lost messages gives one that loses them.
    """
    opened = open_deployment(deployment_settings(folder, **process))
    context = wiring(opened.app, opened.settings, opened.database, opened.encryption)
    share(context)
    try:
        with embedded(context) if with_beat else workers(context):
            yield Site(context)
    finally:
        context.database.close()
