"""What is owed to extensions: listed, given up and tried again, in the Log and the audit."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select

from shared.database.tables import AuditEntry, Event, OwedSteps
from shared.domain.owed import Owes
from shared.worker.context import Context
from tests.integration.api.builders import ADA
from tests.integration.api.conftest import SITE

pytestmark = pytest.mark.every_database
URL = f"/api/v1/sites/{SITE}/owed-steps"


def _owe(context: Context, owes: Owes) -> None:
    with context.database.begin() as session:
        session.add(
            OwedSteps(
                site_id=SITE,
                number="205",
                run_id=1,
                extension_id=31,
                person_guid=ADA,
                person_name="Ada Lovelace",
                former_id=None,
                before={},
                after={"template": "900"},
                owes=owes.value,
                answer="3CX refused RecordCalls.",
                begun_at=datetime.now(UTC),
            )
        )


def _told(context: Context) -> tuple[list[str], list[str]]:
    with context.database.read() as session:
        said = session.scalars(select(Event.code).where(Event.code.startswith("owed."))).all()
        kept = session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("owed."))).all()
    return list(said), list(kept)


def test_what_is_owed_is_listed_with_what_3cx_said(client: httpx.Client, ready: Context) -> None:
    assert client.get(URL).json() == {"items": []}
    _owe(ready, Owes.REFUSED_STEPS)
    (shown,) = client.get(URL).json()["items"]
    assert (shown["number"], shown["owes"], shown["answer"]) == (
        "205",
        "refused_steps",
        "3CX refused RecordCalls.",
    )


def test_what_is_given_up_is_owed_no_more(client: httpx.Client, ready: Context) -> None:
    _owe(ready, Owes.REFUSED_STEPS)
    assert client.delete(f"{URL}/205").status_code == 200
    assert client.get(URL).json() == {"items": []}
    assert _told(ready) == (["owed.given_up"], ["owed.given_up"])
    assert client.delete(f"{URL}/205").status_code == 404


def test_what_was_refused_is_tried_again_when_a_person_says_so(client: httpx.Client, ready: Context) -> None:
    _owe(ready, Owes.REFUSED_STEPS)
    assert client.post(f"{URL}/205/retry").json()["owes"] == "steps"
    assert _told(ready) == (["owed.tried_again"], ["owed.tried_again"])
