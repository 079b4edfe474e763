"""Looking for one value in the stored pages: what cannot hold it is passed over, what holds it never is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from shared.database.engine import Database
from shared.database.pages import read_items, write_page
from shared.database.tables import SnapshotPage, SnapshotPart
from shared.domain.person import AbsentPerson
from shared.encryption import Encryption
from shared.runs.start import RunRequest, start_run


@pytest.fixture
def part_id(database: Database, encryption: Encryption, ready_site: str) -> int:
    """A part without pages."""
    with database.begin() as session:
        run_id = start_run(session, RunRequest(ready_site), encryption).id
        return session.scalars(select(SnapshotPart.id).where(SnapshotPart.run_id == run_id)).first() or 0


def _store(database: Database, part_id: int, pages: list[list[str]]) -> None:
    with database.begin() as session:
        session.execute(delete(SnapshotPage))
        session.execute(update(SnapshotPart).where(SnapshotPart.id == part_id).values(page_count=len(pages)))
        for number, values in enumerate(pages):
            write_page(session, part_id, 0, number, [AbsentPerson(value, found=False) for value in values])


def _found(database: Database, part_id: int, *texts: str) -> list[str]:
    return [person.guid for person in read_items(database, part_id, AbsentPerson, any_of=texts)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=4))
def test_a_stored_value_is_found_whatever_its_characters(
    database: Database, part_id: int, values: list[str]
) -> None:
    _store(database, part_id, [[value] for value in values])
    for value in values:
        assert value in _found(database, part_id, "elsewhere", value.lower())


def test_pages_that_hold_none_of_the_texts_are_passed_over(database: Database, part_id: int) -> None:
    _store(database, part_id, [["Ada Lovelace"], ["Alan Turing"], ["Grace Hopper"]])
    assert _found(database, part_id, "alan turing", "grace hopper") == ["Alan Turing", "Grace Hopper"]
    assert _found(database, part_id, "ada turing") == []
