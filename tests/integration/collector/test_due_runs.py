"""What the clock starts, and what sweep publishes again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from services.scheduler.due_runs import sweep, tick
from shared.database.tables import Run, RunState, SettingsVersion, SnapshotPart, WatchRow
from shared.settings.documents import Section
from tests.integration.collector.collecting import SITE, Collecting

DIRECTORY = {"servers": ["dc1"], "user": "u", "password": "p", "units": [{"dn": "OU=Sales,DC=x"}]}
SAVED = datetime(2026, 3, 1, 11, 50, tzinfo=UTC)
QUARTERS = {"is_enabled": True, "mode": "every", "every_minutes": 15}


def _configure(site: Collecting, **schedule: object) -> None:
    """Settings whose schedule was saved at ten to twelve."""
    site.configure(DIRECTORY, schedule=QUARTERS | schedule)
    with site.context.database.begin() as session:
        session.execute(
            update(SettingsVersion)
            .where(SettingsVersion.section == Section.SCHEDULE.value)
            .values(created_at=SAVED)
        )


def _at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def _end(site: Collecting, run_id: int, created_at: datetime, state: RunState = RunState.IN_STEP) -> None:
    with site.context.database.begin() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state=state.value, created_at=created_at))


def _run(site: Collecting, run_id: int) -> Run:
    with site.context.database.read() as session:
        return session.get_one(Run, run_id)


def test_a_due_slot_starts_one_run_however_often_the_clock_ticks(site: Collecting) -> None:
    _configure(site)
    (run_id,) = tick(site.context, _at(12, 0, 3))
    run = _run(site, run_id)
    assert (run.trigger, run.schedule_slot, run.state) == (
        "schedule", "2026-03-01T12:00:00+00:00", RunState.COLLECTING,
    )  # fmt: skip
    assert tick(site.context, _at(12, 0, 18)) == []
    _end(site, run_id, _at(12, 0, 3))
    assert tick(site.context, _at(12, 14, 59)) == []
    assert len(tick(site.context, _at(12, 15))) == 1


def test_a_site_whose_changes_are_noticed_has_one_run_a_night_and_its_interval_when_they_are_not(
    site: Collecting,
) -> None:
    _configure(site, live=True)
    with site.context.database.begin() as session:
        session.add(WatchRow(site_id=SITE, directory="", state="live", last_answer_at=_at(12, 14, 50)))
    assert tick(site.context, _at(12, 15)) == []
    # Nobody answers any more: what was due meanwhile is made up for at once.
    (run_id,) = tick(site.context, _at(12, 16, 30))
    assert _run(site, run_id).schedule_slot == "2026-03-01T12:15:00+00:00"
    _end(site, run_id, _at(12, 16, 30))
    night = _at(12, 0) + timedelta(hours=14)
    with site.context.database.begin() as session:
        session.execute(update(WatchRow).values(last_answer_at=night))
    assert len(tick(site.context, night + timedelta(seconds=5))) == 1


def test_what_is_due_in_a_blackout_starts_once_when_it_ends(site: Collecting) -> None:
    window = {"days": "sunday", "begin": "11:55", "end_day": "within_a_day", "end": "13:05"}
    _configure(site, blackout=[window])
    assert tick(site.context, _at(12, 0, 3)) == []
    assert tick(site.context, _at(13, 4, 59)) == []
    (run_id,) = tick(site.context, _at(13, 5))
    assert _run(site, run_id).schedule_slot == "2026-03-01T13:00:00+00:00"


def test_on_a_day_that_is_not_chosen_no_run_starts(site: Collecting) -> None:
    _configure(site, weekdays=["monday", "friday"])
    assert tick(site.context, _at(12, 0, 3)) == []
    assert len(tick(site.context, _at(12, 0) + timedelta(hours=12))) == 1


def test_a_run_that_ended_within_the_moment_does_not_start_again_in_its_slot(site: Collecting) -> None:
    _configure(site)
    (run_id,) = tick(site.context, _at(12, 0))
    # A clock that was set back makes the run look older than its slot; the slot's name still stands.
    _end(site, run_id, _at(11, 59))
    assert tick(site.context, _at(12, 0, 30)) == []


def test_slots_missed_while_the_host_was_off_are_made_up_for_once(site: Collecting) -> None:
    _configure(site)
    (before,) = tick(site.context, _at(12, 0))
    _end(site, before, _at(12, 0))
    (made_up,) = tick(site.context, _at(18, 7))
    assert _run(site, made_up).schedule_slot == "2026-03-01T18:00:00+00:00"
    _end(site, made_up, _at(18, 7))
    assert tick(site.context, _at(18, 8)) == []


def test_a_new_schedule_waits_for_its_first_slot(site: Collecting) -> None:
    _configure(site)
    assert tick(site.context, SAVED + timedelta(minutes=1)) == []
    assert len(tick(site.context, _at(12, 0))) == 1


def test_a_run_on_demand_serves_the_slot_before_it(site: Collecting) -> None:
    _configure(site)
    _end(site, site.start(), _at(12, 1))
    assert tick(site.context, _at(12, 2)) == []
    assert len(tick(site.context, _at(12, 15))) == 1


def test_a_slot_waits_for_the_run_that_is_still_going(site: Collecting) -> None:
    _configure(site)
    (run_id,) = tick(site.context, _at(12, 0))
    with site.context.database.begin() as session:
        session.execute(update(Run).values(created_at=_at(12, 0)))
    assert tick(site.context, _at(12, 16)) == []
    _end(site, run_id, _at(12, 0))
    (late,) = tick(site.context, _at(12, 17))
    assert _run(site, late).schedule_slot == "2026-03-01T12:15:00+00:00"


@pytest.mark.parametrize("schedule", [{"is_enabled": False}, {"mode": "times", "times": ["13:00"]}])
def test_what_is_off_or_not_due_starts_nothing(site: Collecting, schedule: dict[str, object]) -> None:
    _configure(site, **schedule)
    assert tick(site.context, _at(12, 0)) == []


def test_a_time_of_day_is_due_in_its_zone(site: Collecting) -> None:
    _configure(site, mode="times", times=["13:30"], time_zone="Europe/Berlin")
    assert tick(site.context, _at(12, 29, 59)) == []
    assert len(tick(site.context, _at(12, 30))) == 1


def test_a_site_that_cannot_run_does_not_stop_the_clock(site: Collecting) -> None:
    _configure(site)
    with site.context.database.begin() as session:
        session.execute(
            update(SettingsVersion)
            .where(SettingsVersion.section == Section.DIRECTORY.value)
            .values(document={"password": {"$encrypted": "made with another key"}})
        )
    assert tick(site.context, _at(12, 0)) == []


def test_sweep_publishes_what_waits_and_nothing_that_is_being_done(site: Collecting) -> None:
    _configure(site)
    run_id = site.start()
    # The unit and the phone system; the absent wait for the unit.
    assert sweep(site.context) == 2
    later = datetime.now(UTC) + timedelta(minutes=1)
    with site.context.database.begin() as session:
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.id == site.units(run_id)[0].id)
            .values(lease_expires_at=later)
        )
    assert sweep(site.context) == 1
    with site.context.database.begin() as session:
        session.execute(update(SnapshotPart).values(lease_expires_at=None, next_attempt_at=later))
    assert sweep(site.context) == 0
    with site.context.database.begin() as session:
        session.execute(update(SnapshotPart).values(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert sweep(site.context) == 2


def test_sweep_has_nothing_to_do_when_all_runs_have_ended(site: Collecting) -> None:
    _configure(site)
    _end(site, site.start(), _at(12, 0), RunState.DONE)
    assert sweep(site.context) == 0
    with site.context.database.read() as session:
        assert session.scalars(select(Run.state)).all() == [RunState.DONE]
