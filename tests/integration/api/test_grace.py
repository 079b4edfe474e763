"""Who leaves soon: listed, put off, stopped and resumed; in the Log, the audit and the explanation."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from shared.database import graces
from shared.database.tables import AuditEntry, Event, GraceRow
from shared.domain.grace import Departure, Grace
from shared.worker.context import Context
from tests.integration.api.builders import ADA, bind
from tests.integration.api.conftest import SITE

pytestmark = pytest.mark.every_database
URL = f"/api/v1/sites/{SITE}/graces"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)


@pytest.fixture
def leaving(ready: Context) -> Context:
    """Ada's extension is disabled for ten days, and one that is nobody's for eleven; a third is not disabled yet."""
    with ready.database.begin() as session:
        graces.put(
            session,
            SITE,
            [
                Grace(ADA, 12, "100", "Ada Lovelace", Departure.DELETED, 30, BEGAN),
                Grace(
                    "extension 5", 5, "105", "Front Desk", Departure.DELETED, 30, BEGAN - timedelta(days=1)
                ),
                Grace("x", 6, "106", "Bob Hill", Departure.DISABLED, 30),
            ],
        )
    return ready


def _told(context: Context) -> tuple[list[str], list[str]]:
    with context.database.read() as session:
        said = session.scalars(select(Event.message).where(Event.code.startswith("grace."))).all()
        kept = session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("grace."))).all()
    return list(said), list(kept)


def test_the_next_deletion_is_listed_first_and_what_does_not_count_yet_is_not(
    client: httpx.Client, leaving: Context
) -> None:
    shown = client.get(URL).json()["items"]
    assert [item["number"] for item in shown] == ["105", "100"]
    assert shown[1]["ends_at"] == (BEGAN + timedelta(days=30)).isoformat().replace("+00:00", "Z")
    client.post(f"{URL}/105/keep")
    assert [item["number"] for item in client.get(URL).json()["items"]] == ["100", "105"]


@pytest.mark.parametrize("person", ["100", ADA, "ada lovelace"])
def test_a_deletion_is_put_off_stopped_and_resumed_and_each_is_written_down(
    client: httpx.Client, leaving: Context, person: str
) -> None:
    later = (BEGAN + timedelta(days=60)).date()
    answer = client.post(f"{URL}/{person}/extend", json={"until": later.isoformat()})
    assert answer.json()["ends_at"] == f"{later}T00:00:00Z"
    stopped = client.post(f"{URL}/{person}/keep").json()
    assert (stopped["ends_at"], stopped["is_kept"], stopped["until"]) == (None, True, None)
    resumed = client.post(f"{URL}/{person}/resume").json()
    assert resumed["ends_at"] == (BEGAN + timedelta(days=30)).isoformat().replace("+00:00", "Z")
    said, kept = _told(leaving)
    assert kept == ["grace.extended", "grace.kept", "grace.resumed"]
    assert said[0] == f"Extension 100 (Ada Lovelace) is kept until {later}."
    assert len(said) == 3


def test_a_day_that_is_not_later_or_too_far_away_is_refused_and_changes_nothing(
    client: httpx.Client, leaving: Context
) -> None:
    for day in ((BEGAN + timedelta(days=29)).date(), datetime.now(UTC).date() + timedelta(days=3660)):
        answer = client.post(f"{URL}/100/extend", json={"until": day.isoformat()})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert _told(leaving) == ([], [])


def test_somebody_who_does_not_leave_and_a_name_of_several_are_said(
    client: httpx.Client, leaving: Context
) -> None:
    assert client.post(f"{URL}/999/keep").status_code == 404
    with leaving.database.begin() as session:
        session.execute(update(GraceRow).values(name="Ada Lovelace"))
    answer = client.post(f"{URL}/Ada Lovelace/keep")
    assert answer.status_code == 409
    assert "105 (Ada Lovelace)" in answer.json()["detail"]


def test_resuming_after_the_days_says_that_the_next_run_deletes(
    client: httpx.Client, leaving: Context
) -> None:
    with leaving.database.begin() as session:
        session.execute(update(GraceRow).values(began_at=BEGAN - timedelta(days=30)))
    client.post(f"{URL}/100/keep")
    client.post(f"{URL}/100/resume")
    assert _told(leaving)[0][-1].endswith("by the next run, because its days of grace are over.")


def test_a_link_that_is_ended_by_hand_counts_down_nothing(client: httpx.Client, leaving: Context) -> None:
    bind(leaving)
    assert client.delete(f"/api/v1/sites/{SITE}/bindings/{ADA}").status_code == 200
    assert [item["number"] for item in client.get(URL).json()["items"]] == ["105"]


def test_the_explanation_says_when_the_extension_is_deleted(client: httpx.Client, leaving: Context) -> None:
    bind(leaving)
    sentences = client.get(f"/api/v1/sites/{SITE}/people/{ADA}/explain").json()["sentences"]
    day = (BEGAN + timedelta(days=30)).date()
    assert (
        f"Extension 100 is deleted on {day} (30 days after it was disabled), unless they return." in sentences
    )
