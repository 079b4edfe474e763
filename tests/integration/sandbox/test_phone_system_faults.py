"""The ways in which the sandbox phone system can be told to fail, and what it tells about itself."""

import statistics
import threading
import time
from typing import Any

import httpx
import pytest

from services.sandbox.phone_system import RunningPhoneSystem
from tests.integration.sandbox.conftest import Json, PhoneSystems, ask_for_token, values
from tests.support.waiting import wait_until


def _switch_on(sandbox: httpx.Client, **fault: Any) -> None:
    sandbox.post("/sandbox/faults", json=fault).raise_for_status()


def _calls(sandbox: httpx.Client) -> Json:
    calls: Json = sandbox.get("/sandbox/calls").json()
    return calls


def _state(sandbox: httpx.Client, number: str | None = None) -> Json:
    state: Json = sandbox.get("/sandbox/state", params={"number": number} if number else {}).json()
    return state


def test_a_connection_dropped_after_the_write_took_effect(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="drop_after", method="POST", path="/Users$")
    with pytest.raises(httpx.RemoteProtocolError):
        xapi.post("Users", json={"Number": "200"})
    assert [made["changed"] for made in _calls(sandbox)["create_user"]["200"]] == [True]
    assert xapi.get("Users(Number='200')?$select=Id").status_code == 200
    assert xapi.post("Users", json={"Number": "200"}).status_code == 400


def test_a_connection_dropped_before_the_write_took_effect(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="drop_before", method="POST", path="/Users$")
    with pytest.raises(httpx.RemoteProtocolError):
        xapi.post("Users", json={"Number": "200"})
    assert "create_user" not in _calls(sandbox)
    assert xapi.post("Users", json={"Number": "200"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "kind", "content"),
    [
        ("html", "text/html; charset=utf-8", "<html>"),
        ("empty", None, ""),
        ("odata", "application/json", '{"error"'),
    ],
)
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_status_comes_with_the_body_of_a_proxy_of_nobody_or_of_the_api(
    xapi: httpx.Client,
    sandbox: httpx.Client,
    ids: dict[str, int],
    status: int,
    body: str,
    kind: str | None,
    content: str,
) -> None:
    _switch_on(sandbox, kind="status", status=status, body=body, retry_after=7, path="Users")
    answer = xapi.patch(f"Users({ids['100']})", json={"FirstName": "New"})
    assert (answer.status_code, answer.headers.get("Content-Type")) == (status, kind)
    assert answer.text.startswith(content)
    assert answer.headers["Retry-After"] == "7"
    assert "update_user" not in _calls(sandbox)
    assert xapi.patch(f"Users({ids['100']})", json={"FirstName": "New"}).status_code == 204


def test_a_status_need_not_say_when_to_come_again(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="status", status=429)
    answer = xapi.get("Users")
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, False)


def test_a_fault_strikes_so_many_times_behind_those_it_lets_pass(
    xapi: httpx.Client, sandbox: httpx.Client
) -> None:
    _switch_on(sandbox, kind="status", status=503, method="GET", path="/Users", skip=1, times=2)
    assert xapi.get("Groups").status_code == 200
    assert [xapi.get("Users").status_code for _ in range(4)] == [200, 503, 503, 200]
    state = _state(sandbox)
    assert (state["fired"], state["faults"]) == (["status", "status"], [])


def test_two_faults_of_one_kind_strike_one_after_the_other(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="status", status=503)
    _switch_on(sandbox, kind="status", status=502)
    assert [xapi.get("Users").status_code for _ in range(3)] == [503, 502, 200]


def test_faults_can_be_switched_off(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="status", times=100)
    assert xapi.get("Users").status_code == 500
    assert sandbox.delete("/sandbox/faults").status_code == 204
    assert xapi.get("Users").status_code == 200


def test_a_slow_answer_makes_a_client_give_up_although_the_write_takes_effect(
    xapi: httpx.Client, sandbox: httpx.Client
) -> None:
    _switch_on(sandbox, kind="latency", ms=300, method="POST")
    with pytest.raises(httpx.ReadTimeout):
        xapi.post("Users", json={"Number": "200"}, timeout=0.1)
    wait_until("the creation", lambda: "create_user" in _calls(sandbox))


def test_every_answer_takes_the_time_the_options_say(phone_systems: PhoneSystems) -> None:
    client = phone_systems.xapi(phone_systems.start(latency_ms=50))
    start = time.monotonic()
    client.get("Users")
    assert time.monotonic() - start >= 0.05


def test_an_answer_goes_out_at_once(xapi: httpx.Client) -> None:
    # Head and body leave in two pieces; with Nagle's algorithm the second waits 40 ms for the client.
    taken = [xapi.get("Users?$select=Id").elapsed.total_seconds() for _ in range(21)]
    assert statistics.median(taken) < 0.03


@pytest.mark.parametrize(("kind", "written"), [("hold_before", False), ("hold_after", True)])
def test_a_request_is_held_until_it_is_let_go(
    xapi: httpx.Client, sandbox: httpx.Client, kind: str, written: bool
) -> None:
    _switch_on(sandbox, kind=kind, method="POST", path="/Users$")
    answers: list[httpx.Response] = []
    request = threading.Thread(target=lambda: answers.append(xapi.post("Users", json={"Number": "200"})))
    request.start()
    wait_until("the hold", lambda: _state(sandbox)["held"] == 1)
    assert ("create_user" in _calls(sandbox)) is written
    assert sandbox.post("/sandbox/release").status_code == 204
    request.join(10)
    assert [answer.status_code for answer in answers] == [201]


def test_a_stolen_token_is_worth_nothing_until_a_new_one_is_asked_for(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem, xapi: httpx.Client, sandbox: httpx.Client
) -> None:
    _switch_on(sandbox, kind="steal_token", method="PATCH")
    assert xapi.get("Users").status_code == 200
    assert xapi.patch("Users(21)", json={"FirstName": "New"}).status_code == 401
    assert xapi.get("Users").status_code == 401
    assert "update_user" not in _calls(sandbox)
    assert phone_systems.xapi(phone_system).patch("Users(21)", json={"FirstName": "New"}).status_code == 204


def test_somebody_else_edits_a_user_between_read_and_write(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="edit", method="GET", number="100", changes={"FirstName": "Other"})
    _switch_on(sandbox, kind="edit", method="GET", number="4711", changes={"FirstName": "Other"}, skip=1)
    assert xapi.get("Users(Number='100')?$select=FirstName").json()["FirstName"] == "Other"
    assert xapi.get("Users(Number='100')").status_code == 200
    calls = _calls(sandbox)
    assert "update_user" not in calls, "the edit of somebody else is counted as ours"


def test_asking_for_a_token_fails_only_where_the_fault_names_it(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem, sandbox: httpx.Client
) -> None:
    stranger = phone_systems.stranger(phone_system)
    _switch_on(sandbox, kind="status", status=503)
    _switch_on(sandbox, kind="status", status=502, path="^/connect/token$")
    assert ask_for_token(stranger, phone_system).status_code == 502
    assert ask_for_token(stranger, phone_system).status_code == 200


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({}, "needs a kind"),
        ({"kind": "explode"}, "needs a kind"),
        ({"kind": "status", "colour": "red"}, "may have"),
        ({"kind": "status", "times": "often"}, "times must be int"),
        ({"kind": "status", "status": 100}, "from 200 to 599"),
        ({"kind": "lie", "how": "somehow"}, "how must be one of empty_page"),
        ({"kind": "status", "body": "xml"}, "html, empty, odata"),
        ({"kind": "status", "path": "("}, "regular expression"),
        ({"kind": "edit", "number": "100"}, "needs number and changes"),
        (["status"], "needs a kind"),
    ],
)
def test_a_malformed_fault_is_refused_in_words(sandbox: httpx.Client, fault: Any, said: str) -> None:
    answer = sandbox.post("/sandbox/faults", json=fault)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert _state(sandbox)["faults"] == []


def test_only_changes_that_were_made_are_counted_and_by_what_they_changed(
    xapi: httpx.Client, sandbox: httpx.Client, ids: dict[str, int]
) -> None:
    path = f"Users({ids['100']})"
    xapi.patch(path, json={"FirstName": "New", "LastName": "Extension"})
    xapi.patch(path, json={"FirstName": "New"})
    xapi.patch(path, json={"Number": "999"})
    xapi.delete(path)
    xapi.delete(path)
    calls = _calls(sandbox)
    assert calls["update_user"]["100"] == [
        {"fields": ["FirstName"], "changed": True},
        {"fields": [], "changed": False},
    ]
    assert len(calls["delete_user"]["100"]) == 1
    assert calls["requests"] == {"PATCH /Users({id})": 3, "DELETE /Users({id})": 2}
    assert calls["token_requests"] == 1


def test_the_state_can_be_read_back_seeded_and_begun_anew(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    seeded = sandbox.put("/sandbox/users", json=[{"Number": "300", "FirstName": "Anna"}])
    state = _state(sandbox, "300")
    assert seeded.json() == {"Ids": [state["users"][0]["Id"]]}
    assert (state["users"][0]["FirstName"], state["extensions"]) == ("Anna", 6)
    assert len(state["users"][0]["ForwardingProfiles"]) == 5
    assert len(_state(sandbox)["users"]) == 6
    assert "create_user" not in _calls(sandbox)
    assert sandbox.put("/sandbox/users", json=[{"Number": "300"}]).status_code == 400
    assert sandbox.put("/sandbox/users", content=b"x").status_code == 400
    assert sandbox.post("/sandbox/reset").status_code == 204
    assert _state(sandbox)["extensions"] == 5
    assert xapi.get("Users").status_code == 401


def test_the_most_requests_at_one_moment_are_counted(xapi: httpx.Client, sandbox: httpx.Client) -> None:
    _switch_on(sandbox, kind="hold_before", method="GET", path="/Groups", times=3)
    threads = [threading.Thread(target=xapi.get, args=("Groups",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until("three held requests", lambda: _state(sandbox)["held"] == 3)
    sandbox.post("/sandbox/release")
    for thread in threads:
        thread.join(10)
    assert _calls(sandbox)["most_in_flight"] == 3
    assert values(xapi.get("Groups"))
