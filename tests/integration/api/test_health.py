"""Health checks, the diagnosis and the metrics: what monitoring sees when all is well and when it is not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import sites
from services.cli.deployment import workers
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from services.scheduler.due_runs import tick
from shared.database.tables import Lease, RunState, SettingsVersion
from shared.worker.context import Context
from shared.worker.queues import Queue
from shared.worker.refusals import Refused
from tests.integration.api.builders import make_plan, make_run, set_state
from tests.support.metrics import figures
from tests.support.phone_system import phone_system_settings
from tests.support.tables import rename_table

READY = "/health/ready"


def _not_ready(answer: httpx.Response) -> dict[str, bool]:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "not_ready")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "10"
    checks: dict[str, bool] = problem["details"]
    return checks


def test_anyone_may_ask_whether_it_lives_and_is_ready(ready: Context, client: httpx.Client) -> None:
    del client.headers["Authorization"]
    assert client.get("/health/live").json() == {"ok": True}
    assert client.get(READY).json() == {"ok": True, "checks": {"database": True, "key": True, "broker": True}}


def test_a_database_that_lost_its_tables_is_not_ready_but_alive(
    context: Context, client: httpx.Client
) -> None:
    rename_table(context.database, "alembic_version", "gone")
    assert _not_ready(client.get(READY)) == {"database": False}
    assert client.get("/health/live").status_code == 200


@pytest.mark.sqlite_only("the others have no file")
def test_a_database_file_that_is_gone_is_noticed_and_nothing_told_of_it(
    context: Context, client: httpx.Client
) -> None:
    assert client.get(READY).status_code == 200
    file = Path(str(context.database.url.database))
    file.rename(file.with_suffix(".away"))
    gone = client.get(READY)
    assert _not_ready(gone) == {"database": False}
    assert str(file) not in gone.text
    file.with_suffix(".away").rename(file)
    assert client.get(READY).status_code == 200


def test_secrets_that_another_key_sealed_are_not_ready(ready: Context, client: httpx.Client) -> None:
    with ready.database.begin() as session:
        row = session.scalars(select(SettingsVersion).where(SettingsVersion.section == "directory")).one()
        row.document = row.document | {"password": {"$encrypted": "gAAAAAtampered"}}
    assert _not_ready(client.get(READY)) == {"database": True, "key": False}


def test_the_diagnosis_says_in_sentences_what_to_mend(context: Context, client: httpx.Client) -> None:
    found = client.get("/api/v1/diagnosis").json()
    checks = {check["name"]: check for check in found["checks"]}
    assert not found["ok"]
    assert checks["database"]["ok"]
    assert checks["broker"]["ok"]
    assert "rollcall up" in checks["workers"]["message"]
    assert "domain controller" in checks["settings of default"]["message"]
    assert all(check["message"].endswith(".") for check in found["checks"])


def test_the_diagnosis_of_a_configured_site_is_well(ready: Context, client: httpx.Client) -> None:
    checks = {check["name"]: check["ok"] for check in client.get("/api/v1/diagnosis").json()["checks"]}
    assert checks["settings of default"]
    assert checks["clock"]
    assert checks["disk"]


def test_the_scheduler_is_well_while_ticks_come(ready: Context, client: httpx.Client) -> None:
    with workers(ready):
        assert "The scheduler is not running" in _check(client, "beat")["message"]
        tick(ready)
        assert _check(client, "beat")["ok"]
        assert _metrics(client)["rollcall_scheduler_up"] == 1
        with ready.database.begin() as session:
            session.execute(update(Lease).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        assert not _check(client, "beat")["ok"]


def _check(client: httpx.Client, name: str) -> dict[str, Any]:
    checks: list[dict[str, Any]] = client.get("/api/v1/diagnosis").json()["checks"]
    return next(check for check in checks if check["name"] == name)


def test_the_diagnosis_of_a_site_asks_its_ends(ready: Context, client: httpx.Client) -> None:
    with RunningPhoneSystem(PhoneSystemOptions(extensions=3, max_extensions=3)) as phones, workers(ready):
        settings.apply_settings(ready, "default", {"phone_system": phone_system_settings(phones)}, "test")
        found = client.get("/api/v1/sites/default/diagnosis").json()
    checks = {check["name"]: check for check in found["checks"]}
    assert not found["ok"]
    assert "dc1.corp.example" in checks["directory of default"]["message"]
    phone_system = checks["phone system of default"]
    assert (phone_system["ok"], len(phone_system["advice"])) == (True, 1)
    assert "All 3 licensed extensions are in use" in phone_system["advice"][0]


def test_there_is_no_diagnosis_of_a_site_that_is_none(client: httpx.Client) -> None:
    assert client.get("/api/v1/sites/nowhere/diagnosis").status_code == 404


def _metrics(client: httpx.Client) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return figures(answer.text)


def test_the_metrics_count_runs_and_commands_of_each_site(ready: Context, client: httpx.Client) -> None:
    refused = {f'rollcall_refused{{what="{what}"}}': 0.0 for what in Refused}
    empty = (
        refused
        | {"rollcall_broker_up": 1.0, "rollcall_scheduler_up": 0.0}
        | {f'rollcall_queue_messages{{queue="{queue}"}}': 0.0 for queue in Queue}
    )
    assert _metrics(client) == empty
    sites.create_site(ready, "oslo", "anna")
    make_plan(ready)
    ended = datetime.now(UTC) - timedelta(seconds=90)
    set_state(ready, make_run(ready), RunState.DONE, finished_at=ended)
    told = _metrics(client)
    assert told['rollcall_runs{site="default",state="held"}'] == 1
    assert told['rollcall_runs{site="default",state="done"}'] == 1
    assert told['rollcall_runs{site="default",state="failed"}'] == 0
    assert told['rollcall_commands{kind="update_extension",site="default",state="pending"}'] == 1
    assert told['rollcall_commands{kind="update_extension",site="default",state="failed"}'] == 0
    assert told['rollcall_held_plan_age_seconds{site="default"}'] < 60
    assert 90 <= told['rollcall_last_good_run_age_seconds{site="default"}'] < 120


def test_the_metrics_need_a_token(client: httpx.Client) -> None:
    assert httpx.get(f"{client.base_url}/metrics", trust_env=False).status_code == 401
