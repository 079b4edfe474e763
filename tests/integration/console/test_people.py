"""The page of one person: what is known, and the link that can be ended."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from shared.database.tables import AuditEntry, BindingRow
from shared.worker.context import Context
from tests.integration.api.builders import ADA, bind
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_an_operator_ends_a_link_and_a_viewer_cannot(context: Context, browser: Open) -> None:
    bind(context)
    assert "End link to extension" not in browser("vera").get(f"/console/people?q={ADA}").text
    oscar = browser("oscar")
    page = oscar.send(oscar.get(f"/console/people?q={ADA}"), "/people/release")
    assert page.status == 200
    assert "No extension is linked to them." in page.text
    assert "End link to extension" not in page.text
    with context.database.read() as session:
        assert session.scalar(select(func.count()).select_from(BindingRow)) == 0
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "binding.released")).one()
    assert entry.actor == "account:oscar"


def test_an_operator_lets_the_welcome_message_be_sent_again(
    context: Context, browser: Open, answering: Callable[[str, Callable[[dict[str, Any]], Any]], None]
) -> None:
    bind(context)
    sent = {"number": "100", "result": "sent", "message": "3CX sends it to ada@example.test."}
    answering("relay_client.send_welcome", lambda _arguments: [sent])
    oscar = browser("oscar")
    page = oscar.send(oscar.get(f"/console/people?q={ADA}"), "/people/welcome")
    assert "The welcome message of extension 100 was sent again." in page.text
