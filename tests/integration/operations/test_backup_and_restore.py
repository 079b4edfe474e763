"""A backup brings everything back, into another database with another key; or nothing, when anything is wrong."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from services.api.access import tokens
from services.api.operations.use_cases import backup
from services.api.operations.use_cases.restore import restore
from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import sites
from shared.database.tables import (
    Account,
    Asset,
    AuditEntry,
    Base,
    BindingRow,
    CommandRow,
    ConsoleSession,
    GivenNumberRow,
    GraceRow,
    Run,
    RunState,
    SettingsVersion,
)
from shared.errors import BackupUnusable, Conflict
from shared.worker.context import Context
from tests.integration.api.builders import make_plan, make_run, set_state
from tests.integration.api.conftest import CLIENT_SECRET, READY, SECRET
from tests.integration.cli.conftest import PEOPLE, Ends, Terminal
from tests.integration.operations.deployments import empty_deployment

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEFT_OUT = {
    "runs", "snapshot_parts", "snapshot_pages", "commands", "findings", "events", "audit", "leases",
    "phone_system_tokens", "console_sessions", "sign_in_attempts", "setup_links",
    # What a reading is measured by; after a restore the first plan is looked at by a person anyway.
    "reading_memories", "person_doubts",
    # What 3CX had at that moment; finished by then, or found again.
    "owed_steps",
    # People set them up again: where the passphrase of a backup is lost, no app or passkey is lost with it.
    "second_factors", "sign_in_challenges",
    # How far a controller was followed; a restored deployment begins anew, with a full run.
    "watches", "changes",
    # Made anew by the next full run.
    "roll", "roll_readings",
    # What was told lasts, or is told again; what waited to be sent was for people of that day.
    "notified_states", "outbox",
    # Of this deployment's broker.
    "refusals",
    # Of the audit, which the database's own backup keeps; the head is beside the tables.
    "audit_heads",
}  # fmt: skip
# Compared as it is stored, without the numbers that the database gives and the key that it is encrypted with.
NOT_COMPARED = {"id", "document", "actor"}


def _fill(context: Context) -> str:
    """A deployment with two sites and some of everything that a backup keeps; a token that is good at it."""
    sites.create_site(context, "oslo", "test", "Oslo")
    for site in ("default", "oslo"):
        settings.apply_settings(context, site, READY, "test")
    with context.database.begin() as session:
        session.add_all(
            BindingRow(
                site_id=site, person_guid=f"{site} {number}", extension_id=number, number=str(number),
                origin="adopted", person_name="Åsa [1]", is_disabled_by_rollcall=number == 3, updated_at=NOW,
            )
            for site in ("default", "oslo")
            for number in range(600)
        )  # fmt: skip
        session.add(
            Asset(site_id="oslo", kind="logo", media_type="image/png", width=2, height=3, sha256="0" * 64,
                  content=bytes(range(256)), updated_at=NOW)
        )  # fmt: skip
        session.add(
            GraceRow(site_id="oslo", holder="oslo 3", extension_id=3, number="3", name="Åsa [1]", departure="deleted",
                     days=30, is_kept=True)
        )  # fmt: skip
        session.add(
            GivenNumberRow(site_id="oslo", number="231", person_guid="oslo 3", person_name="Åsa [1]", given_at=NOW,
                           is_used=True, released_at=NOW, write_to="ipPhone", written_to="ipPhone")
        )  # fmt: skip
        session.add(
            Account(name="mary", display_name="Mary", role="manager", source="own", password_hash="$argon2id$x",
                    created_at=NOW)
        )  # fmt: skip
    return tokens.create_token(context, "monitoring")


def _stored(context: Context) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that a backup keeps."""
    found: dict[str, list[dict[str, Any]]] = {}
    with context.database.read() as session:
        kept: dict[str, type[Base]] = {**backup.TABLES, "settings": SettingsVersion}
        for name, table in kept.items():
            rows = [
                {
                    column: getattr(row, column)
                    for column in dict(table.__table__.columns)
                    if column not in NOT_COMPARED and not (name == "settings" and column == "created_at")
                }
                for row in session.scalars(select(table))
            ]
            found[name] = sorted(rows, key=repr)
    return found


def _carried(context: Context) -> backup.Backup:
    """A backup of the deployment after its way through a file."""
    return backup.parse(json.loads(json.dumps(backup.collect(context, "anna"))))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Context]:
    """An empty deployment with a key of its own."""
    made = empty_deployment(tmp_path / "other")
    yield made
    made.database.close()


@pytest.mark.every_database
def test_an_empty_database_gets_everything_back(context: Context, other: Context) -> None:
    token = _fill(context)
    restored = restore(other, _carried(context), "anna")
    assert (restored.sites, restored.bindings, restored.accounts, restored.tokens) == (2, 1200, 1, 1)
    assert _stored(other) == _stored(context)
    for site in ("default", "oslo"):
        stored = other.site_settings(site).settings
        assert stored.directory.password.get_secret_value() == SECRET
        assert stored.phone_system.client_secret.get_secret_value() == CLIENT_SECRET
    found = tokens.valid_token(other, token)
    assert found is not None
    assert found.name == "monitoring"
    with other.database.read() as session:
        assert "backup.restored" in session.scalars(select(AuditEntry.action)).all()


def test_a_run_after_a_wipe_and_a_restore_has_nothing_to_do(
    configured: Terminal,
    ends: Ends,
    tmp_path: Path,
    passphrase_file: Path,
    terminal_at: Callable[[str], Terminal],
) -> None:
    configured("run", "--wait")
    plan = configured("plan", "1", "--json").json
    assert configured("approve", "1", "--hash", plan["plan_hash"], "--wait").code == 0
    assert len(ends.phone_system.state.users) == 3 + PEOPLE
    file = tmp_path / "rollcall.backup"
    assert configured("backup", str(file), "--passphrase-file", str(passphrase_file)).code == 0
    assert file.stat().st_mode & 0o077 == 0

    wiped = terminal_at("wiped")
    answer = wiped("restore", str(file), "--passphrase-file", str(passphrase_file))
    assert answer.code == 0, answer.notes
    run = wiped("run", "--wait", "--json")
    assert (run.json["state"], run.json["counts"]) == ("in_step", {})


def test_a_database_in_use_is_not_touched_unless_asked(context: Context, other: Context) -> None:
    _fill(context)
    settings.apply_settings(other, "default", {"limits": {"removals": 7}}, "test")
    before = _stored(other)
    with pytest.raises(Conflict, match="it has settings"):
        restore(other, _carried(context), "anna")
    assert _stored(other) == before


def test_replacing_gives_up_what_is_there_but_not_its_history(context: Context, other: Context) -> None:
    _fill(context)
    settings.apply_settings(other, "default", READY | {"limits": {"removals": 7}}, "test")
    settings.apply_settings(other, "default", {"limits": {"removals": 8}}, "test")
    run_id, _hash = make_plan(other)
    with other.database.begin() as session:
        account = Account(name="bob", display_name="Bob", role="viewer", created_at=NOW)
        session.add(account)
        session.flush()
        values = {"token_hash": "0" * 64, "account_id": account.id, "address": "::1", "created_at": NOW,
                  "last_seen_at": NOW, "expires_at": NOW}  # fmt: skip
        session.execute(insert(ConsoleSession).values(values))
    restore(other, _carried(context), "anna", replace=True)
    found = other.site_settings("default")
    # As the backup has it: the section was never saved there. The versions go on, so that no editor overwrites unseen.
    assert (found.settings.limits.removals, found.versions["limits"]) == (5, 3)
    with other.database.read() as session:
        assert session.scalars(select(Account.name)).all() == ["mary"]
        assert not session.scalar(select(func.count()).select_from(ConsoleSession))
        run = session.get_one(Run, run_id)
        assert (run.state, run.error_code) == (RunState.CANCELLED, "cancelled")
        assert session.scalar(select(func.count()).select_from(CommandRow))


def test_nothing_is_restored_while_a_run_is_going(context: Context, ready: Context, other: Context) -> None:
    carried = _carried(ready)
    run_id = make_run(ready)
    with pytest.raises(Conflict, match=f"Run {run_id} is still active"):
        restore(context, carried, "anna", replace=True)
    set_state(ready, run_id, RunState.CANCELLED)
    restore(context, carried, "anna", replace=True)


def test_a_site_that_the_backup_does_not_know_is_not_removed_silently(
    context: Context, other: Context
) -> None:
    carried = _carried(context)
    sites.create_site(other, "bergen", "test")
    before = _stored(other)
    with pytest.raises(Conflict, match="rollcall site remove bergen"):
        restore(other, carried, "anna", replace=True)
    assert _stored(other) == before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content.pop("bindings"), "contains data that this version"),
        (lambda content: content.update(plans=[]), "contains data that this version"),
        (lambda content: content.update(tokens={}), "are not a list"),
        (lambda content: content["bindings"][0].pop("number"), "do not match"),
        (lambda content: content["bindings"][0].update(added_later=1), "do not match"),
        (lambda content: content["bindings"][0].update(extension_id="x"), "do not match"),
        (lambda content: content["sites"].pop(), "not in it"),
        (lambda content: content["settings"][0].update(section="fax"), "does not know"),
        (lambda content: content["settings"][0]["document"].update(fax=1), "Unknown setting"),
        (lambda content: content["settings"][0].update(version=0), "do not match"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused_before_anything_is_changed(
    context: Context, spoil: Callable[[dict[str, Any]], object], said: str
) -> None:
    _fill(context)
    content = json.loads(json.dumps(backup.collect(context, "anna")))
    spoil(content)
    with pytest.raises(BackupUnusable, match=said) as refused:
        backup.parse(content)
    assert SECRET not in refused.value.message
    assert "Nothing was changed" in refused.value.message


def test_rows_that_contradict_each_other_leave_the_database_as_it_was(
    context: Context, other: Context
) -> None:
    _fill(context)
    content = backup.collect(context, "anna")
    content["bindings"].append(content["bindings"][0])
    before = _stored(other)
    with pytest.raises(BackupUnusable, match="contradict each other"):
        restore(other, backup.parse(content), "anna")
    assert _stored(other) == before


def test_a_secret_that_cannot_be_read_is_said_when_the_backup_is_made(
    rollcall: Terminal, configured: Terminal, passphrase_file: Path, tmp_path: Path
) -> None:
    (rollcall.data / "secret.key").write_text("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=")
    answer = rollcall("backup", str(tmp_path / "b"), "--passphrase-file", str(passphrase_file))
    assert answer.code == 1
    assert "secret_unreadable" in answer.notes
    assert not (tmp_path / "b").exists()


def test_days_of_grace_begin_anew_after_a_restore_and_what_was_decided_stands(
    context: Context, other: Context
) -> None:
    _fill(context)
    with context.database.begin() as session:
        session.execute(update(GraceRow).values(began_at=NOW, ends_at=NOW, until=NOW))
    restore(other, _carried(context), "anna")
    with other.database.read() as session:
        (row,) = session.scalars(select(GraceRow)).all()
    assert (row.began_at, row.ends_at, row.until, row.is_kept) == (None, None, NOW, True)


def test_a_site_of_an_older_backup_goes_on_deleting_at_once(context: Context, other: Context) -> None:
    sites.create_site(context, "oslo", "test")
    content = json.loads(json.dumps(backup.collect(context, "anna")))
    for site in content["sites"]:
        del site["beginning"]
    restore(other, backup.parse(content), "anna")
    for site in ("default", "oslo"):
        assert context.site_settings(site).settings.rules.when_deleted == "disable_then_delete"
        assert other.site_settings(site).settings.rules.when_deleted == "delete"


@pytest.mark.parametrize("missing", ["graces", "given_numbers"])
def test_a_backup_of_a_version_without_what_came_later_is_restored(
    context: Context, other: Context, missing: str
) -> None:
    _fill(context)
    content = json.loads(json.dumps(backup.collect(context, "anna")))
    del content[missing]
    assert restore(other, backup.parse(content), "anna").bindings == 1200


def test_every_table_is_kept_by_a_backup_or_left_out_on_purpose() -> None:
    kept = {table.__tablename__ for table in backup.TABLES.values()} | {"settings"}
    assert set(Base.metadata.tables) == kept | LEFT_OUT


def test_every_field_of_what_is_kept_comes_back(context: Context) -> None:
    _fill(context)
    with context.database.begin() as session:
        session.execute(update(Account).values(disabled_at=NOW, date_format="%d.%m.", last_signed_in_at=NOW))
    carried = _carried(context)
    with context.database.read() as session:
        for name, table in backup.TABLES.items():
            rows = session.scalars(select(table)).all()
            assert [dict(row) for row in carried.rows[name]] == [
                {column: getattr(row, column) for column in backup.columns_of(table)} for row in rows
            ]
