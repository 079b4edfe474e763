"""The page of one person: what is known, and the link that can be ended."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from shared.database.tables import AuditEntry, BindingRow, CommandRow, RunState
from shared.domain.command import Command, CommandKind
from shared.worker.context import Context
from tests.integration.api.builders import ADA, bind, make_plan
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_an_operator_ends_a_link_and_a_viewer_cannot(context: Context, browser: Open) -> None:
    bind(context)
    assert "Unlink extension" not in browser("vera").get(f"/console/people?q={ADA}").text
    oscar = browser("oscar")
    page = oscar.send(oscar.get(f"/console/people?q={ADA}"), "/people/release")
    assert page.status == 200
    assert "No extension is linked to them." in page.text
    assert "Unlink extension" not in page.text
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


def test_an_operator_ticks_rows_of_a_finished_plan_whose_message_is_sent_again(
    context: Context, browser: Open, answering: Callable[[str, Callable[[dict[str, Any]], Any]], None]
) -> None:
    bind(context)
    asked: list[dict[str, Any]] = []

    def _answer(arguments: dict[str, Any]) -> list[dict[str, str]]:
        asked.append(arguments)
        return [{"number": "100", "result": "sent", "message": "3CX sends it to ada@example.test."}]

    answering("relay_client.send_welcome", _answer)
    created = Command(
        1, CommandKind.CREATE_EXTENSION, "Ada is new.", number="100", person_guid=ADA, person_name="Ada"
    )
    run_id, _ = make_plan(context, [created, replace(created, sequence=2, number="101")], RunState.DONE)
    with context.database.begin() as session:
        done = (CommandRow.run_id == run_id, CommandRow.sequence == 1)
        session.execute(update(CommandRow).where(*done).values(state="done"))
    plan = f"/console/runs/{run_id}/plan"
    assert 'form="welcome"' not in browser("vera").get(plan).response.text
    oscar = browser("oscar")
    page = oscar.get(plan)
    # The row that was not executed has nobody to write to.
    assert page.response.text.count('form="welcome"') == 1
    told = oscar.send(page, "/people/welcome", {"number": ["100"]})
    assert "The welcome message of extension 100 was sent again." in told.text
    assert [list(each["extensions"]) for each in asked] == [["100"]]
    assert oscar.send(page, "/people/welcome", {"number": [str(n) for n in range(51)]}).status == 422
