"""compose.yaml, started as it stands (but for containers): a whole run through the API, seen in Flower, with the
output of every process searched for what must not be there.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.conftest import World, world
from tests.support.composition import Composition
from tests.support.metrics import figures
from tests.support.phone_system import changes_made
from tests.support.postgresql import postgres_server
from tests.support.redis import redis_server
from tests.support.waiting import wait_until

__all__ = ["world"]

pytestmark = pytest.mark.redis
PEOPLE = 12
_ENDED = {"done", "failed", "cancelled", "in_step"}


@pytest.fixture
def composition(tmp_path: Path) -> Iterator[Composition]:
    """Nothing is started yet. At debug level, where processes say most."""
    with (
        postgres_server(rules=["host all all 127.0.0.1/32 scram-sha-256"]) as postgresql,
        redis_server() as redis,
    ):
        made = Composition(
            tmp_path, postgresql, redis, ROLLCALL_LOG_LEVEL="debug", ROLLCALL_SWEEP_SECONDS="1"
        )
        postgresql.execute(
            "CREATE DATABASE rollcall", f"ALTER ROLE rollcall PASSWORD '{made.secret('database_password')}'"
        )
        try:
            yield made
        finally:
            made.kill()


def _client(composition: Composition, token: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{composition.api_port}", headers={"Authorization": f"Bearer {token}"},
        timeout=30, trust_env=False,
    )  # fmt: skip


def _state(api: httpx.Client, run_id: int) -> str:
    state: str = api.get(f"/api/v1/runs/{run_id}").json()["state"]
    return state


def _whole_run(api: httpx.Client, sections: dict[str, Any]) -> int:
    """Settings, both tests, a run, its approval, its end."""
    answer = api.put("/api/v1/sites/default/settings", json=sections)
    assert answer.status_code == 200, answer.text
    for end in ("directory", "phone-system"):
        tested = api.post(f"/api/v1/sites/default/{end}/test", json={})
        assert tested.status_code == 200, tested.text
    run_id: int = api.post("/api/v1/sites/default/runs", json={}).json()["id"]
    wait_until("the plan", lambda: _state(api, run_id) in _ENDED | {"held", "planned"})
    plan_hash = api.get(f"/api/v1/runs/{run_id}").json()["plan_hash"]
    approved = api.post(f"/api/v1/runs/{run_id}/approve", json={"plan_hash": plan_hash})
    assert approved.status_code == 200, approved.text
    wait_until("the end", lambda: _state(api, run_id) in _ENDED)
    assert _state(api, run_id) == "done"
    return run_id


def _seen_in_flower(composition: Composition) -> dict[str, set[str]]:
    """The states of the tasks that Flower knows, by task."""
    url = f"http://127.0.0.1:{composition.flower_port}/flower/api/tasks"
    name, _, password = composition.secret("flower_sign_in").partition(":")
    answer = httpx.get(url, auth=(name, password), trust_env=False)
    answer.raise_for_status()
    states: dict[str, set[str]] = {}
    for task in answer.json().values():
        states.setdefault(task["name"], set()).add(task["state"])
    return states


def _lines(composition: Composition) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every line of the services, which must be JSON but for what Celery prints when it is told to end."""
    for service in composition.services.keys() - {"migrate"}:
        for line in composition.log(service).read_text(errors="replace").splitlines():
            if line.strip() and not line.startswith(("worker: ", "celery beat v")):
                try:
                    yield service, json.loads(line)
                except json.JSONDecodeError:
                    pytest.fail(f"{service} printed {line!r}")


def test_the_services_do_a_whole_run_and_none_tells_what_it_must_not(
    composition: Composition, world: World
) -> None:
    world.staff.hire_many(PEOPLE)
    assert composition.start("migrate").wait(60) == 0, composition.log("migrate").read_text()
    for service in composition.services:
        if service != "migrate":
            composition.start(service)
    token = composition.run("api", "token", "create", "smoke test")
    for service in ("api", "collector", "reconciler", "relay-client", "scheduler", "beat", "watch", "flower"):
        wait_until(f"{service} to be healthy", partial(composition.is_healthy, service))
    for path in ("api/tasks", "metrics", "workers"):
        flower = f"http://127.0.0.1:{composition.flower_port}/flower/{path}"
        assert httpx.get(flower, trust_env=False).status_code == 401, path

    with _client(composition, token) as api:
        run_id = _whole_run(api, world.sections())
        told = figures(api.get("/metrics").text)
    assert told['rollcall_commands{kind="create_extension",site="default",state="done"}'] == PEOPLE
    assert told['rollcall_directory_items{site="default"}'] == PEOPLE
    assert told['rollcall_phone_system_items{site="default"}'] == 5
    assert 0 < told['rollcall_directory_read_seconds{site="default"}'] < 1
    made = [key for key in changes_made(world.phone_system) if key[0] == "create_user"]
    assert len(made) == PEOPLE
    worked = {
        "collector.snapshot_unit", "relay_client.snapshot_extensions", "reconciler.plan_run",
        "relay_client.execute_stage",
    }  # fmt: skip
    wait_until(
        "Flower to have seen it",
        lambda: all("SUCCESS" in _seen_in_flower(composition).get(name, ()) for name in worked),
    )

    assert set(composition.stop().values()) == {0}
    # Nothing that a service does is more than its user may.
    assert composition.denied() == []
    _assert_tells_one_story(composition, run_id)
    _assert_keeps_secrets(composition, world, token)


def _assert_tells_one_story(composition: Composition, run_id: int) -> None:
    """The run can be followed through the processes by one id."""
    tellers = {
        service for service, line in _lines(composition) if line.get("correlation_id") == f"run-{run_id}"
    }
    assert tellers == {"api", "collector", "reconciler", "relay-client"}


def _assert_keeps_secrets(composition: Composition, world: World, token: str) -> None:
    directory, phone_system = world.sections()["directory"], world.sections()["phone_system"]
    planted = [directory["password"], phone_system["client_secret"], token]
    planted += [composition.secret(name) for name in ("secret_key", "database_password")]
    planted += [composition.secret("flower_sign_in").partition(":")[2]]
    personal = ["Givenp0001", "Familyp0001", "p0001@corp", "CN=p0001"]
    output = "".join(composition.log(service).read_text(errors="replace") for service in composition.services)
    assert output.count("\n") > 50
    assert [text for text in planted + personal if text in output] == []
    # Flower's memory of the tasks is a file too.
    kept = b"".join(path.read_bytes() for path in (composition.folder / "data").glob("flower.db*"))
    assert [text for text in planted + personal if text.encode() in kept] == []
    # Tokens of the phone system are made at run time; they look like this.
    assert re.findall(r"eyJ[\w-]{20,}", output) == []


def test_the_secrets_script_keeps_what_is_there(composition: Composition) -> None:
    before = {path.name: path.read_text() for path in (composition.folder / "secrets").iterdir()}
    script = Path(__file__).parents[3] / "deploy" / "secrets.sh"
    subprocess.run(["sh", str(script), str(composition.folder / "secrets")], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (composition.folder / "secrets").iterdir()} == before
