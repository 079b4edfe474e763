"""The page that compares extensions with their templates."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.database import owed
from shared.database.tables import RunState
from shared.worker.context import Context
from tests.integration.api.builders import bind, complete_units, make_person, make_run, set_state
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_an_operator_sees_what_differs_and_lets_it_be_written_again(
    context: Context, browser: Open, answering: Callable[[str, Callable[[dict[str, Any]], Any]], None]
) -> None:
    run_id = make_run(context)
    complete_units(context, run_id, [make_person(template="900")])
    set_state(context, run_id, RunState.DONE)
    bind(context)
    differs = {"field": "RecordCalls", "label": "recording of calls", "template": "yes", "extension": "no"}
    answering(
        "relay_client.compare_with_template",
        lambda _arguments: [{"number": "100", "template": "900", "differences": [differs]}],
    )
    assert "Re-apply template" not in browser("vera").get("/console/templates?unit=all").text
    oscar = browser("oscar")
    page = oscar.get("/console/templates?unit=all")
    assert "recording of calls" in page.text
    assert "1 differ from their template" in page.text
    page = oscar.send(page, "/templates/write-again", {"number": ["100"]})
    assert "The next run re-applies the template to 1 extension." in page.text
    with context.database.read() as session:
        assert [row.owes for row in owed.rows(session, "default")] == ["template"]
    assert "Re-apply template" in oscar.get("/console/owed").text
