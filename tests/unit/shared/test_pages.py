"""Snapshot pages: what is stored is what is read, for any text a directory may hold and by any release."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.database import pages
from shared.database.columns import (
    ABSENT,
    DEPARTMENT,
    EXTENSION,
    PEER,
    PERSON,
    Columns,
    read_beside,
    written_beside,
)
from shared.domain.extension import Department, Extension, Membership, Peer
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.errors import NewerVersionNeeded

ADA = Person("guid-1", "CN=Ada", "OU=Sales", "Ada", departments=("Sales", "Board"), usn=7)
ALAN = Person("guid-2", "CN=Alan", "OU=Sales", account_state=AccountState.DISABLED)


def _any(kind: type[Any], **without: Any) -> st.SearchStrategy[Any]:
    """Values of the kind with something in every field, those that a later version adds included."""
    hints = get_type_hints(kind)
    given_fields = {item.name: st.from_type(hints[item.name]) for item in fields(kind)}
    return st.builds(kind, **(given_fields | without))


@given(st.lists(_any(Person), max_size=4))
def test_people_survive_a_page(people: list[Person]) -> None:
    assert pages.unpack(pages.pack(people), Person) == people


@given(st.lists(_any(Extension), max_size=4))
def test_extensions_survive_a_page(extensions: list[Extension]) -> None:
    assert pages.unpack(pages.pack(extensions), Extension) == extensions


@given(st.lists(_any(AbsentPerson, last_unit=st.just(""), directory=st.none()), max_size=4))
def test_the_absent_survive_a_page(absent: list[AbsentPerson]) -> None:
    assert pages.unpack(pages.pack(absent), AbsentPerson) == absent


@given(st.lists(_any(Department), max_size=4), st.lists(_any(Peer), max_size=4))
def test_departments_and_peers_survive_in_a_document(
    departments: list[Department], peers: list[Peer]
) -> None:
    document = {
        "version": "20.0.8",
        **written_beside("departments", DEPARTMENT, departments),
        **written_beside("peers", PEER, peers),
    }
    stored = json.loads(json.dumps(document))
    assert read_beside("departments", DEPARTMENT, stored) == departments
    assert read_beside("peers", PEER, stored) == peers


# It hands each row on as the arguments of the value.
@pytest.mark.parametrize(
    ("columns", "last"),
    [(PERSON, "usn"), (EXTENSION, "primary_department_id"), (ABSENT, "distinguished_name"),
     (DEPARTMENT, "is_default"), (PEER, "name")],
)  # fmt: skip
def test_a_row_of_the_first_release_ends_for_ever_where_it_ended(columns: Columns[Any], last: str) -> None:
    assert columns.first[-1] == last


@dataclass(frozen=True, slots=True)
class LaterPerson(Person):
    """A person as a later release knows them."""

    titles: tuple[str, ...] = ()
    is_contractor: bool = False


LATER = Columns(LaterPerson, PERSON.row, PERSON.width, reading={**PERSON.reading, "titles": tuple})
GRACE = LaterPerson("guid-3", "CN=Grace", "OU=Sales", "Grace", titles=("Dr.", "Adm."), is_contractor=True)


@pytest.fixture
def of_later_release(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A page as the later release writes it."""
    with monkeypatch.context() as later:
        later.setitem(pages._COLUMNS, LaterPerson, LATER)
        return pages.pack([GRACE])


def _first_release(payload: bytes) -> list[Person]:
    """The reader of the first release, word for word."""

    def row_person(row: list[Any]) -> Person:
        row[11] = tuple(row[11])
        row[12] = AccountState(row[12])
        return Person(*row)

    rows: list[list[Any]] = json.loads(zlib.decompress(payload))
    return [row_person(row) for row in rows]


def test_the_first_release_reads_the_pages_of_this_and_of_a_later_one(of_later_release: bytes) -> None:
    assert _first_release(pages.pack([ADA, ALAN])) == [ADA, ALAN]
    (grace,) = _first_release(of_later_release)
    assert grace == Person("guid-3", "CN=Grace", "OU=Sales", "Grace")


def test_this_release_reads_the_pages_of_the_first_one() -> None:
    rows = [[getattr(person, name) for name in PERSON.first] for person in (ADA, ALAN)]
    payload = zlib.compress(json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode(), 1)
    assert pages.unpack(payload, Person) == [ADA, ALAN]
    assert pages.pack([ADA, ALAN]) == payload


def test_this_release_passes_over_what_a_later_one_has_added(of_later_release: bytes) -> None:
    assert pages.unpack(of_later_release, Person) == [Person("guid-3", "CN=Grace", "OU=Sales", "Grace")]


def test_a_later_release_reads_its_own_pages_and_those_of_every_release_before(
    of_later_release: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pages._COLUMNS, LaterPerson, LATER)
    read: Callable[[bytes, Any], list[Any]] = pages.unpack
    assert read(of_later_release, LaterPerson) == [GRACE]
    assert read(pages.pack([ADA]), LaterPerson) == [
        LaterPerson("guid-1", "CN=Ada", "OU=Sales", "Ada", departments=("Sales", "Board"), usn=7)
    ]
    # Of a release between the two, and one after both, which knows the columns in another order.
    rows, _ = LATER.write([GRACE])
    between = {"fields": ["added_later_still", "is_contractor"], "rows": [["?", True]]}
    row = [*rows[0][:11], [], "enabled", *rows[0][13:]]
    (found,) = LATER.read([row], between)
    assert (found.is_contractor, found.titles) == (True, ())


def test_a_column_is_found_where_a_later_release_has_put_it(of_later_release: bytes) -> None:
    assert all(text in b"".join(pages._streams(of_later_release)) for text in (b"Grace", b"Adm."))


@pytest.mark.parametrize(
    "row", [["guid"], ["guid", True, "CN=x", "one too many", "two"], ["guid", True, "CN=x", "", "", ""]]
)
def test_what_only_another_version_can_mean_is_left_to_it(row: list[Any]) -> None:
    with pytest.raises(NewerVersionNeeded, match="Finish upgrading"):
        pages.unpack(zlib.compress(json.dumps([row]).encode()), AbsentPerson)


def test_a_state_of_an_account_that_only_a_newer_version_knows_is_never_taken_for_another() -> None:
    rows = [["unlocked" if name == "account_state" else getattr(ADA, name) for name in PERSON.first]]
    with pytest.raises(NewerVersionNeeded):
        pages.unpack(zlib.compress(json.dumps(rows).encode()), Person)


def test_memberships_are_read_as_written() -> None:
    extension = Extension(
        7, "100", memberships=(Membership(1, "DEFAULT"), Membership(2, "Sales", "managers"))
    )
    assert pages.unpack(pages.pack([extension]), Extension) == [extension]
