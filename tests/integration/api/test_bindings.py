"""Which extension is whose, changed by hand: audited, in the Log, and nothing written to the phone system."""

import httpx
import pytest
from sqlalchemy import select, update

from shared.database.pages import write_page
from shared.database.tables import AuditEntry, BindingRow, Event, PartKind, PartState, RunState, SnapshotPart
from shared.domain.extension import Extension
from shared.worker.context import Context
from tests.integration.api.builders import ADA, ALAN, bind, complete_units, make_person, make_run, set_state
from tests.integration.api.conftest import SITE

pytestmark = pytest.mark.every_database


def _url(person: str) -> str:
    return f"/api/v1/sites/{SITE}/bindings/{person}"


def _bound(context: Context) -> dict[str, tuple[str, int]]:
    with context.database.read() as session:
        return {
            row.person_guid: (row.number, row.extension_id) for row in session.scalars(select(BindingRow))
        }


def _read(context: Context) -> None:
    run_id = make_run(context)
    complete_units(context, run_id, [make_person()])
    reception = Extension(31, "205", "Front", "Desk", "desk@corp.example.test")
    with context.database.begin() as session:
        part_id = session.scalars(
            select(SnapshotPart.id).where(
                SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.EXTENSIONS.value
            )
        ).one()
        write_page(session, part_id, 0, 0, [reception])
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.id == part_id)
            .values(state=PartState.COMPLETE.value, page_count=1)
        )
    set_state(context, run_id, RunState.IN_STEP)


@pytest.mark.parametrize("person", [ADA, "100", "Ada%20Lovelace"])
def test_a_link_is_ended_by_person_or_number(client: httpx.Client, ready: Context, person: str) -> None:
    bind(ready)
    bind(ready, ALAN, "101", "Alan Turing")
    answer = client.delete(_url(person))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "person_guid": ADA,
        "person_name": "Ada Lovelace",
        "number": "100",
        "extension_id": 100,
    }
    assert set(_bound(ready)) == {ALAN}
    with ready.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "binding.released")).one()
        said = session.scalars(select(Event.message).where(Event.code == "binding.released")).one()
    assert (entry.details["person"], entry.details["number"]) == (ADA, "100")
    assert said == "Extension 100 is no longer linked to Ada Lovelace."
    assert client.delete(_url(person)).status_code == 404


def test_a_person_is_linked_to_an_extension_whatever_it_shows(client: httpx.Client, ready: Context) -> None:
    bind(ready)
    _read(ready)
    answer = client.put(_url(ADA), json={"number": "205"})
    assert answer.status_code == 200, answer.text
    assert _bound(ready) == {ADA: ("205", 31)}
    with ready.database.read() as session:
        row = session.scalars(select(BindingRow)).one()
        assert (row.shown_first_name, row.shown_last_name, row.shown_email) == (
            "Front",
            "Desk",
            "desk@corp.example.test",
        )
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "binding.set")).one()


def test_an_extension_that_is_somebody_elses_or_unknown_is_refused(
    client: httpx.Client, ready: Context
) -> None:
    _read(ready)
    assert client.put(_url(ADA), json={"number": "299"}).status_code == 404
    bind(ready, ALAN, "31", "Alan Turing")
    answer = client.put(_url(ADA), json={"number": "205"})
    assert answer.status_code == 409
    assert "is linked to Alan Turing" in answer.json()["detail"]
    assert set(_bound(ready)) == {ALAN}


def test_nobody_unknown_is_linked(client: httpx.Client, ready: Context) -> None:
    _read(ready)
    unknown = "0f8fad5b-d9cb-469f-a165-000000000000"
    assert client.put(_url(unknown), json={"number": "205"}).status_code == 404
    assert client.delete(_url(unknown)).status_code == 404
    assert _bound(ready) == {}
