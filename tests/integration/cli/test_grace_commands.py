"""The commands about extensions that are disabled now and deleted later."""

from datetime import UTC, datetime, timedelta

from shared.database import graces
from shared.database.engine import Database
from shared.domain.grace import Departure, Grace
from tests.integration.cli.conftest import Terminal
from tests.support.databases import deployment_settings

BEGAN = datetime.now(UTC) - timedelta(days=10)


def test_who_leaves_is_listed_and_a_deletion_is_put_off_stopped_and_resumed(rollcall: Terminal) -> None:
    assert rollcall("grace", "list", "--json").json == []
    assert rollcall("grace", "list").output == "Nobody is about to be deleted.\n"
    database = Database(deployment_settings(rollcall.data).effective_database_url)
    with database.begin() as session:
        graces.put(session, "default", [Grace("g", 12, "205", "Ada Lovelace", Departure.DELETED, 30, BEGAN)])
    database.close()
    end = (BEGAN + timedelta(days=30)).date()
    listed = rollcall("grace", "list")
    assert listed.code == 0
    assert "Ada Lovelace" in listed.output
    assert (
        rollcall("grace", "keep", "205").notes.strip().endswith("is not deleted: the countdown is stopped.")
    )
    assert rollcall("grace", "resume", "205").notes.strip().endswith(f"is deleted on {end}.")
    later = str(end + timedelta(days=30))
    put_off = rollcall("grace", "extend", "Ada Lovelace", "--until", later, "--json")
    assert put_off.json["until"] == f"{later}T00:00:00Z"
    refused = rollcall("grace", "extend", "205", "--until", "2020-01-01")
    assert refused.code == 1
    assert "is not later" in refused.notes
    assert rollcall("grace", "keep", "999").code == 1
