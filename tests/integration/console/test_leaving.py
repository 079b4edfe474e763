"""Leaving soon in the console: on the overview, on its own page and at the person, with what may be decided."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shared.database import graces
from shared.database.tables import AuditEntry, GraceRow
from shared.domain.grace import Departure, Grace
from shared.worker.context import Context
from tests.integration.api.builders import ADA, bind
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


@pytest.fixture
def leaving(context: Context) -> Context:
    """Ada's extension is deleted in three weeks."""
    bind(context)
    with context.database.begin() as session:
        began = datetime.now(UTC) - timedelta(days=9)
        graces.put(session, "default", [Grace(ADA, 12, "100", "Ada Lovelace", Departure.DELETED, 30, began)])
    return context


def test_who_is_leaving_stands_on_the_overview_and_nothing_does_when_nobody_is(
    context: Context, browser: Open
) -> None:
    assert "Leaving soon" not in browser("vera").get("/console/").text
    assert "No extensions are waiting for deletion" in browser("vera").get("/console/leaving").text


def test_a_viewer_sees_the_countdown_and_an_operator_changes_it(leaving: Context, browser: Open) -> None:
    vera = browser("vera")
    assert "View all leavers" in vera.get("/console/").text
    for page in ("/console/leaving", f"/console/people?q={ADA}"):
        assert "Deleted from the directory" in vera.get(page).text
        assert "Stop countdown" not in vera.get(page).text
    oscar = browser("oscar")
    stopped = oscar.send(
        oscar.get(f"/console/people?q={ADA}"), "/leaving/decide", button=("decision", "keep")
    )
    assert "Countdown stopped" in stopped.text
    oscar.send(stopped, "/leaving/decide", button=("decision", "resume"))
    until = (datetime.now(UTC) + timedelta(days=90)).date()
    put_off = oscar.send(oscar.get("/console/leaving"), "/leaving/decide", {"until": str(until)})
    assert "set by hand" in put_off.text
    with leaving.database.read() as session:
        assert session.scalars(select(GraceRow.until)).one() is not None
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action.startswith("grace."))).all()
    assert [(entry.action, entry.actor) for entry in entries] == [
        ("grace.kept", "account:oscar"),
        ("grace.resumed", "account:oscar"),
        ("grace.extended", "account:oscar"),
    ]


@pytest.mark.parametrize(("until", "status"), [("", 422), ("soon", 422), ("2020-01-01", 409)])
def test_a_wrong_day_is_said_and_changes_nothing(
    leaving: Context, browser: Open, until: str, status: int
) -> None:
    oscar = browser("oscar")
    answer = oscar.send(oscar.get("/console/leaving"), "/leaving/decide", {"until": until})
    assert answer.status == status
    assert "No changes were made." in answer.text
    with leaving.database.read() as session:
        assert session.scalars(select(GraceRow.until)).one() is None
