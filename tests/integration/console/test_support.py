"""The support page, and the diagnostics: all that helps, and no secret in any byte of them."""

import base64
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from services.api.access.tokens import create_token
from services.api.operations.use_cases.diagnostics import LOG_ENTRIES, bundle
from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.sites import create_site
from services.cli.deployment import workers
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import RunningPhoneSystem
from shared.database.events import LogEntry, record
from shared.database.tables import AuditEntry, RunState, SettingsVersion
from shared.domain.memory import Memory
from shared.domain.reading import Reading
from shared.runs.controllers import memory_of, remember
from shared.settings.candidate import secret_fields
from shared.settings.documents import Section
from shared.worker.context import Context
from shared.worker.queues import Queue
from tests.integration.api.builders import complete_units, fill_log, make_plan, make_run, set_state
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import PASSWORD, Open

pytestmark = pytest.mark.usefixtures("people")


def _download(browser: Browser) -> dict[str, bytes]:
    page = browser.get("/console/support")
    form = page.form("/support/diagnostics")
    answer = browser.http.post(form.action, data=form.filled({}))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="rollcall-diagnostics-')
    return _unzipped(answer.content)


def _unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _json(files: dict[str, bytes], name: str) -> Any:
    return json.loads(files[name])


def test_the_support_page_says_how_this_process_is_and_on_request_how_all_is(browser: Open) -> None:
    vera = browser("vera")
    page = vera.get("/console/support")
    assert "The key opens every stored secret." in page.text
    assert "Embedded mode: messages stay within the process" not in page.text
    assert 'href="/console/help/runs"' in page.response.text
    assert "Embedded mode: messages stay within the process" in vera.get("/console/support?check=1").text


def _token_requests(phone_system: RunningPhoneSystem) -> int:
    state = httpx.get(f"{phone_system.base_url}/sandbox/calls", trust_env=False, verify=False).json()
    return int(state["token_requests"])


def test_only_whoever_may_start_runs_has_directory_and_phone_system_signed_in_to(
    browser: Open, phone_system: RunningPhoneSystem
) -> None:
    asked = _token_requests(phone_system)
    assert "Phone system of default" not in browser("vera").get("/console/support?check=1").text
    assert _token_requests(phone_system) == asked
    said = browser("oscar").get("/console/support?check=1").text
    assert "Phone system of default" in said
    assert "3CX 20.0.10.100 answers at" in said


def test_the_controllers_of_each_directory_are_a_table_in_the_order_in_which_they_are_asked(
    context: Context, browser: Open
) -> None:
    with RunningDirectory(build_company(3)) as directory, workers(context):
        account = {
            "servers": ["127.0.0.1:9", directory.url.partition("//")[2]],
            "tls_name": directory.tls_name,
            "ca_certificate": directory.ca_certificate,
            "user": directory.user,
            "password": directory.password,
            "units": [{"dn": directory.units[0]}],
        }
        other = account | {"name": "emea.example", "servers": account["servers"][::-1], "units": []}
        apply_settings(context, "default", {"directory": account, "directories": {"others": [other]}}, "test")
        page = browser("oscar").get("/console/support?check=1")
    assert page.mistakes == []
    first, second = page.text.partition("Directory emea.example of default")[::2]
    assert "Directory corp.example.test of default" in first
    for said, states in ((first, ("Problem", "In use")), (second, ("In use", "Problem"))):
        table = said.partition("Missing changes")[2]
        places = [table.index(state) for state in states]
        assert places == sorted(places)
        assert "127.0.0.1:9: the connection was refused" in table


def _secret(site: str, section: Section, name: str) -> str:
    """A secret of its own, as the field takes it; with signs that JSON writes otherwise where any text will do."""
    own = f"{site}-{section.value}-{name}"
    if name.endswith("_url"):
        return f"https://hooks.example.test/{own}"
    if name == "webhook_secret":
        return "whsec_" + base64.b64encode(own.encode() * 2).decode()
    return f'p/"{own}+ü'


def test_no_secret_is_in_any_byte_of_the_diagnostics(ready: Context, browser: Open) -> None:
    create_site(ready, "oslo", "test")
    # Before its settings are secrets: they would not do for a run.
    run = make_run(ready)
    planted: list[str] = []
    for site in ("default", "oslo"):
        for section in Section:
            secrets = {name: _secret(site, section, name) for name in secret_fields(section)}
            if secrets:
                apply_settings(ready, site, {section.value: secrets}, "test")
                planted += secrets.values()
    assert len(planted) == 18
    token = create_token(ready, "monitoring", 1, "test")
    # What must never be in a message is taken out even when it is.
    with ready.database.begin() as session:
        record(session, "default", *(LogEntry("x.y", f"Refused: {secret}!") for secret in planted))
    set_state(ready, run, RunState.FAILED, error_message=f"Signing in with {planted[0]} failed.")
    mary = browser("mary")
    files = _download(mary)
    everything = b"\n".join(files.values()) + "\n".join(files).encode()
    hidden = [*planted, token, PASSWORD, mary.http.cookies["rollcall_session"]]
    [key] = ready.settings.data.glob("*.key")
    hidden.append(key.read_text().strip())
    for secret in hidden:
        for written in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            assert written.encode() not in everything, secret
    assert b"Refused: (removed)!" in everything
    assert b"Signing in with (removed) failed." in everything
    assert b"argon2" not in everything
    assert b"$encrypted" not in everything


def test_the_diagnostics_hold_what_somebody_who_helps_needs(ready: Context, browser: Open) -> None:
    run, _ = make_plan(ready)
    complete_units(ready, run, [])
    fill_log(ready, LOG_ENTRIES + 5)
    files = _download(browser("mary"))
    summary = _json(files, "summary.json")
    assert summary["database_revision"] == summary["database_revision_needed"]
    assert set(summary["waiting_messages"]) == set(Queue)
    assert {check["name"] for check in _json(files, "checks.json")} >= {"database", "key", "broker", "disk"}
    assert _json(files, "process.json")["broker_url"].startswith("memory")
    assert "sqlalchemy" in {name.lower() for name in _json(files, "packages.json")}
    assert _json(files, "sites/default/settings.json")["phone_system"]["client_id"]
    assert len(_json(files, "sites/default/log.json")) == LOG_ENTRIES
    [told] = _json(files, "sites/default/runs.json")
    assert (told["id"], told["state"]) == (run, "held")
    assert {part["kind"] for part in told["parts"]} == {"unit", "extensions", "absent"}
    assert b"Names, extension numbers" in files["README.txt"]


@pytest.mark.parametrize("name", ["oscar", "vera"])
def test_only_managers_take_the_diagnostics(context: Context, browser: Open, name: str) -> None:
    somebody = browser(name)
    page = somebody.get("/console/support")
    assert not any("diagnostics" in form.action for form in page.forms)
    token = dict(page.form("/sign-out").values)["form_token"]
    answer = somebody.http.post("/console/support/diagnostics", data={"form_token": token})
    assert answer.status_code == 403
    with context.database.read() as session:
        taken = select(func.count()).where(AuditEntry.action == "diagnostics.downloaded")
        assert session.scalar(taken) == 0


def test_the_audit_says_who_took_the_diagnostics(context: Context) -> None:
    bundle(context, "default", "account:mary")
    with context.database.read() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert last is not None
    assert (last.action, last.actor) == ("diagnostics.downloaded", "account:mary")


def test_diagnostics_are_made_although_the_settings_cannot_be_read(ready: Context) -> None:
    apply_settings(ready, "default", {"directory": {"password": "a secret of old"}}, "test")
    with ready.database.begin() as session:
        for row in session.scalars(select(SettingsVersion)):
            spoilt = json.dumps(row.document).replace('$encrypted": "', '$encrypted": "x')
            row.document = json.loads(spoilt)
    files = _unzipped(bundle(ready, "default", "test"))
    assert "error" in _json(files, "sites/default/settings.json")
    assert not all(check["ok"] for check in _json(files, "checks.json"))


def test_a_manager_forgets_a_domain_controller_that_is_gone_and_nobody_else_can(
    context: Context, ready: Context, browser: Open
) -> None:
    assert "Domain controllers" not in browser("mary").get("/console/support").text
    dc1 = Reading("dc1.corp.example", "dc1:636", invocation_id="a", usn=1, read_at=datetime.now(UTC))
    with context.database.begin() as session:
        remember(session, "default", Memory().accepting((dc1,), "x"))
    assert "dc1.corp.example" in browser("oscar").get("/console/support").text
    assert "gone for good" not in browser("oscar").get("/console/support").text
    mary = browser("mary")
    page = mary.get("/console/support")
    for _twice in range(2):
        after = mary.send(page, "/support/controllers/forget")
        assert (after.status, "dc1.corp.example" in after.text) == (200, False)
    with context.database.read() as session:
        assert memory_of(session, "default").readings() == []
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "controller.forgotten")).one()
    assert entry.actor == "account:mary"
