"""People and extensions as they are now: searched, filtered, counted, sorted and paged; one of them with its history."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.use_cases.roll import export_pieces
from shared.database import events
from shared.database.tables import RollRow
from shared.roll.entry import Entry, RollState
from shared.roll.reading import forget_past
from shared.worker.context import Context
from tests.integration.api.conftest import SITE
from tests.support.roll import COMPANY, OLA, READ_AT, SALES, TOM, ZOE, extension, fill, person

pytestmark = pytest.mark.every_database
URL = f"/api/v1/sites/{SITE}/people"


@pytest.fixture
def company(ready: Context) -> Context:
    """Four rows of four kinds."""
    fill(ready)
    return ready


def _found(client: httpx.Client, **asked: Any) -> list[str]:
    return [item["holder"] for item in client.get(URL, params=asked).json()["items"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("angstrom", [ZOE]),
        ("ÄNG zo", [ZOE]),
        ("201", [ZOE]),
        ("20", [ZOE, OLA]),
        ("ola.berg@corp.example", [OLA]),
        ("borg", [OLA]),
        ("tom.ab", [TOM]),
        (OLA.upper(), [OLA]),
        ("desk", ["extension 40"]),
        ("ngstr", []),
        ("%", []),
        ("' OR 1=1", []),
        ("", [TOM, ZOE, OLA, "extension 40"]),
    ],
)
def test_words_are_found_by_how_they_begin_accents_and_case_aside(
    client: httpx.Client, company: Context, text: str, found: list[str]
) -> None:
    assert _found(client, text=text) == found


def test_each_filter_counts_what_there_is_under_the_others(client: httpx.Client, company: Context) -> None:
    told = client.get(URL, params={"unit": SALES}).json()
    assert told["states"] == {"in_sync": 1, "no_number": 1}
    assert told["units"] == {SALES: 2, "OU=Support,DC=corp,DC=example": 1, "": 1}
    assert (told["total"], told["drift"]) == (2, 0)
    told = client.get(URL, params={"state": "conflict", "text": "berg"}).json()
    assert (told["total"], told["drift"], told["departments"]) == (1, 1, {"Support": 1})
    assert told["items"][0]["drift"] == [
        {
            "field": "last_name", "shown": "Borg", "wanted": "Berg", "written": "Berg",
            "changed_by": "Grace Hopper", "changed_on": "2026-11-30T09:14:02Z",
        }
    ]  # fmt: skip
    assert _found(client, differs="true") == [OLA]
    assert _found(client, department="Sales") == [ZOE, "extension 40"]


@pytest.mark.parametrize("sort", [*PeopleOrder])
def test_pages_hold_everybody_once_in_the_order_of_one_page(
    client: httpx.Client, ready: Context, sort: str
) -> None:
    fill(ready, [*COMPANY, Entry("g9", RollState.IN_SYNC, person("g9", "Ola", "Berg", "202"))])
    whole = _found(client, sort=sort)
    assert len(whole) == 5
    paged: list[str] = []
    after = None
    for _ in whole:
        told = client.get(URL, params={"sort": sort, "limit": "2", "after": after or ""}).json()
        paged += [item["holder"] for item in told["items"]]
        after = told["next_after"]
        if after is None:
            break
    assert paged == whole


def test_a_place_that_no_page_gave_begins_anew(client: httpx.Client, company: Context) -> None:
    for after in ("x", "[1]", '["a", 2]', '["x","y","z"]', "null"):
        assert len(_found(client, after=after, sort="since")) == 4


def test_an_empty_roll_says_that_nothing_was_read_yet(client: httpx.Client, ready: Context) -> None:
    told = client.get(URL).json()
    assert (told["items"], told["read_at"], told["total"]) == ([], None, 0)
    assert client.get(f"{URL}/{ZOE}").status_code == 404


def test_one_row_has_its_history(client: httpx.Client, company: Context) -> None:
    with company.database.begin() as session:
        for guid, number in ((ZOE, "201"), (OLA, "201"), (None, "201"), (OLA, "202")):
            entry = events.LogEntry(
                "extension.updated", f"{number} of {guid}", number=number, person_guid=guid
            )
            events.record(session, SITE, entry)
    told = client.get(f"{URL}/{ZOE}").json()
    assert told["entry"]["extension"]["number"] == "201"
    # The number was somebody else's once.
    assert [entry["message"] for entry in told["events"]] == ["201 of None", f"201 of {ZOE}"]
    assert client.get(f"{URL}/extension 40").json()["entry"]["state"] == "protected"


def test_the_file_holds_every_fitting_row_and_no_formula(company: Context) -> None:
    evil = Entry("g9", RollState.IN_SYNC, person("g9", "=cmd", "Berg", "203"))
    fill(company, [*COMPANY, evil])
    chosen, order = PeopleFilter("berg"), PeopleOrder.NUMBER
    file = b"".join(export_pieces(company.database, SITE, chosen, order)).decode("utf-8-sig")
    lines = file.splitlines()
    assert lines[0].startswith("Name,Number,State")
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["'=cmd Berg", "", "In sync"],
        ["Ola Berg", "202", "Conflict"],
    ]


def test_who_is_gone_is_found_until_the_log_forgets_them_too(client: httpx.Client, company: Context) -> None:
    fill(company, COMPANY[1:], at=READ_AT + timedelta(days=1))
    assert _found(client, text="angstrom 201", state="not_in_directory") == [ZOE]
    assert forget_past(company.database, SITE, READ_AT, lambda: True) == 0
    assert forget_past(company.database, SITE, READ_AT + timedelta(hours=1), lambda: True) == 1
    with company.database.read() as session:
        assert session.scalar(select(func.count()).select_from(RollRow)) == 3


def test_nobody_whose_extension_is_there_is_forgotten(company: Context) -> None:
    left = Entry(ZOE, RollState.LEAVING, None, None, extension(31, "Zoë", "Ängström", "201"))
    fill(company, [left, *COMPANY[1:]], at=READ_AT + timedelta(days=1))
    assert forget_past(company.database, SITE, READ_AT + timedelta(days=9), lambda: True) == 0
