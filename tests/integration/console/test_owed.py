"""What is not finished: on the overview and a page of its own, tried again or given up by an operator."""

from datetime import UTC, datetime

import pytest

from shared.database.tables import OwedSteps
from shared.domain.owed import Owes
from shared.worker.context import Context
from tests.integration.api.builders import ADA
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def _owe(context: Context, number: str, owes: Owes) -> None:
    with context.database.begin() as session:
        session.add(
            OwedSteps(
                site_id="default", number=number, run_id=1, extension_id=31, person_guid=ADA,
                person_name="Ada <Lovelace>", former_id=None, before={}, after={}, owes=owes.value,
                answer="3CX refused RecordCalls.", begun_at=datetime.now(UTC),
            )
        )  # fmt: skip


def test_what_is_not_finished_is_listed_and_an_operator_decides(ready: Context, browser: Open) -> None:
    vera, oscar = browser("vera"), browser("oscar")
    assert "Nothing is unfinished" in vera.get("/console/owed").text
    assert "View all unfinished" not in vera.get("/console/").text
    _owe(ready, "205", Owes.REFUSED_STEPS)
    _owe(ready, "206", Owes.REMOVAL)
    assert "View all unfinished" in vera.get("/console/").text
    seen = vera.get("/console/owed")
    assert "Ada <Lovelace>" in seen.text
    assert "Settings that 3CX refused" in seen.text
    assert "Give up" not in seen.text
    again = oscar.send(oscar.get("/console/owed"), "#retry-205", button=("decision", "retry"))
    assert "Remaining settings of a new extension" in again.text
    assert "Settings that 3CX refused" not in again.text
    for number in ("205", "206"):
        again = oscar.send(again, f"#give-up-{number}", button=("decision", "give_up"))
    assert "Nothing is unfinished" in again.text
