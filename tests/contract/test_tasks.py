"""Tasks: every one has a stable name, a queue and a time limit, and every message has its task."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import ScheduleEntry

from services.cli.deployment import import_tasks
from shared.messages import MESSAGES
from shared.process_settings import load
from shared.worker.app import SWEEP, TICK, create_app
from shared.worker.queues import queue_of
from shared.worker.task import QuestionTask, RollcallTask

NAMES = {
    "scheduler.tick",
    "scheduler.sweep",
    "notifier.notify",
    "notifier.test_channel",
    # As beat of the last release sends them.
    "collector.tick",
    "collector.sweep",
    "collector.snapshot_unit",
    "collector.locate_absent",
    "collector.look_up_people",
    "collector.read_people",
    "collector.write_numbers",
    "collector.test_directory",
    "collector.browse_units",
    "collector.list_attributes",
    "collector.propose_numbers",
    "collector.unknown_attributes",
    "collector.try_mapping",
    "reconciler.plan_run",
    "reconciler.take_changes",
    "relay_client.snapshot_extensions",
    "relay_client.read_some_extensions",
    "relay_client.execute_stage",
    "relay_client.test_phone_system",
    "relay_client.list_extensions",
    "relay_client.list_departments",
    "relay_client.send_welcome",
    "relay_client.compare_with_template",
    "relay_client.test_relay",
    "relay_client.pair_relay",
    "relay_client.check_pin",
    "relay_client.look_up_extension",
    "collector.check_password",
    "collector.look_up_person",
    "collector.find_account",
    "collector.prove_account",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Celery:
    """An app with the tasks that a worker has."""
    # As workers do: a service left out there would have no tasks in production.
    import_tasks()
    made = create_app(load({}, data=Path(tmp_path_factory.mktemp("data"))))
    made.finalize()
    return made


def _ours(app: Celery) -> dict[str, object]:
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_the_tasks_are_known_by_these_names(app: Celery) -> None:
    assert set(_ours(app)) == NAMES


def test_every_message_has_its_task(app: Celery) -> None:
    assert {kind.task for kind in MESSAGES} <= set(_ours(app))


def test_every_task_has_a_queue_a_time_limit_and_a_base_of_ours(app: Celery) -> None:
    for name, task in _ours(app).items():
        assert app.amqp.router.route({}, name)["queue"].name == queue_of(name).value
        assert isinstance(task, RollcallTask | QuestionTask), name
        assert (task.time_limit or app.conf.task_time_limit) > 0
        assert (task.soft_time_limit or app.conf.task_soft_time_limit) > 0
        assert app.conf.task_acks_late
        assert app.conf.task_reject_on_worker_lost


def test_the_broker_never_gives_a_running_task_again() -> None:
    settings = load(
        {
            "ROLLCALL_BROKER_URL": "redis://localhost",
            "ROLLCALL_RESULT_BACKEND_URL": "redis://localhost",
            "ROLLCALL_SECRET_KEY": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=",
        }
    )
    app = create_app(settings)
    longest_countdown = 60
    assert app.conf.broker_transport_options["visibility_timeout"] > settings.task_seconds + longest_countdown


def test_beat_has_only_the_two_static_entries(app: Celery) -> None:
    assert set(app.conf.beat_schedule) == {TICK, SWEEP}


def test_beat_goes_on_when_the_clock_is_set_back(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in app.conf.beat_schedule.values():
        begun = ScheduleEntry(app=app, **entry)
        assert begun.is_due().is_due
        ran = next(begun)
        interval = entry["options"]["expires"]
        assert not ran.is_due().is_due
        monkeypatch.setattr(app, "now", lambda: datetime.now(UTC) - timedelta(hours=2))
        assert 0 < ran.is_due().next <= interval
