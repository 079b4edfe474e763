"""An upgrade of the first release: whatever it has stored is there, and is read by API, command line and console."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.api.access.accounts import add
from services.api.access.tokens import list_tokens, valid_token
from services.api.accounts.queries import verify_audit
from services.api.operations.use_cases import backup, backup_file
from services.api.operations.use_cases.restore import Restored, restore
from services.api.settings.use_cases import sections as settings
from shared.database.commands import row_command
from shared.database.migrate import State, schema_status
from shared.database.pages import Item, read_items
from shared.database.tables import AccountRole, CommandRow, PartKind, Run, SnapshotPart
from shared.domain.extension import Extension
from shared.domain.person import AbsentPerson, Person
from shared.domain.plan import Plan
from shared.settings.documents import Section
from shared.worker.context import Context
from tests.integration.api.conftest import serving
from tests.integration.cli.conftest import Terminal
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import PASSWORD, password_hash
from tests.integration.operations.deployments import empty_deployment
from tests.integration.upgrade.conftest import TOKEN
from tests.support.first_release import DATA, rows_of

pytestmark = pytest.mark.every_database
KINDS: dict[str, type[Any]] = {
    PartKind.UNIT.value: Person, PartKind.ABSENT.value: AbsentPerson, PartKind.EXTENSIONS.value: Extension,
}  # fmt: skip
RUNS = range(1, 7)
CHANGES: dict[str, dict[str, Any]] = {
    "directory": {"user": "other@corp.example.test"},
    "phone_system": {"timeout_seconds": 9.0},
    "rules": {"when_deleted": "keep"},
    "schedule": {"every_minutes": 45},
}


@pytest.fixture
def api(context: Context) -> Iterator[httpx.Client]:
    """A client of the API of the upgraded deployment."""
    with serving(context) as client:
        yield client


def _pages(client: httpx.Client, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
    """Every item of a list that is read page by page."""
    found: list[dict[str, Any]] = []
    more: Any = {}
    while more is not None:
        answer = client.get(path, params={"limit": 100, **query, **more})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body[key]
        name = next(name for name in body if name.startswith("next_"))
        more = None if body[name] is None else {name.removeprefix("next_"): body[name]}
    return found


def _alike(link: str) -> str:
    """What stands for many pages alike: those of rows, people and searches."""
    return re.sub(r"=[^&]+", "=…", link)


def test_the_tables_are_those_of_this_version_and_no_row_is_lost(context: Context, released: Path) -> None:
    with context.database.read() as session:
        assert schema_status(context.database).state is State.CURRENT
        tables = [
            name for (name,) in rows_of(released, "SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        assert len(tables) > 15
        for name in tables:
            if name != "alembic_version":
                query = f"SELECT count(*) FROM {name}"
                # The audit tells that it was sealed.
                more = 1 if name == "audit" else 0
                found = session.connection().exec_driver_sql(query).scalar()
                assert found == rows_of(released, query)[0][0] + more, name


def test_every_snapshot_page_is_read(context: Context) -> None:
    with context.database.read() as session:
        parts = session.scalars(select(SnapshotPart)).all()
    assert len(parts) == 36
    for part in parts:
        items: list[Item] = list(read_items(context.database, part.id, KINDS[part.kind]))
        assert len(items) == part.item_count
        assert all(isinstance(item, KINDS[part.kind]) for item in items)


def test_the_plans_have_the_hash_that_was_approved(context: Context) -> None:
    with context.database.read() as session:
        for run in session.scalars(select(Run)).all():
            rows = session.scalars(
                select(CommandRow).where(CommandRow.run_id == run.id).order_by(CommandRow.sequence)
            )
            plan = Plan(tuple(row_command(row) for row in rows))
            assert (plan.content_hash, dict(plan.counts)) == (run.plan_hash, run.counts)


def test_the_api_gives_every_run_plan_finding_and_line_of_the_log_and_audit(
    api: httpx.Client, released: Path
) -> None:
    assert [run["id"] for run in _pages(api, "/api/v1/sites/default/runs", "items")] == [*RUNS][::-1]
    commands = findings = 0
    for run in RUNS:
        assert api.get(f"/api/v1/runs/{run}").json()["settings_versions"]["directory"] == 1
        commands += len(_pages(api, f"/api/v1/runs/{run}/plan", "commands"))
        findings += len(_pages(api, f"/api/v1/runs/{run}/findings", "items"))
    events = sum(len(_pages(api, f"/api/v1/sites/{site}/log", "items")) for site in ("default", "second"))
    audit = len(_pages(api, "/api/v1/audit", "items"))
    for table, found in (("commands", commands), ("findings", findings), ("events", events)):
        assert found == rows_of(released, f"SELECT count(*) FROM {table}")[0][0]
    # The client's own token, and that the audit was sealed.
    assert audit == rows_of(released, "SELECT count(*) FROM audit")[0][0] + 2
    for kind in ("csv", "json", "xlsx"):
        exported = api.get("/api/v1/sites/default/log/export", params={"format": kind})
        assert exported.status_code == 200, kind
    (person,) = rows_of(released, "SELECT person_guid FROM bindings LIMIT 1")[0]
    explained = api.get(f"/api/v1/sites/default/people/{person}/explain")
    assert explained.status_code == 200
    assert len(explained.json()["sentences"]) > 3


def test_the_console_shows_every_page_and_all_that_it_links_to(context: Context) -> None:
    with context.database.begin() as session:
        add(session, "mary", "Mary", AccountRole.MANAGER, password_hash(), "test")
    with serving(context) as client, Browser(str(client.base_url)) as mary:
        mary.sign_in("mary", PASSWORD)
        found = {path: path for path in ("/console/", "/console/log", "/console/audit?check=1")}
        waiting = list(found)
        while waiting:
            page = mary.get(path := waiting.pop())
            assert (page.status, page.mistakes) == (200, []), path
            # Downloads are the API's test, and what stands elsewhere is nobody's.
            links = [
                link.partition("#")[0] for link in page.links if link.startswith("/") and "export" not in link
            ]
            new = {_alike(link): link for link in links if _alike(link) not in found}
            found |= new
            waiting += new.values()
    for run in RUNS:
        assert {f"/console/runs/{run}", f"/console/runs/{run}/plan"} <= found.keys()


def test_the_command_line_shows_every_run_and_the_log(
    context: Context, folder: Path, capsys: pytest.CaptureFixture[str], released: Path
) -> None:
    if not context.database.is_sqlite:
        pytest.skip("the command line has asked the same use cases")
    terminal = Terminal(folder, capsys)
    assert [run["id"] for run in terminal("runs", "--json").json] == [*RUNS][::-1]
    for run in RUNS:
        told = terminal("plan", str(run), "--all")
        assert told.code == 0, told.notes
        plan = terminal("plan", str(run), "--json").json
        (count,) = rows_of(released, f"SELECT count(*) FROM commands WHERE run_id = {run}")[0]
        assert len(plan["commands"]) == count
    assert "was approved: 62 commands" in terminal("log").output
    assert terminal("settings", "export").code == 0


def test_the_chain_of_the_audit_holds_and_goes_on(context: Context) -> None:
    assert verify_audit(context) is None
    settings.replace_section(context, "default", Section.LIMITS, {"removals": 9}, "test")
    assert verify_audit(context) is None


def test_tokens_are_good_for_what_they_were(context: Context) -> None:
    assert [(token.name, token.role) for token in list_tokens(context)] == [
        ("monitoring", "manager"), ("operator", "operator"), ("known", "operator"),
    ]  # fmt: skip
    found = valid_token(context, TOKEN)
    assert found is not None
    assert (found.name, found.role, found.site_id) == ("known", "operator", None)


def test_a_backup_that_the_first_release_made_is_restored(tmp_path: Path) -> None:
    _, content = backup_file.read(DATA / "backup.rollcall", "first release")
    other = empty_deployment(tmp_path / "other")
    try:
        assert restore(other, backup.parse(content), "test") == Restored(2, 4, 275, 0, 2)
        stored = other.site_settings("default").settings
        assert stored.phone_system.client_secret.get_secret_value() == "sandbox-secret"
    finally:
        other.database.close()


@pytest.mark.parametrize("section", list(CHANGES))
def test_settings_of_the_first_release_are_shown_and_gone_back_to(
    context: Context, section: str, released: Path
) -> None:
    with context.database.begin() as session:
        add(session, "mary", "Mary", AccountRole.MANAGER, password_hash(), "test")
    before, _ = settings.read_section(context, "default", Section(section))
    (stored,) = rows_of(released, f"SELECT document FROM settings WHERE section = '{section}'")[0]
    known = {name: value for name, value in json.loads(stored).items() if "$encrypted" not in str(value)}
    assert _as_known(before, known) == known
    settings.replace_section(context, "default", Section(section), before | CHANGES[section], "test")
    with serving(context) as client, Browser(str(client.base_url)) as mary:
        mary.sign_in("mary", PASSWORD)
        history = mary.get(f"/console/settings/{section.replace('_', '-')}/history")
        assert history.mistakes == []
        mary.send(history, "#back-1", button=("version", "1"))
    after, version = settings.read_section(context, "default", Section(section))
    assert version == 3
    assert _as_known(after, known) == known


def _as_known(value: Any, known: Any) -> Any:
    """The value without the fields that have come since."""
    if isinstance(known, dict):
        return {name: _as_known(value[name], known[name]) for name in known}
    if isinstance(known, list) and len(value) == len(known):
        return [_as_known(one, other) for one, other in zip(value, known, strict=True)]
    return value


def test_a_site_of_the_first_release_mails_no_welcome_messages(context: Context) -> None:
    values, _version = settings.read_section(context, "default", Section.RULES)
    assert values["welcome_email"] == "never"
