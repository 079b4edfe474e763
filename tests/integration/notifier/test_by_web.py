"""What is told by webhook, Teams and Slack, and the audit by syslog."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.notifier import delivery
from services.notifier.channels import syslog
from services.notifier.notifying import try_channel
from shared.database import events
from shared.database.tables import Event, NotifiedState, RunState
from shared.errors import ReceiverRefused, ReceiverUnavailable, SettingsInvalid
from shared.settings.sections.notifications import NotificationsSettings, SyslogProtocol
from shared.worker.context import Context
from tests.integration.notifier.telling import (
    SITE,
    bring_forward,
    configure,
    look,
    open_site,
    outbox,
    run_that,
    states,
)
from tests.support.receivers import HOST, WebServer, certificate, server_tls, syslog_server

pytestmark = pytest.mark.usefixtures("ready")
KEY = secrets.token_bytes(32)
SIGNED = {"webhook_secret": f"whsec_{base64.b64encode(KEY).decode()}"}


def _hook(web: WebServer, **changes: Any) -> dict[str, Any]:
    return {"webhook_url": web.url("/hook/secret-part"), **SIGNED, **changes}


def _is_genuine(headers: dict[str, str], body: bytes, key: bytes = KEY) -> bool:
    """As a receiver checks it that follows Standard Webhooks."""
    by_name = {name.lower(): value for name, value in headers.items()}
    signed = f"{by_name['webhook-id']}.{by_name['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    age = abs(datetime.now(UTC).timestamp() - int(by_name["webhook-timestamp"]))
    return by_name["webhook-signature"] == f"v1,{wanted}" and age < 300


def test_a_webhook_is_signed_and_says_everything(context: Context, web: WebServer) -> None:
    configure(context, **_hook(web, console_address="https://rollcall.example.com"))
    run_id = run_that(context, RunState.FAILED, error_message="No answer.")
    look(context)
    ((path, headers, body),) = web.requests
    assert path == "/hook/secret-part"
    assert _is_genuine(headers, body)
    assert not _is_genuine(headers, body + b" ")
    assert not _is_genuine(headers, body, b"another key that is long enough")
    told = json.loads(body)
    assert told["type"] == "run_failed"
    assert told["data"] == {
        "site": SITE,
        "severity": "error",
        "title": "The last run failed",
        "lines": ["No answer."],
        "link": f"https://rollcall.example.com/console/runs/{run_id}",
    }


def test_a_webhook_that_is_down_is_sent_the_same_id_later(context: Context, web: WebServer) -> None:
    configure(context, **_hook(web))
    run_that(context, RunState.FAILED)
    web.status = 503
    look(context)
    look(context)
    assert len(web.requests) == 1, "it is left alone until it is due again"
    web.status = 204
    bring_forward(context)
    look(context)
    ids = {headers["webhook-id"] for _, headers, _ in web.requests}
    assert (len(web.requests), len(ids)) == (2, 1)
    assert states(context) == [("run_failed", "sent")]


@pytest.mark.parametrize("status", [301, 307, 404, 410])
def test_a_webhook_that_refuses_or_redirects_is_not_followed_and_its_address_is_not_shown(
    context: Context, web: WebServer, status: int
) -> None:
    configure(context, **_hook(web))
    run_that(context, RunState.FAILED)
    web.status = status
    look(context)
    (row,) = outbox(context)
    assert (row.state, row.error_code) == ("failed", ReceiverRefused.code)
    assert [path for path, _, _ in web.requests] == ["/hook/secret-part"]
    assert "secret-part" not in (row.error_message or "")
    with context.database.read() as session:
        assert not [entry for entry in session.query(Event) if "secret-part" in entry.message]


def test_teams_and_slack_are_given_text_in_which_no_name_is_markup(context: Context, web: WebServer) -> None:
    configure(
        context,
        teams_url=web.url("/teams"),
        slack_url=web.url("/slack"),
        console_address="https://rollcall.example.com",
    )
    evil = "[click](http://evil.example) <!channel> <http://evil.example|here>"
    run_that(context, RunState.FAILED, error_message=evil)
    look(context)
    told = {path: json.loads(body) for path, _, body in web.requests}
    (attachment,) = told["/teams"]["attachments"]
    card = attachment["content"]
    assert card["type"] == "AdaptiveCard"
    assert [run["inlines"][0]["text"] for run in card["body"]] == ["The last run failed", evil]
    assert {item["type"] for block in card["body"] for item in block["inlines"]} == {"TextRun"}
    assert card["actions"][0]["url"].startswith("https://rollcall.example.com/console/runs/")
    text, link = told["/slack"]["blocks"]
    assert text["text"]["type"] == "plain_text"
    assert evil in text["text"]["text"]
    assert link["text"]["text"].startswith("<https://rollcall.example.com/console/runs/")


def test_removals_are_collected_into_one_message_a_day(context: Context, web: WebServer) -> None:
    configure(context, **_hook(web, webhook_kinds=["removals"]))
    look(context)
    for number in ("101", "102", "103"):
        with context.database.begin() as session:
            events.record(
                session,
                SITE,
                events.LogEntry("extension.deleted", f"Deleted extension {number} (Ada).", number=number),
                events.LogEntry("extension.created", "Something else."),
            )
            session.execute(update(Event).values(occurred_at=datetime.now(UTC) - timedelta(minutes=5)))
        look(context)
    (row,) = outbox(context)
    assert row.lines == [f"Deleted extension {number} (Ada)." for number in ("101", "102", "103")]
    assert row.due_at > datetime.now(UTC)
    assert not web.requests
    bring_forward(context)
    look(context)
    look(context)
    assert len(web.requests) == 1


def test_a_stored_secret_stays_with_its_own_address(context: Context, web: WebServer) -> None:
    mail: dict[str, Any] = {
        "smtp_host": "mail.example.com",
        "sender": "a@example.com",
        "recipients": ["b@example.com"],
        "smtp_user": "u",
    }
    configure(context, **_hook(web), **mail, smtp_password="a mail password")
    # The address of the webhook and its secret belong to no mail server.
    with pytest.raises(SettingsInvalid, match="Password"):
        configure(context, **(mail | {"smtp_host": "evil.example.com"}))
    configure(context, **(mail | {"smtp_host": "evil.example.com", "smtp_password": ""}))
    stored = context.site_settings(SITE).settings.notifications
    assert stored.webhook_url.get_secret_value() == web.url("/hook/secret-part")
    assert stored.smtp_password.get_secret_value() == ""


def test_a_test_message_is_sent_before_anything_is_saved_and_needs_a_channel(
    context: Context, web: WebServer
) -> None:
    configure(context, **_hook(web))
    answer = try_channel(context, {"site_id": SITE, "channel": "webhook"})
    assert answer["sent_to"] == HOST
    assert json.loads(web.requests[0][2])["type"] == "test"
    with pytest.raises(SettingsInvalid, match="Slack is not set up"):
        try_channel(context, {"site_id": SITE, "channel": "slack"})
    web.status = 500
    with pytest.raises(ReceiverUnavailable):
        try_channel(context, {"site_id": SITE, "channel": "webhook"})


def _entries(received: list[bytes]) -> list[str]:
    """The messages of syslog, by their counted octets."""
    found, rest = [], b"".join(received)
    while rest:
        count, _, rest = rest.partition(b" ")
        found.append(rest[: int(count)].decode())
        rest = rest[int(count) :]
    return found


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_every_entry_of_the_sites_audit_reaches_syslog_once_in_order(
    context: Context, tmp_path: Path, protocol: str
) -> None:
    received: list[bytes] = []
    open_site(context, "oslo", "Oslo")
    with syslog_server(received, server_tls(tmp_path) if protocol == "tls" else None) as port:
        configure(
            context,
            syslog_host=HOST,
            syslog_port=port,
            syslog_protocol=protocol,
            ca_certificate=certificate()[0],
        )
        look(context)
        _audit(context, SITE, 'an "actor"]\n', "one")
        _audit(context, "oslo", "anna", "of another site")
        _audit(context, SITE, "anna", "two")
        look(context)
        look(context)
        found = _entries(received)
    assert [json.loads(entry.partition("] ")[2].rpartition("] ")[2])["what"] for entry in found] == [
        "one",
        "two",
    ]
    assert found[0].startswith("<109>1 ")
    assert 'actor="an \\"actor\\"\\] "' in found[0]


def _audit(context: Context, site: str, actor: str, what: str, action: str = "test.done") -> None:
    with context.database.begin() as session:
        events.audit(session, site, actor=actor, action=action, details={"what": what})


@pytest.mark.parametrize("is_alone", [True, False])
def test_what_concerns_all_sites_is_sent_only_while_there_is_no_other_site(
    context: Context, *, is_alone: bool
) -> None:
    received: list[bytes] = []
    if not is_alone:
        open_site(context, "oslo", "Oslo")
    with syslog_server(received) as port:
        configure(context, syslog_host=HOST, syslog_port=port, syslog_protocol="tcp")
        look(context)
        _audit(context, SITE, "anna", "of everybody", "account.created")
        _audit(context, SITE, "anna", "of the site")
        look(context)
    sent = "".join(_entries(received))
    assert ("of everybody" in sent) is is_alone
    assert "of the site" in sent


def test_a_syslog_server_that_is_down_is_said_and_loses_nothing(context: Context) -> None:
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    configure(context, syslog_host=HOST, syslog_port=port, syslog_protocol="tcp")
    look(context)
    _audit(context, SITE, "anna", "one")
    look(context)
    with context.database.read() as session:
        state = session.get_one(NotifiedState, (SITE, "syslog"))
    assert "cannot be reached" in (state.error_message or "")
    received: list[bytes] = []
    with syslog_server(received) as port:
        configure(context, syslog_host=HOST, syslog_port=port, syslog_protocol="tcp")
        look(context)
    with context.database.read() as session:
        assert session.get_one(NotifiedState, (SITE, "syslog")).error_message is None
    assert ['"what": "one"' in entry for entry in _entries(received)] == [True, False]


def test_an_entry_by_udp_is_one_datagram() -> None:
    entry = syslog.Entry(5, SITE, datetime(2026, 12, 1, tzinfo=UTC), "anna", "run.approved", {"run": 7}, "ab")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        server.settimeout(60)
        port = server.getsockname()[1]
        syslog.send(
            NotificationsSettings(syslog_host=HOST, syslog_port=port, syslog_protocol=SyslogProtocol.UDP),
            [entry],
        )
        assert server.recv(4096) == syslog.line_of(entry)


def test_a_channel_that_is_down_with_many_messages_keeps_no_other_from_sending(
    context: Context, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_MOST_AT_ONCE", 1)
    with socket.create_server((HOST, 0)) as unused:
        down = f"http://{HOST}:{unused.getsockname()[1]}/"
    configure(context, slack_url=down, **_hook(web))
    run_that(context, RunState.FAILED)
    look(context)
    run_that(context, RunState.DONE)
    for _ in range(2):
        look(context)
    assert [row.state for row in outbox(context) if row.channel == "slack"] == ["pending", "pending"]
    assert [row.state for row in outbox(context) if row.channel == "webhook"] == ["sent", "sent"]


def test_a_site_tells_in_its_language_and_stores_the_title_in_english(
    context: Context, web: WebServer
) -> None:
    configure(context, **_hook(web), language="de")
    run_that(context, RunState.FAILED)
    look(context)
    told = [json.loads(body)["data"] for _, _, body in web.requests]
    failed = next(item for item in told if item["severity"] == "error")
    assert "Lauf" in failed["title"]
    assert "Änderungen" in " ".join(failed["lines"])
    assert {row.title for row in outbox(context)} >= {"The last run failed"}
