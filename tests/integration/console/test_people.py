"""The page of one person: what is known, and the link that can be ended."""

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
