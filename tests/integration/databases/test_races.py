"""What two transactions do at the same moment: on SQLite they take turns, elsewhere they meet."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from services.api.access import accounts, lockout, tokens
from services.api.settings.use_cases import sections as use_cases
from services.api.sites.use_cases import sites
from shared import encryption
from shared.database import events
from shared.database.engine import Database
from shared.database.tables import (
    Account,
    AccountRole,
    ApiToken,
    AuditEntry,
    Event,
    Lease,
    PartKind,
    Run,
    SettingsVersion,
    SignInAttempt,
    Site,
    SnapshotPart,
)
from shared.errors import Conflict, LeaseHeld, RollcallError
from shared.runs.start import RunRequest, start_run
from shared.settings.documents import Section
from shared.work import leases
from shared.work.parts import PartWork
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.conftest import READY
from tests.support.databases import deployment_settings

pytestmark = pytest.mark.every_database
MANY = 8


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Context:
    """A deployment that is ready to run."""
    process = deployment_settings(tmp_path)
    made = Context(create_app(process), process, database, encryption.load(process))
    use_cases.apply_settings(made, "default", READY, "test")
    return made


def _at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error of ours that it raised; all begin at the same moment."""
    begin = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def _one(place: int, call: Callable[[], Any]) -> None:
        begin.wait()
        try:
            answers[place] = call()
        except RollcallError as error:
            answers[place] = error

    threads = [threading.Thread(target=_one, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_many_takers_of_a_new_lease_one_has_it(database: Database) -> None:
    taken = _at_once(*(lambda n=n: leases.take(database, "work", f"worker {n}", 60) for n in range(MANY)))
    assert sorted(taken) == [False] * (MANY - 1) + [True]


def test_of_many_takers_of_an_expired_lease_one_has_it(database: Database) -> None:
    leases.take(database, "work", "dead", -1)
    taken = _at_once(*(lambda n=n: leases.take(database, "work", f"worker {n}", 60) for n in range(MANY)))
    assert sorted(taken) == [False] * (MANY - 1) + [True]


def test_of_many_starters_of_a_run_one_starts_it(context: Context) -> None:
    def _start() -> int:
        with context.database.begin() as session:
            return start_run(session, RunRequest("default"), context.encryption).id

    answers = _at_once(*[_start] * MANY)
    assert [type(answer) for answer in answers if not isinstance(answer, int)] == [Conflict] * (MANY - 1)
    with context.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Run)) == 1


def test_of_many_claimers_of_a_part_one_reads_it(context: Context) -> None:
    with context.database.begin() as session:
        start_run(session, RunRequest("default"), context.encryption)
        part = session.scalars(
            select(SnapshotPart.id).where(SnapshotPart.kind == PartKind.UNIT.value)
        ).first()
    assert part is not None
    claims = [PartWork(context, part, PartKind.UNIT) for _ in range(MANY)]
    assert sorted(_at_once(*(claim.take for claim in claims))) == [False] * (MANY - 1) + [True]


def test_an_executor_that_lost_its_lease_writes_nothing_beside_its_successor(database: Database) -> None:
    leases.take(database, "execute", "old", -1)
    leases.take(database, "execute", "new", 60)
    with pytest.raises(LeaseHeld), database.begin() as session:
        leases.fence(session, "execute", "old")


def test_nobody_takes_over_while_the_executor_writes(database: Database) -> None:
    leases.take(database, "execute", "old", 0.01)
    taken = threading.Event()

    def _take_over() -> None:
        # The first look may come before the old lease has run out.
        while not leases.take(database, "execute", "new", 60):
            time.sleep(0.01)
        taken.set()

    successor = threading.Thread(target=_take_over)
    with database.begin() as session:
        leases.fence(session, "execute", "old")
        successor.start()
        assert not taken.wait(0.4)
    successor.join(30)
    with database.read() as session:
        assert session.scalars(select(Lease.holder)).all() == ["new"]


def test_guesses_at_once_are_all_counted(context: Context) -> None:
    _at_once(*[lambda: lockout.count_attempt(context, "anna", "192.0.2.7")] * MANY)
    with context.database.read() as session:
        failures = select(SignInAttempt.failures).where(SignInAttempt.subject == "address:192.0.2.7")
        assert session.scalar(failures) == lockout.FREE_FOR_A_NAME


def test_two_managers_who_disable_each_other_leave_one(context: Context) -> None:
    with context.database.begin() as session:
        ids = [
            accounts.add(session, name, name, AccountRole.MANAGER, "hash", "test").id
            for name in ("anna", "bert")
        ]
    answers = _at_once(*(lambda one=one: accounts.disable(context, one, "test") for one in ids))
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1
    with context.database.read() as session:
        assert len(session.scalars(select(Account).where(Account.disabled_at.is_(None))).all()) == 1


def test_of_two_tokens_of_one_name_one_is_made(context: Context) -> None:
    answers = _at_once(*[lambda: tokens.create_token(context, "backup")] * 4)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    with context.database.read() as session:
        assert len(session.scalars(select(ApiToken.id)).all()) == 1


def test_of_two_who_save_the_same_settings_one_is_told_to_look_again(context: Context) -> None:
    def _save(removals: int) -> int:
        return use_cases.replace_section(
            context, "default", Section.LIMITS, {"removals": removals}, "test", expected_version=0
        )

    answers = _at_once(*(lambda n=n: _save(n) for n in range(20, 24)))
    assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True, True, True]
    with context.database.read() as session:
        limits = select(SettingsVersion.version).where(SettingsVersion.section == "limits")
        assert session.scalars(limits).all() == [1]


def test_many_changes_at_once_are_one_chain_in_the_audit(context: Context) -> None:
    _at_once(*(lambda n=n: sites.create_site(context, f"site-{n}", "test") for n in range(MANY)))
    with context.database.read() as session:
        assert events.first_broken_audit_entry(session) is None
        assert (
            len(session.scalars(select(AuditEntry.id).where(AuditEntry.action == "site.created")).all())
            == MANY
        )


def test_a_reader_sees_one_moment_however_long_it_reads(database: Database) -> None:
    with database.read() as reader:
        assert reader.scalars(select(Event.id)).all() == []
        with database.begin() as session:
            events.record(session, "default", events.LogEntry("test.meanwhile", "Meanwhile."))
            session.execute(update(Site).values(name="changed"))
        if database.url.get_backend_name() != "mssql":
            assert reader.scalars(select(Event.id)).all() == []
    with database.read() as reader:
        assert len(reader.scalars(select(Event.id)).all()) == 1
