"""The overview's health: both ends, the broker, and work that nobody takes up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from services.api.operations.use_cases import doctor
from services.api.operations.use_cases.metrics import metrics
from services.api.overview.queries import find_stranded
from services.api.settings.use_cases.sections import apply_settings
from shared.database.tables import PartState, Run, RunKind, RunState, SettingsVersion, SnapshotPart, WatchRow
from shared.worker.context import Context
from tests.integration.api.builders import make_run, set_state
from tests.integration.api.conftest import serving
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import PASSWORD, Open
from tests.support.blackout import blackout_now

pytestmark = pytest.mark.usefixtures("people", "ready")

Times = Callable[[datetime], dict[str, object]]


def _long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=30)


def _began(context: Context, run: int, moment: datetime) -> None:
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == run).values(created_at=moment))


def _touch(context: Context, **values: object) -> None:
    with context.database.begin() as session:
        newest = session.scalars(select(SnapshotPart.id).order_by(SnapshotPart.id).limit(1)).one()
        session.execute(update(SnapshotPart).where(SnapshotPart.id == newest).values(**values))


def test_when_nothing_waits_the_queue_is_well(browser: Open) -> None:
    page = browser("vera").get("/console/")
    assert "The broker responds and the queue is empty." in page.text


def test_who_holds_a_site_and_why_is_on_every_page_until_an_operator_releases_it(browser: Open) -> None:
    oscar, vera = browser("oscar"), browser("vera")
    assert "Hold all changes" not in vera.get("/console/").text
    oscar.send(oscar.get("/console/"), "/hold", {"reason": "We move <b>racks</b>"})
    for path in ("/console/", "/console/runs", "/console/log", "/console/people"):
        text = vera.get(path).text
        assert "All changes are held" in text
        assert "We move" in text
        assert "Release" not in text
    oscar.send(oscar.get("/console/runs"), "/hold")
    assert "All changes are held" not in vera.get("/console/").text


def test_a_site_without_a_password_is_not_said_to_be_configured(context: Context) -> None:
    def _said() -> str:
        checks = {check.name: check for check in doctor.diagnose(context, ["default"])}
        return str(checks["settings of default"].message)

    assert _said() == "The directory and the phone system are configured."
    settings = context.site_settings("default").settings
    directory = settings.directory.model_dump(mode="json") | {"password": ""}
    apply_settings(context, "default", {"directory": directory}, "test")
    assert "Not configured yet: the password for" in _said()


def test_a_blackout_is_told_until_when_it_lasts_and_a_run_may_be_applied_now(
    context: Context, browser: Open
) -> None:
    oscar, vera = browser("oscar"), browser("vera")
    now = datetime.now(UTC)
    assert "Changes wait until" not in vera.get("/console/").text
    apply_settings(context, "default", {"schedule": {"blackout": blackout_now(now)}}, "test")
    ends = (now + timedelta(days=2)).strftime("%A %I:%M %p")
    assert f"Changes wait until {ends}." in vera.get("/console/").text
    run = make_run(context)
    set_state(context, run, RunState.EXECUTING)
    path = f"/console/runs/{run}"
    assert f"Changes wait until {ends}" in vera.get(path).text
    assert "Apply now" not in vera.get(path).text
    page = oscar.send(oscar.get(path), f"/runs/{run}/apply-now")
    assert "Changes wait until" not in page.text


def test_live_changes_are_said_to_work_or_why_they_do_not(context: Context, browser: Open) -> None:
    vera = browser("vera")
    assert "Live changes" not in vera.get("/console/").text
    apply_settings(context, "default", {"schedule": {"is_enabled": True, "live": True}}, "test")
    assert "no process watches the directory" in vera.get("/console/").text
    now = datetime.now(UTC)
    with context.database.begin() as session:
        session.add(
            WatchRow(
                site_id="default",
                directory="",
                state="live",
                last_answer_at=now,
                last_change_at=now - timedelta(minutes=12),
            )
        )
    page = vera.get("/console/").text
    assert "Live, last change 12 minutes ago." in page
    assert "Daily at 02:00 (UTC)" in page
    assert "Live, last change 12 minutes ago." in vera.get("/console/settings/schedule").text
    figures = metrics(context, is_broker_well=False)
    assert 'rollcall_watch_up{directory="",site="default"} 1.0' in figures
    checks = {check.name: check for check in doctor.diagnose(context, ["default"])}
    assert checks["live changes of default"].ok


def test_a_run_that_no_worker_takes_up_is_trouble(context: Context, browser: Open) -> None:
    run = make_run(context)
    vera = browser("vera")
    assert "queue is empty" in vera.get("/console/").text
    _began(context, run, _long_ago())
    page = vera.get("/console/")
    assert f"Run {run} was last worked on 30 minutes ago: no worker is processing it." in page.text
    assert "queue is empty" not in page.text


@pytest.mark.parametrize(
    "values",
    [
        lambda now: {"lease_holder": "w", "lease_expires_at": now + timedelta(seconds=30)},
        lambda now: {"next_attempt_at": now + timedelta(seconds=90)},
        lambda now: {"state": PartState.COMPLETE.value, "completed_at": now},
    ],
    ids=["leased", "tried again later", "just read"],
)
def test_a_run_that_somebody_works_on_or_will_is_no_trouble(
    context: Context, browser: Open, values: Times
) -> None:
    _began(context, make_run(context), _long_ago())
    _touch(context, **values(datetime.now(UTC)))
    assert "no worker is processing it" not in browser("vera").get("/console/").text


@pytest.fixture
def scheduled(context: Context) -> Context:
    """Every five minutes, saved long ago."""
    apply_settings(context, "default", {"schedule": {"is_enabled": True, "every_minutes": 5}}, "test")
    with context.database.begin() as session:
        session.execute(
            update(SettingsVersion)
            .where(SettingsVersion.section == "schedule")
            .values(created_at=datetime.now(UTC) - timedelta(days=1))
        )
    return context


def _ended(context: Context, kind: RunKind, began: datetime) -> None:
    run = make_run(context, kind)
    set_state(context, run, RunState.IN_STEP, finished_at=began)
    _began(context, run, began)


def _nothing(_context: Context) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "is_stranded"),
    [
        (_nothing, True),
        (lambda context: _ended(context, RunKind.FULL, _long_ago()), True),
        (lambda context: _ended(context, RunKind.PREVIEW, datetime.now(UTC)), True),
        (lambda context: _ended(context, RunKind.FULL, datetime.now(UTC)), False),
    ],
    ids=["never", "long ago", "only a preview", "just now"],
)
def test_a_schedule_that_starts_nothing_is_trouble(
    scheduled: Context, prepare: Callable[[Context], None], is_stranded: bool
) -> None:
    prepare(scheduled)
    schedule = scheduled.site_settings("default").settings.schedule
    assert (find_stranded(scheduled, "default", schedule, datetime.now(UTC)) is not None) == is_stranded
    off = schedule.model_copy(update={"is_enabled": False})
    assert find_stranded(scheduled, "default", off, datetime.now(UTC)) is None


def test_a_run_that_is_going_is_why_the_schedule_starts_no_other(scheduled: Context) -> None:
    run = make_run(scheduled)
    set_state(scheduled, run, RunState.EXECUTING)
    _began(scheduled, run, _long_ago())
    schedule = scheduled.site_settings("default").settings.schedule
    assert find_stranded(scheduled, "default", schedule, datetime.now(UTC)) is None


def test_a_controller_that_is_behind_is_said_and_the_site_is_not_in_sync(
    context: Context, browser: Open
) -> None:
    run = make_run(context)
    said = "Domain controller dc2 has not yet received everything that dc1 had."
    set_state(context, run, RunState.DONE, error_code="controller_behind", error_message=said)
    vera = browser("vera")
    for page in (vera.get("/console/"), vera.get(f"/console/runs/{run}")):
        assert "A domain controller is behind" in page.text
        assert said in page.text
        assert "Everything is in sync" not in page.text
    assert "no successful run yet" in vera.get("/console/").text


def test_managers_are_told_of_a_newer_version(context: Context, tmp_path: Path) -> None:
    file = tmp_path / "newest.json"
    told = replace(context, settings=context.settings.model_copy(update={"newest_release": file}))
    with (
        serving(told) as client,
        Browser(str(client.base_url)) as mary,
        Browser(str(client.base_url)) as vera,
    ):
        assert "newer version" not in mary.sign_in("mary", PASSWORD).text
        file.write_text('{"version": "99.1", "notes": "https://example.com/99.1"}')
        page = mary.get("/console/")
        assert page.mistakes == []
        assert "Rollcall 99.1" in page.text
        assert "newer version" not in vera.sign_in("vera", PASSWORD).text
