"""Domain controllers that readings are measured by: listed, and forgotten when a person says that one is gone."""

from datetime import UTC, datetime

import httpx
import pytest

from services.api.accounts.queries import verify_audit
from services.api.connections.use_cases import controllers
from shared.domain.memory import Doubt, Memory
from shared.domain.reading import Reading
from shared.errors import NotFound
from shared.runs.controllers import memory_of, remember
from shared.worker.context import Context
from tests.integration.api.conftest import SITE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DC1 = Reading("dc1.corp.example", "dc1.corp.example:636", invocation_id="a", usn=100, read_at=NOW)
DC2 = Reading(
    "dc2.corp.example", "dc2.corp.example:636", invocation_id="b", usn=50, knows={"a": 90}, read_at=NOW
)


@pytest.fixture
def behind(ready: Context) -> Context:
    """dc2 was read last and is behind dc1; one person was disabled on its word."""
    memory = Memory().accepting((DC1,), "x").doubting((DC2,), NOW)
    doubts = {"person": Doubt("", NOW, (DC2,)), "waiting": Doubt("digest", NOW)}
    with ready.database.begin() as session:
        remember(session, SITE, Memory(memory.content, memory.alternatives, memory.latest, NOW, doubts))
    return ready


def _memory(context: Context) -> Memory:
    with context.database.read() as session:
        return memory_of(session, SITE)


def test_what_is_remembered_is_read_back_as_it_was(behind: Context) -> None:
    memory = _memory(behind)
    assert memory.alternatives == ((DC1,),)
    assert (memory.latest, memory.behind_since) == ((DC2,), NOW)
    assert memory.doubts == {"person": Doubt("", NOW, (DC2,)), "waiting": Doubt("digest", NOW)}


def test_the_api_lists_them_with_since_when_one_is_behind(behind: Context, client: httpx.Client) -> None:
    answer = client.get(f"/api/v1/sites/{SITE}/controllers")
    assert answer.status_code == 200, answer.text
    assert [(item["controller"], item["counts"]) for item in answer.json()["items"]] == [
        ("dc1.corp.example", True),
        ("dc2.corp.example", False),
    ]


def test_a_controller_that_is_gone_is_forgotten_and_written_down(
    behind: Context, client: httpx.Client
) -> None:
    answer = client.post(f"/api/v1/sites/{SITE}/controllers/forget", json={"name": "DC1"})
    assert answer.status_code == 200, answer.text
    assert _memory(behind).alternatives == ()
    log = client.get(f"/api/v1/sites/{SITE}/log").json()["items"]
    assert any(item["code"] == "controller.forgotten" and item["actor"] == "token:tester" for item in log)
    assert verify_audit(behind) is None


def test_a_name_that_is_not_remembered_is_said_with_those_that_are(
    behind: Context, client: httpx.Client
) -> None:
    answer = client.post(f"/api/v1/sites/{SITE}/controllers/forget", json={"name": "dc9"})
    assert answer.status_code == 404
    assert "Known: dc1.corp.example (dc1.corp.example:636)" in answer.json()["detail"]
    assert _memory(behind).alternatives == ((DC1,),)
    with pytest.raises(NotFound):
        controllers.forget(behind, "elsewhere", "dc1", "anna")


def test_the_doctor_says_which_is_behind_and_since_when(behind: Context) -> None:
    (sentence,) = controllers.advice_of(behind, SITE)
    assert "dc2.corp.example (dc2.corp.example:636) has been behind dc1.corp.example" in sentence
    assert "since 2026-03-01 12:00 UTC" in sentence
