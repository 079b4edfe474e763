"""Whoever can write the database can change the audit, but not so that it still verifies."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from services.api.accounts import queries as audit
from services.api.accounts.queries import audit_head, audit_state, begin_sealing, verify_audit
from services.api.operations.use_cases import backup, key_rotation
from services.scheduler import due_runs
from shared import encryption
from shared.database import audit_chain, events
from shared.database.audit_chain import FIRST_HASH, Problem, audit_hash
from shared.database.engine import Database
from shared.database.tables import AuditEntry, AuditHead
from shared.encryption import Encryption, new_key
from shared.process_settings import load
from shared.worker.context import Context
from tests.integration.cli.conftest import Terminal

pytestmark = pytest.mark.every_database
SITE = "default"


def _write(context: Context, count: int = 1) -> None:
    for number in range(count):
        with context.database.begin() as session:
            events.audit(session, SITE, actor="anna", action="run.approved", details={"run": number})


@pytest.fixture
def written(context: Context) -> Context:
    """An audit of six entries."""
    _write(context, 6)
    return context


def _entries(session: Session) -> list[AuditEntry]:
    return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def _rechained(
    session: Session, *, seal: Callable[[AuditEntry], str | None] = lambda entry: entry.seal
) -> None:
    """Make every link and hash right again: all that can be done without the key."""
    previous = FIRST_HASH
    for entry in _entries(session):
        entry.previous_hash = previous
        entry.hash = previous = audit_hash(entry)
        entry.seal = seal(entry)
    session.flush()


def _edit(session: Session) -> None:
    _entries(session)[2].actor = "nobody"


def _edit_and_rechain(session: Session) -> None:
    _edit(session)
    _rechained(session)


def _remove_and_rechain(session: Session) -> None:
    session.delete(_entries(session)[2])
    session.flush()
    _rechained(session)


def _rechain_with_another_key(session: Session) -> None:
    _edit(session)
    _rechained(session, seal=lambda entry: hashlib.sha256(b"guess" + entry.hash.encode()).hexdigest())


def _take_seals_away_behind(session: Session) -> None:
    _edit(session)
    _rechained(session, seal=lambda entry: None if entry.details["run"] >= 2 else entry.seal)


def _add_one(session: Session) -> None:
    last = _entries(session)[-1]
    added = AuditEntry(
        site_id=SITE, occurred_at=last.occurred_at, actor="anna", action="run.approved", details={},
        previous_hash=last.hash, seal=None, hash="",
    )  # fmt: skip
    added.hash = audit_hash(added)
    session.add(added)


# What was done, and which entry (counted from 0) is the first bad one.
CHANGED: list[tuple[Callable[[Session], None], int, Problem]] = [
    (_edit, 2, Problem.CHANGED),
    (_edit_and_rechain, 2, Problem.CHANGED),
    (_remove_and_rechain, 2, Problem.CHANGED),
    (_rechain_with_another_key, 0, Problem.CHANGED),
    (_take_seals_away_behind, 2, Problem.NOT_SEALED),
    (_add_one, 6, Problem.NOT_SEALED),
]


@pytest.mark.parametrize(
    ("attack", "place", "problem"), CHANGED, ids=[attack.__name__.strip("_") for attack, _, _ in CHANGED]
)
def test_the_first_entry_that_is_not_as_it_was_written_is_named(
    written: Context, attack: Callable[[Session], None], place: int, problem: Problem
) -> None:
    assert audit_state(written).is_whole
    with written.database.begin() as session:
        attack(session)
    with written.database.read() as session:
        bad = _entries(session)[place].id
    state = audit_state(written)
    assert (state.problem, state.first_bad) == (problem, bad)
    assert str(bad) in state.message
    assert verify_audit(written) == bad


def _cut(session: Session) -> None:
    for entry in _entries(session)[-2:]:
        session.delete(entry)


def _cut_everything(session: Session) -> None:
    session.execute(delete(AuditEntry))


def _cut_with_the_head(session: Session) -> None:
    _cut(session)
    session.execute(delete(AuditHead))


def _cut_and_move_the_head(session: Session) -> None:
    _cut(session)
    session.flush()
    last = _entries(session)[-1]
    # The seals that are there are for other things: an entry's is no head's.
    session.execute(update(AuditHead).values(entries=4, hash=last.hash, seal=last.seal))


CUTS = (_cut, _cut_everything, _cut_with_the_head, _cut_and_move_the_head)


@pytest.mark.parametrize("goes_on", [False, True], ids=["at once", "after the next entry"])
@pytest.mark.parametrize("cut", CUTS, ids=[cut.__name__.strip("_") for cut in CUTS])
def test_an_end_that_was_cut_off_is_missed_also_after_the_next_entry(
    written: Context, cut: Callable[[Session], None], goes_on: bool
) -> None:
    kept = audit_head(written)
    with written.database.begin() as session:
        cut(session)
    if goes_on:
        _write(written, 2)
    state = audit_state(written)
    assert (state.problem, state.first_bad) == (Problem.END_MISSING, None)
    assert not audit_state(written, kept).is_whole


def test_everything_made_anew_without_the_key_is_noticed(written: Context) -> None:
    with written.database.begin() as session:
        _edit(session)
        _rechained(session, seal=lambda entry: None)
        session.execute(delete(AuditHead))
    assert audit_state(written).problem is Problem.NOTHING_SEALED


def test_an_older_copy_of_the_whole_database_is_noticed_by_a_head_kept_elsewhere(written: Context) -> None:
    with written.database.read() as session:
        older = session.get_one(AuditHead, 1)
    _write(written, 2)
    kept = audit_head(written)
    with written.database.begin() as session:
        _cut(session)
        values = {"entries": older.entries, "hash": older.hash, "lost": older.lost, "seal": older.seal}
        session.execute(update(AuditHead).values(values))
    assert audit_state(written).is_whole
    state = audit_state(written, kept)
    assert (state.problem, state.expected, state.entries) == (Problem.END_MISSING, 8, 6)


def test_a_head_of_any_earlier_moment_is_found_and_one_of_elsewhere_is_not(written: Context) -> None:
    kept = audit_head(written)
    _write(written, 3)
    assert audit_state(written, kept).is_whole
    count, entry_hash, seal = kept.split(".")
    for made_up in (
        f"9.{entry_hash}.{seal}", f"{count}.{'0' * 64}.{seal}", "5.x.y", "x", "9" * 40 + ".a.b", "1.ä.ö",
    ):  # fmt: skip
        assert audit_state(written, made_up).problem is Problem.HEAD_NOT_OURS


def test_the_audit_of_a_version_without_seals_is_sealed_by_the_upgrade(context: Context) -> None:
    without = Database(context.database.url.render_as_string(hide_password=False))
    for number in range(4):
        with without.begin() as session:
            events.audit(session, SITE, actor="anna", action="run.approved", details={"run": number})
    assert audit_state(context).problem is Problem.NOTHING_SEALED
    assert not begin_sealing(context, "upgrade", audit_chain.SEALED_SINCE)
    assert begin_sealing(context, "upgrade", "0009")
    assert audit_state(context).is_whole
    with without.begin() as session:
        # An older version beside a newer one is told of, and does not count as a cut.
        events.audit(session, SITE, actor="anna", action="run.approved", details={})
    without.close()
    _write(context)
    assert audit_state(context).problem is Problem.NOT_SEALED
    with context.database.begin() as session:
        _entries(session)[1].actor = "nobody"
        _rechained(session)
    with context.database.read() as session:
        # Only the seal behind it can tell.
        assert audit_state(context).first_bad == _entries(session)[4].id


def test_another_key_keeps_it_verifiable_and_makes_nothing_good(written: Context) -> None:
    with written.database.begin() as session:
        _entries(session)[4].details = {"run": 99}
        _rechained(session)
    bad = audit_state(written).first_bad
    assert bad is not None
    both = Context(
        written.app, written.settings, written.database, Encryption(new_key(), *written.encryption.keys)
    )
    assert key_rotation.key_state(both).older_seals == 5
    key_rotation.encrypt_anew(both)
    assert key_rotation.key_state(both).older_seals == 0
    alone = Context(written.app, written.settings, written.database, Encryption(both.encryption.keys[0]))
    assert audit_state(alone).first_bad == bad


def test_replacing_the_key_file_keeps_the_audit_whole(written: Context) -> None:
    kept = audit_head(written)
    key_rotation.rotate_keys(written, "anna")
    again = Context(written.app, written.settings, written.database, encryption.load(written.settings))
    assert len(again.encryption.keys) == 1
    assert audit_state(again).is_whole
    # An older head is found by its place, whatever key it was signed with.
    assert audit_state(again, kept).is_whole


def test_the_head_is_told_in_the_log_and_kept_in_backups(
    written: Context, capfd: pytest.CaptureFixture[str]
) -> None:
    due_runs.sweep(written)
    assert f"head={audit_head(written)}" in capfd.readouterr().out
    due_runs.sweep(written)
    assert "audit_head" not in capfd.readouterr().out
    kept = audit_head(written)
    assert backup.collect(written, "anna")[backup.AUDIT_HEAD] == [kept]
    # The backup's own entry came behind it.
    assert audit_state(written, kept).is_whole
    assert audit.audit_head(written) != kept


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, capsys)


def test_the_command_line_verifies_shows_the_head_and_fails_when_it_must(terminal: Terminal) -> None:
    assert terminal("site", "create", "oslo").code == 0
    head = terminal("audit", "head").output.strip()
    well = terminal("audit", "verify", "--head", head)
    assert (well.code, "The audit is complete" in well.notes) == (0, True)
    told = json.loads(terminal("audit", "verify", "--json").output)
    assert (told["is_whole"], told["head"]) == (True, head)
    database = Database(load(data=terminal.data).effective_database_url)
    with database.begin() as session:
        session.execute(text("UPDATE audit SET actor = 'nobody'"))
    database.close()
    broken = terminal("audit", "verify")
    assert broken.code == 1
    assert "was changed" in broken.notes
