"""Beside a newer version: what it has added is shown as it is, and what only it can do is left to it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from services.api.access.accounts import add
from services.reconciler.plan_run import plan_run
from services.reconciler.run_inputs import bindings_of
from services.relay_client.execution.execute import execute_stage
from shared.database.tables import AccountRole, CommandRow, Run, RunState, SnapshotPart
from shared.domain.binding import BindingOrigin
from shared.domain.plan import counts_in_words
from shared.errors import NewerVersionNeeded
from shared.messages import LocateAbsent, SnapshotExtensions, SnapshotUnit
from shared.runs.history import last_good_run
from shared.work.due import due_messages
from shared.worker.context import Context
from tests.integration.api.conftest import serving
from tests.integration.cli.conftest import Terminal
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import PASSWORD, password_hash
from tests.support.first_release import KILLED_RUN

ADDED = "added_later"
COMMANDS = select(CommandRow.id, CommandRow.state, CommandRow.attempts).order_by(CommandRow.id)
GROWING = [
    ("findings", "code"), ("commands", "kind"), ("commands", "stage"), ("snapshot_parts", "kind"), ("runs", "kind"),
    ("bindings", "origin"),
]  # fmt: skip


@pytest.fixture
def newer(context: Context) -> Context:
    """The deployment after a newer version has written a word of its own wherever one may be added."""
    with context.database.begin() as session:
        add(session, "mary", "Mary", AccountRole.MANAGER, password_hash(), "test")
        add(session, "nina", "Nina", AccountRole.VIEWER, password_hash(), "test")
        session.execute(text("UPDATE accounts SET source = 'added_later' WHERE name = 'nina'"))
        for table, column in GROWING:
            # Of parts one kind only: the position of each counts within its kind.
            which = "WHERE kind = 'absent'" if table == "snapshot_parts" else ""
            session.execute(text(f"UPDATE {table} SET {column} = '{ADDED}' {which}"))
    return context


def test_the_api_shows_what_a_newer_version_has_added(newer: Context) -> None:
    with serving(newer) as api:
        runs = api.get("/api/v1/sites/default/runs").json()["items"]
        assert {run["kind"] for run in runs} == {ADDED}
        plan = api.get(f"/api/v1/runs/{KILLED_RUN}/plan")
        assert {(row["kind"], row["stage"]) for row in plan.json()["commands"]} == {(ADDED, ADDED)}
        findings = api.get("/api/v1/runs/1/findings").json()["items"]
        assert {row["code"] for row in findings} == {ADDED}
        assert api.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/runs", f"/runs/{KILLED_RUN}", f"/runs/{KILLED_RUN}/plan", f"/runs/{KILLED_RUN}/plan?kind={ADDED}",
     "/runs/1/findings", "/accounts"],
)  # fmt: skip
def test_the_console_shows_what_a_newer_version_has_added(newer: Context, path: str) -> None:
    with serving(newer) as client, Browser(str(client.base_url)) as mary:
        mary.sign_in("mary", PASSWORD)
        page = mary.get(f"/console{path}")
        assert (page.status, page.mistakes) == (200, [])
        assert "dded later" in page.text


def test_somebody_whose_password_only_a_newer_version_can_check_is_not_let_in(newer: Context) -> None:
    with serving(newer) as client, Browser(str(client.base_url)) as nina:
        assert nina.sign_in("nina", PASSWORD).response.url.path == "/console/sign-in"


@pytest.mark.sqlite_only("the command line reads the folder's file")
def test_the_command_line_shows_what_a_newer_version_has_added(
    newer: Context, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(folder, capsys)
    assert {run["kind"] for run in terminal("runs", "--json").json} == {ADDED}
    assert "added later" in terminal("plan", str(KILLED_RUN)).output
    assert ADDED in terminal("plan", "1").output


def test_counts_name_what_a_newer_version_has_added() -> None:
    assert counts_in_words({"create_extension": 2, ADDED: 1}) == "create 2, added later 1"


def test_a_binding_of_an_unknown_origin_is_taken_for_an_adopted_one(newer: Context) -> None:
    with newer.database.read() as session:
        assert {binding.origin for binding in bindings_of(session, "default")} == {BindingOrigin.ADOPTED}


def test_a_run_with_one_unknown_command_is_left_to_the_newer_worker_as_a_whole(context: Context) -> None:
    with context.database.begin() as session:
        last = update(CommandRow).where(CommandRow.run_id == KILLED_RUN, CommandRow.sequence == 62)
        session.execute(last.values(kind=ADDED, stage=ADDED))
    with context.database.read() as session:
        rows = session.execute(COMMANDS).all()
    with pytest.raises(NewerVersionNeeded, match="added later"):
        execute_stage(context, KILLED_RUN)
    with context.database.read() as session:
        assert session.execute(COMMANDS).all() == rows
        run = session.get_one(Run, KILLED_RUN)
        # However long the upgrade takes, the run does not fail for it.
        assert (run.state, run.attempts) == (RunState.EXECUTING, 0)


@pytest.mark.parametrize("table", [Run, SnapshotPart])
def test_a_run_of_an_unknown_kind_is_planned_by_the_newer_worker_only(
    context: Context, table: type[Run] | type[SnapshotPart]
) -> None:
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == 4).values(state=RunState.COLLECTING.value))
        one = update(table).where(table.id == 4) if table is Run else update(table).where(table.id == 23)
        session.execute(one.values(kind=ADDED))
    with pytest.raises(NewerVersionNeeded, match="Finish upgrading"):
        plan_run(context, 4)
    with context.database.read() as session:
        assert (session.get_one(Run, 4).state, session.get_one(Run, 4).attempts) == (RunState.COLLECTING, 0)


def test_a_part_of_an_unknown_kind_does_not_stop_the_others_from_being_read(context: Context) -> None:
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == 4).values(state=RunState.COLLECTING.value))
        session.execute(update(SnapshotPart).where(SnapshotPart.run_id == 4).values(state="pending"))
        session.execute(update(SnapshotPart).where(SnapshotPart.id == 23).values(kind=ADDED))
    with context.database.read() as session:
        due = due_messages(session, datetime.now(UTC), 4)
        (kind,) = session.execute(text("SELECT kind FROM snapshot_parts WHERE id = 23")).one()
    assert kind == ADDED
    assert {type(message) for message in due} == {SnapshotUnit, SnapshotExtensions}
    assert not any(isinstance(message, LocateAbsent) for message in due)


def test_a_run_of_an_unknown_kind_is_no_measure_for_the_next_one(context: Context) -> None:
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == 4).values(kind=ADDED))
    with context.database.read() as session:
        found = last_good_run(session, "default", before=5)
        assert found is not None
        assert found.id == 3
