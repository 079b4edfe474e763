"""What a watch stores of its answers, and what is forgotten with it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from services.collector.watching import storing
from services.collector.watching.position import Position
from shared.database.tables import ChangeRow
from shared.domain.watching import Hint, WatchMethod, WatchState
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
