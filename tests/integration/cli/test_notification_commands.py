"""`rollcall notifications`: a test message, what was not sent, and sending it again."""

from datetime import UTC, datetime
from pathlib import Path

from services.cli.deployment import open_deployment
from shared.database.tables import OutboxRow
from tests.integration.cli.conftest import Terminal, settings_file
from tests.support.databases import deployment_settings
from tests.support.receivers import HOST, WebServer


def _failed(data: Path) -> int:
    context = open_deployment(deployment_settings(data))
    now = datetime.now(UTC)
    with context.database.begin() as session:
        row = OutboxRow(
            site_id="default", channel="slack", kind="plan_waits", severity="warning", message_id="m",
            title="A plan needs approval", lines=[], state="failed", created_at=now, due_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        found = row.id
    context.database.close()
    return found


def test_a_test_message_and_messages_that_were_not_sent(rollcall: Terminal, tmp_path: Path) -> None:
    web = WebServer()
    values = {"notifications": {"slack_url": web.url("/slack")}}
    with web.up():
        assert rollcall("settings", "apply", str(settings_file(tmp_path, values))).code == 0
        said = rollcall("notifications", "test", "slack")
        assert (said.code, len(web.requests)) == (0, 1)
        assert HOST in said.output + said.notes
        assert rollcall("notifications", "test", "email").code != 0
        assert "Choose one of email, teams" in rollcall("notifications", "test", "fax").notes
    failed = _failed(tmp_path / "data")
    assert "A plan needs approval" in rollcall("notifications", "list", "--failed").output
    assert rollcall("notifications", "retry", str(failed), "--json").json["state"] == "pending"
    assert rollcall("notifications", "discard", str(failed)).code != 0
