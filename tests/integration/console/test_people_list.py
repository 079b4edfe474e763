"""The page of people and extensions: chips with counts, filters, a file, and a row's page."""

import io

import httpx
import openpyxl
import pytest
from sqlalchemy import update

from services.api.operations.use_cases.metrics import metrics
from services.api.settings.use_cases.sections import apply_settings
from shared.database.tables import RollRow
from shared.domain.person import Presence
from shared.roll.entry import Entry, RollState
from shared.worker.context import Context
from tests.integration.console.conftest import Open
from tests.support.roll import COMPANY, OLA, ZOE, fill, person
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_the_page_shows_everybody_with_the_counts_of_the_states(context: Context, browser: Open) -> None:
    fill(context)
    page = browser("vera").get("/console/people")
    for shown in ("Zoë Ängström", "Front Desk", "Two people have 202.", "No number", "Differs in 3CX"):
        assert shown in page.text
    narrow = browser("vera").get("/console/people?text=ang&state=in_sync")
    assert "Zoë Ängström" in narrow.text
    assert "Ola Berg" not in narrow.text


def test_a_row_leads_to_its_page_also_of_an_extension_that_is_nobodys(
    context: Context, browser: Open
) -> None:
    fill(context)
    vera = browser("vera")
    page = vera.get(f"/console/people?q={OLA}")
    assert page.status == 200
    for shown in (
        "Ola Berg",
        "Borg",
        "Last written by Rollcall",
        "by Grace Hopper",
        "Two people have 202.",
    ):
        assert shown in page.text
    page = vera.get("/console/people?q=extension%2040")
    assert (page.status, "Front Desk" in page.text, "Never changed." in page.text) == (200, True, True)
    assert vera.get("/console/people?q=extension%2041").status == 404


def test_a_person_is_shown_with_the_directory_where_there_are_several(
    context: Context, browser: Open
) -> None:
    fill(context)
    with context.database.begin() as session:
        session.execute(update(RollRow).where(RollRow.holder == OLA).values(directory="emea.example"))
    vera = browser("vera")
    assert "emea.example" not in vera.get(f"/console/people?q={OLA}").text
    other = {"name": "emea.example", "servers": ["dc1.emea.example"]}
    apply_settings(context, "default", {"directories": {"others": [other]}}, "test")
    assert "<dt>Directory</dt><dd>emea.example</dd>" in vera.get(f"/console/people?q={OLA}").response.text


def test_the_list_is_a_file_with_the_same_filter(context: Context, browser: Open) -> None:
    fill(context)
    file = browser("vera").get("/console/people/export?text=berg").response
    assert file.headers["content-disposition"] == 'attachment; filename="rollcall-default-people.csv"'
    assert "Ola Berg" in file.text
    assert ZOE not in file.text


def test_the_list_is_a_workbook_of_texts(context: Context, browser: Open) -> None:
    evil = Entry("g9", RollState.IN_SYNC, person("g9", "=1+1", "Berg", "203"), Presence.SELECTED)
    fill(context, [*COMPANY, evil])
    vera = browser("vera")
    answers: list[httpx.Response] = []

    def _is_there() -> bool:
        answers.append(vera.http.get("/console/people/export?text=berg&format=xlsx"))
        return answers[-1].status_code == 200

    wait_until("the file", _is_there, 60)
    file = answers[-1]
    assert file.headers["content-disposition"] == 'attachment; filename="rollcall-default-people.xlsx"'
    sheet = openpyxl.load_workbook(io.BytesIO(file.content)).active
    assert sheet is not None
    rows = [[cell.value for cell in row[:3]] for row in sheet.iter_rows()]
    assert rows == [
        ["Name", "Number", "State"],
        ["=1+1 Berg", "203", "In sync"],
        ["Ola Berg", "202", "Conflict"],
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


def test_before_the_first_full_run_the_page_says_what_fills_it(browser: Open) -> None:
    assert "The next full run fills this list" in browser("vera").get("/console/people").text


def test_the_metrics_tell_what_a_full_run_had_not_known(context: Context) -> None:
    fill(context)
    fill(context, COMPANY[1:])
    assert 'rollcall_roll_differences{site="default"} 1.0' in metrics(context, is_broker_well=False)
