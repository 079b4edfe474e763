"""What only a full reading can tell gets a run, and is forgotten when one that began later has read everything."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from services.collector.watching import storing
from services.collector.watching.full_readings import see_to_full_readings
from shared.database.tables import PartState, Run, RunState, SnapshotPart, WatchRow
from shared.domain.reading import Reading
from tests.integration.collector.collecting import SITE, Collecting

DIRECTORY = {"servers": ["dc1"], "user": "u", "password": "p", "units": [{"dn": "OU=Sales,DC=x"}]}


def _needed(site: Collecting) -> str | None:
    with site.context.database.read() as session:
        return session.get_one(WatchRow, (SITE, "")).needs_full_reading


def _set(site: Collecting, table: type[Run] | type[SnapshotPart] | type[WatchRow], **values: object) -> None:
    with site.context.database.begin() as session:
        session.execute(update(table).values(**values))


def _ask(site: Collecting) -> None:
    with site.context.database.begin() as session:
        storing.ask_for_full_reading(session, (SITE, ""), "Again.")


@pytest.mark.parametrize(
    ("reading", "counts"),
    [
        (Reading(invocation_id="a", usn=100), True),
        (Reading(invocation_id="b", usn=900, knows={"a": 100}), True),
        (Reading(invocation_id="b", usn=900, knows={"a": 99}), False),
        (Reading(invocation_id="b", usn=900), False),
    ],
)
def test_a_full_reading_from_a_controller_that_may_lack_what_the_watched_one_had_does_not_count(
    site: Collecting, reading: Reading, counts: bool
) -> None:
    site.configure(DIRECTORY)
    with site.context.database.begin() as session:
        session.add(
            WatchRow(site_id=SITE, directory="", state="live", invocation_id="a", usn=99, usn_after=100)
        )
    _ask(site)
    # What the watch has been told of since belongs to its change runs.
    _set(site, WatchRow, usn=200, usn_after=201)
    see_to_full_readings(site.context)
    _set(site, Run, state=RunState.DONE.value, planned_at=datetime.now(UTC))
    proof = {"controller": reading.to_document()}
    _set(site, SnapshotPart, state=PartState.COMPLETE.value, proof=proof)
    see_to_full_readings(site.context)
    assert (_needed(site) is None) is counts


def test_a_full_reading_counts_when_it_began_later_and_read_every_unit(site: Collecting) -> None:
    site.configure(DIRECTORY)
    with site.context.database.begin() as session:
        session.add(
            WatchRow(
                site_id=SITE,
                directory="",
                state="live",
                needs_full_reading="An OU was moved.",
            )
        )
    (run_id,) = see_to_full_readings(site.context)
    assert see_to_full_readings(site.context) == []
    _set(site, Run, state=RunState.DONE.value, planned_at=datetime.now(UTC))
    # Planned although a unit could not be read.
    assert see_to_full_readings(site.context) == []
    assert _needed(site)
    _set(site, SnapshotPart, state=PartState.COMPLETE.value)
    # Read, and stopped before it had done what it planned.
    _set(site, Run, state=RunState.FAILED.value, error_code="phone_system_unavailable")
    assert see_to_full_readings(site.context) == []
    assert _needed(site)
    _set(site, Run, state=RunState.DONE.value, error_code=None)
    _ask(site)
    # Of what happened after it began it says nothing.
    assert see_to_full_readings(site.context) == []
    assert _needed(site)
    _set(site, WatchRow, full_run_id=run_id)
    assert see_to_full_readings(site.context) == []
    assert _needed(site) is None
    assert site.runs() == ["watch"]
    assert run_id
    # Later than some minutes after the last full run another one may be started.
    _ask(site)
    assert see_to_full_readings(site.context) == []
    _set(site, Run, created_at=datetime.now(UTC) - timedelta(minutes=6))
    assert len(see_to_full_readings(site.context)) == 1
