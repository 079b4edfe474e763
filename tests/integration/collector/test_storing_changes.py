"""What a watch stores of its answers, and what is forgotten with it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from services.collector.watching import storing
from services.collector.watching.position import Position
from shared.database.tables import ChangeRow, WatchRow
from shared.database.watches import watch_statuses
from shared.domain.watching import Hint, WatchMethod, WatchState
from shared.errors import SettingsInvalid
from shared.language import phrase, stored
from shared.runs.full_reading import ask_full_reading
from shared.work import leases
from tests.integration.collector.collecting import SITE, Collecting

HOLDER = "test"
DIRECTORY = {"servers": ["dc1"], "user": "u", "password": "p", "units": [{"dn": "OU=Sales,DC=x"}]}


@pytest.fixture
def watching(site: Collecting) -> Collecting:
    """Two directories of the site are watched."""
    assert leases.take(site.context.database, storing.LEASE, HOLDER, 3600)
    for directory in ("", "emea"):
        storing.store_state(site.context, HOLDER, (SITE, directory), WatchState.LIVE)
    return site


def _notice(site: Collecting, directory: str, *guids: str) -> None:
    position = Position("dc1", "one", WatchMethod.DIRSYNC, b"cookie", 10, "scope")
    inside = dict.fromkeys(guids, Hint.CHANGED)
    storing.store_answer(
        site.context, HOLDER, (SITE, directory), position, datetime.now(UTC), inside=inside, elsewhere={}
    )


def _changes(site: Collecting) -> list[tuple[str, str]]:
    with site.context.database.read() as session:
        rows = session.execute(select(ChangeRow.directory, ChangeRow.guid).order_by(ChangeRow.id))
        return [(row.directory, row.guid) for row in rows]


def test_who_moves_between_directories_is_read_in_both_of_them(watching: Collecting) -> None:
    _notice(watching, "", "anna")
    _notice(watching, "emea", "anna")
    _notice(watching, "emea", "anna")
    assert _changes(watching) == [("", "anna"), ("emea", "anna")]


def test_who_changes_again_while_a_full_run_reads_is_read_after_it_too(watching: Collecting) -> None:
    watching.configure(DIRECTORY)
    _notice(watching, "", "anna")
    _notice(watching, "", "anna")
    watching.start()
    _notice(watching, "", "anna")
    _notice(watching, "", "anna")
    assert _changes(watching) == [("", "anna"), ("", "anna")]


def test_what_was_noticed_before_live_changes_were_turned_off_is_not_done_afterwards(
    watching: Collecting,
) -> None:
    _notice(watching, "", "anna")
    _notice(watching, "emea", "bert")
    storing.forget_others(watching.context, HOLDER, SITE, ["emea"])
    assert _changes(watching) == [("emea", "bert")]
    storing.forget_others(watching.context, HOLDER, SITE, [])
    assert _changes(watching) == []


def test_why_a_watch_fails_and_needs_a_full_run_is_read_in_another_language_too(
    watching: Collecting,
) -> None:
    why = phrase("Controller {name} refused.", name="dc1")
    key = (SITE, "")
    storing.store_state(watching.context, HOLDER, key, WatchState.FAILING, error_message=why)
    with watching.context.database.begin() as session:
        storing.ask_for_full_reading(session, key, why)
        # It is stored for the other directory before the run is found to lack settings.
        with pytest.raises(SettingsInvalid):
            ask_full_reading(session, SITE, phrase("It may be {size}.", size=7), watching.context.encryption)
    with watching.context.database.read() as session:
        first, other = watch_statuses(session)[SITE]
        status = session.get_one(WatchRow, key)
        assert [stored(text) for text in (first.error_message, first.needs_full_reading)] == [stored(why)] * 2
        assert stored(other.needs_full_reading) == {"text": "It may be {size}.", "with": {"size": 7}}
        assert stored(status.needs_full_reading or "") == stored(why)
