"""Notifications in the console: the form and its tests, what was sent, and sending again; also by API and command line."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.api.access import tokens
from services.api.connections.use_cases import questions
from services.api.operations.use_cases.doctor import diagnose
from services.api.operations.use_cases.metrics import metrics
from services.api.sites.use_cases import sites
from shared.database.tables import AccountRole, AuditEntry, OutboxRow
from shared.worker.context import Context
from tests.integration.api.conftest import answering, client
from tests.integration.console.conftest import Open

__all__ = ["answering", "client"]
pytestmark = pytest.mark.usefixtures("people", "ready")
PAGE = "/console/notifications"


def _failed(context: Context, site: str = "default") -> int:
    now = datetime.now(UTC)
    with context.database.begin() as session:
        row = OutboxRow(
            site_id=site, channel="email", kind="run_failed", severity="error", message_id="m", title="The last run failed",
            lines=["<b>"], path="/runs", state="failed", attempts=1, error_code="receiver_refused",
            error_message="mail.example.com refused the message.", created_at=now, due_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def test_the_form_keeps_choices_of_each_channel_and_tests_what_is_filled_in(
    ready: Context, browser: Open, answering: Callable[[str, Callable[[dict[str, Any]], Any]], None]
) -> None:
    asked: list[dict[str, Any]] = []

    def _answer(arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(arguments)
        return {"channel": arguments["channel"], "sent_to": "mail.example.com", "seconds": 0.1}

    answering("notifier.test_channel", _answer)
    mary = browser("mary")
    filled: dict[str, str | list[str] | None] = {
        "smtp_host": "mail.example.com",
        "sender": "a@example.com",
        "recipients": "b@example.com",
        "email_kinds": ["removals", "licence"],
    }
    page = mary.send(
        mary.get("/console/settings/notifications"), "#settings", filled, button=("action", "test:email")
    )
    assert "mail.example.com" in page.text
    assert (asked[0]["channel"], asked[0]["site_id"]) == ("email", "default")
    assert ready.site_settings("default").versions["notifications"] == 0
    mary.send(page, "#settings", button=("action", "save"))
    stored = ready.site_settings("default").settings.notifications
    assert (stored.smtp_host, [kind.value for kind in stored.email_kinds]) == (
        "mail.example.com",
        ["removals", "licence"],
    )
    assert "run_failed" in [kind.value for kind in stored.teams_kinds]


@pytest.mark.parametrize(
    ("channel", "to"),
    [
        ("email", "mail.example:587"),
        ("teams", "teams.example:8443"),
        ("slack", "hooks.example"),
        ("syslog", "log.example:6514"),
        ("webhook", ""),
        ("none", ""),
    ],
)
def test_the_audit_says_where_a_test_message_goes_and_nothing_secret_of_it(
    ready: Context,
    answering: Callable[[str, Callable[[dict[str, Any]], Any]], None],
    channel: str,
    to: str,
) -> None:
    answering("notifier.test_channel", lambda _arguments: {})
    values = {
        "smtp_host": "mail.example",
        "sender": "a@example.com",
        "recipients": ["b@example.com"],
        "teams_url": "https://teams.example:8443/workflow?sig=secret",
        "slack_url": "https://:secret@hooks.example/secret",
        "syslog_host": "log.example",
    }
    questions.test_channel(ready, "default", channel, values, "account:mary")
    with ready.database.read() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert entry.details == {"question": "test_channel", "to": to}


def test_what_was_not_sent_is_shown_and_an_operator_sends_it_again_or_discards_it(
    ready: Context, browser: Open
) -> None:
    vera, oscar = browser("vera"), browser("oscar")
    assert "No notifications yet" in vera.get(PAGE).text
    first, second = _failed(ready), _failed(ready)
    assert "mail.example.com refused the message." in vera.get(PAGE).text
    assert "Send again" not in vera.get(PAGE).text
    page = oscar.send(oscar.get(PAGE), f"#message-{first}", button=("decision", "again"))
    assert "Will be sent" in page.text
    page = oscar.send(page, f"#message-{second}", button=("decision", "discard"))
    assert "Not sent" not in page.text
    with ready.database.read() as session:
        (left,) = session.query(OutboxRow).all()
    assert (left.id, left.state, left.attempts) == (first, "pending", 0)


def test_another_sites_messages_are_not_there(ready: Context, client: httpx.Client) -> None:
    sites.create_site(ready, "oslo", "test", "Oslo")
    of_oslo = _failed(ready, "oslo")
    token = tokens.create_token(ready, "local", role=AccountRole.MANAGER, site_id="default")
    headers = {"Authorization": f"Bearer {token}"}
    base = "/api/v1/sites/default/notifications"
    assert client.get(base, headers=headers).json() == {"items": []}
    assert client.post(f"{base}/{of_oslo}/retry", headers=headers).status_code == 404
    assert client.delete(f"{base}/{of_oslo}", headers=headers).status_code == 404
    own = _failed(ready)
    assert [
        item["id"] for item in client.get(base, headers=headers, params={"state": "failed"}).json()["items"]
    ] == [own]
    assert client.post(f"{base}/{own}/retry", headers=headers).json()["state"] == "pending"


def test_doctor_and_metrics_say_what_was_not_sent(ready: Context) -> None:
    _failed(ready)
    (check,) = [check for check in diagnose(ready) if check.name == "notifications of default"]
    assert not check.ok
    assert check.message.startswith("1 message could not be sent.")
    figures = metrics(ready, is_broker_well=False)
    assert 'rollcall_notifications{site="default",state="failed"} 1.0' in figures
