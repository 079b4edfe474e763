"""A worker that dies between sending and noting, and two that would tell the same."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from services.cli.deployment import workers
from services.notifier.notifying import notify
from services.notifier.outbox import take_notice
from services.scheduler.due_runs import sweep
from shared.database.tables import RunState
from shared.errors import LeaseHeld
from shared.work import leases
from shared.worker.context import Context
from tests.integration.notifier.telling import SITE, configure, outbox, run_that, states
from tests.support.receivers import WebServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("ready")
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"


def _notified(context: Context) -> bool:
    try:
        notify(context, SITE)
    except LeaseHeld:
        return False
    return True


def test_a_worker_killed_after_sending_sends_one_more_copy_with_the_same_id(
    context: Context, web: WebServer
) -> None:
    configure(context, webhook_url=web.url("/hook"), webhook_secret=_SECRET)
    run_that(context, RunState.FAILED)
    url = context.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.notifying", str(context.settings.data), url, SITE]
    with subprocess.Popen(command) as worker:
        web.on_arrival = worker.kill
        worker.wait(60)
    assert len(web.requests) == 1
    assert states(context) == [("run_failed", "pending")]
    web.on_arrival = lambda: None
    wait_until("the lease of the dead to end", lambda: _notified(context), 60)
    notify(context, SITE)
    ids = [headers["webhook-id"] for _, headers, _ in web.requests]
    assert ids == [f"msg_{outbox(context)[0].message_id}"] * 2
    assert states(context) == [("run_failed", "sent")]


def test_whoever_lost_the_lease_writes_nothing(context: Context, web: WebServer) -> None:
    configure(context, webhook_url=web.url("/hook"), webhook_secret=_SECRET)
    run_that(context, RunState.FAILED)
    name = f"notifications of {SITE}"
    assert leases.take(context.database, name, "second", 60)
    assert not _notified(context)
    with pytest.raises(LeaseHeld):
        take_notice(context, SITE, context.site_settings(SITE).settings, (name, "first"), datetime.now(UTC))
    assert outbox(context) == []
    assert not web.requests


def test_sweep_asks_a_worker_for_every_site_that_has_channels(context: Context, web: WebServer) -> None:
    configure(context, webhook_url=web.url("/hook"), webhook_secret=_SECRET)
    run_that(context, RunState.FAILED)
    with workers(context):
        sweep(context)
        wait_until("the message", lambda: web.requests, 60)
        wait_until("its note", lambda: states(context) == [("run_failed", "sent")], 60)
