"""The command that lists people and extensions."""

from pathlib import Path

from shared.database.engine import Database
from tests.integration.cli.conftest import Terminal
from tests.support.databases import deployment_settings
from tests.support.roll import OLA, fill_database


def test_people_are_listed_searched_and_filtered(rollcall: Terminal) -> None:
    assert "The next full run fills this list" in rollcall("people").notes
    _fill(rollcall.data)
    listed = rollcall("people")
    assert listed.code == 0
    assert "Front Desk" in listed.output
    found = rollcall("people", "berg", "--state", "conflict", "--json").json
    assert [item["holder"] for item in found["items"]] == [OLA]
    assert rollcall("people", "--state", "unknown").code != 0


def _fill(data: Path) -> None:
    database = Database(deployment_settings(data).effective_database_url)
    fill_database(database)
    database.close()
