"""Extensions beside their templates: what differs, and what a person lets the next run write again."""

from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import select

from shared.database import owed
from shared.database.tables import AuditEntry, RunState
from shared.worker.context import Context
from tests.integration.api.builders import ADA, SALES, bind, complete_units, make_person, make_run, set_state
from tests.integration.api.conftest import SITE

URL = f"/api/v1/sites/{SITE}/template-comparison"
Answering = Callable[[str, Callable[[dict[str, Any]], Any]], None]
DIFFERENCE = {"field": "RecordCalls", "label": "recording of calls", "template": "yes", "extension": "no"}


def _with_template(context: Context) -> None:
    run_id = make_run(context)
    complete_units(context, run_id, [make_person(template="900")])
    set_state(context, run_id, RunState.DONE)
    bind(context)


def test_the_extensions_of_a_unit_are_compared_with_their_template(
    client: httpx.Client, ready: Context, answering: Answering
) -> None:
    _with_template(ready)
    asked: list[dict[str, Any]] = []

    def _answer(arguments: dict[str, Any]) -> list[dict[str, Any]]:
        asked.append(arguments)
        return [{"number": "100", "template": "900", "differences": [DIFFERENCE]}]

    answering("relay_client.compare_with_template", _answer)
    answer = client.get(URL, params={"unit": SALES}).json()
    assert asked == [{"site_id": SITE, "pairs": [["100", "900"]]}]
    assert answer["total"] == 1
    (item,) = answer["items"]
    assert (item["number"], item["name"], item["template"]) == ("100", "Ada Lovelace", "900")
    assert item["differences"] == [DIFFERENCE]


def test_what_is_to_be_written_again_is_owed_audited_and_told_once(
    client: httpx.Client, ready: Context
) -> None:
    _with_template(ready)
    assert client.post(f"{URL}/write-again", json={"numbers": ["100", "555"]}).status_code == 404
    assert client.post(f"{URL}/write-again", json={"numbers": ["100"]}).json() == {"numbers": ["100"]}
    with ready.database.read() as session:
        (row,) = owed.rows(session, SITE)
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "template.asked_for"))
    assert (row.number, row.owes, row.person_guid) == ("100", "template", ADA)
    assert row.after == {"template": "900", "again": True}
    assert entry.details["number"] == "100"
    again = client.post(f"{URL}/write-again", json={"numbers": ["100"]})
    assert again.status_code == 409
    assert "Extension 100" in again.json()["detail"]


def test_before_anybody_was_read_it_is_said(client: httpx.Client, ready: Context) -> None:
    answer = client.get(URL)
    assert answer.status_code == 404
    assert "Start a run or a preview first" in answer.json()["detail"]
