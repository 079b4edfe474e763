"""What a stranger can make the API do: little at a time, and never so that others wait."""

import asyncio
import hashlib
import hmac
import socket
import time
from collections import Counter
from urllib.parse import urlencode

import httpx
import pytest

from services.api.access import tokens
from services.api.console.request import FORM_COOKIE, FORM_FIELD
from services.api.web import admission, bodies, connections
from shared.worker.context import Context
from tests.integration.api.conftest import serving
from tests.support.crowd import ask, crowd, forget_peak, peak, request

_FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Cookie": f"{FORM_COOKIE}=key",
}
_TOKEN = {FORM_FIELD: hmac.new(b"key", b"form", hashlib.sha256).hexdigest()}
_PASSWORD = {"password": "quiet river stone"}
_JSON = {"Content-Type": "application/json", "Authorization": "Bearer rc_" + "x" * 43}
_LARGE = b'{"a": "' + b"x" * 900_000 + b'"}'
# Everything that can be asked for without a sign-in, each as often and as heavily as one can.
ATTACKS = {
    "live": request("GET", "/health/live"),
    "ready": request("GET", "/health/ready"),
    "document": request("GET", "/openapi.json"),
    "sign-in page": request("GET", "/console/sign-in"),
    "sign-in": request(
        "POST", "/console/sign-in", _FORM, urlencode(_TOKEN | _PASSWORD | {"name": "mary"}).encode()
    ),
    "set-up page": request("GET", "/console/set-up"),
    "set-up": request(
        "POST",
        "/console/set-up",
        _FORM,
        urlencode(_TOKEN | _PASSWORD | {"name": "eve", "code": "guessed"}).encode(),
    ),
    "style sheet": request("GET", "/console/static/console.css"),
    "guessed token": request("GET", "/api/v1/sites", _JSON),
    "large body": request("PUT", "/api/v1/sites/default/settings/rules", _JSON, _LARGE),
    "large form": request("POST", "/console/sign-in", _FORM, b"name=" + b"x" * 900_000),
    "nothing there": request("GET", "/nothing/there"),
}


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    """An address of its own for each attack: what one has used up is not the next one's."""
    return {name: f"127.0.1.{number}" for number, name in enumerate(ATTACKS, start=1)}


def test_three_hundred_at_once_on_each_open_route_take_little_memory_and_readiness_stays(
    context: Context, addresses: dict[str, str]
) -> None:
    with serving(context) as client:
        address = str(client.base_url)
        client.get("/openapi.json")
        before = forget_peak()
        answers, waits = asyncio.run(_attack_all(address, addresses))
        grown = peak() - before
    assert grown < 128 * 1024, f"{grown // 1024} MiB"
    # Two seconds on a machine of its own; the tests share theirs.
    assert max(waits) < 15, waits
    for name, counted in answers.items():
        assert not set(counted) - {200, 400, 401, 403, 404, 413, 422, 429, 503}, (name, counted)
        assert counted.total() == 300
    # What cannot be is refused for what it is, not only for its number.
    assert answers["large body"][413] > 100
    assert answers["large form"][413] > 100
    assert answers["set-up"][422] > 100
    assert answers["guessed token"][401] > 100
    assert answers["sign-in"][429] > 100
    assert answers["live"] == answers["ready"] == Counter({200: 300})
    # Nobody who only looks is turned away: they wait for their turn.
    assert answers["sign-in page"][200] > 250


async def _attack_all(address: str, sources: dict[str, str]) -> tuple[dict[str, Counter[int]], list[float]]:
    answers: dict[str, Counter[int]] = {}
    waits: list[float] = []
    is_over = asyncio.Event()

    async def _watch() -> None:
        while not is_over.is_set():
            began = time.monotonic()
            assert await crowd(address, ATTACKS["ready"], "127.0.0.1", 1) == {200: 1}
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(_watch())
    for name, sent in ATTACKS.items():
        answers[name] = await crowd(address, sent, sources[name])
    is_over.set()
    await watching
    return answers, waits


def _read_to_end(address: str, sent: bytes, source: str = "127.0.0.1") -> bytes:
    place = httpx.URL(address)
    with socket.create_connection((place.host, place.port or 80), 30, (source, 0)) as made:
        made.sendall(sent)
        return b"".join(iter(lambda: made.recv(65_536), b""))


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nHost: "])
def test_a_request_that_is_never_complete_ends_its_connection(
    context: Context, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with serving(context) as client:
        assert _read_to_end(str(client.base_url), sent) == b""


def test_a_second_request_that_is_never_complete_ends_its_connection_too(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    first = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(context) as client:
        answer = _read_to_end(str(client.base_url), first + b"GET /health/live HTTP/1.1\r\nHo")
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("path", ["/console/sign-in", "/api/v1/sites"])
def test_a_body_that_does_not_come_is_not_waited_for(
    context: Context, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "STRANGERS_BODY_SECONDS", 0.2)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
    with serving(context) as client:
        answer = _read_to_end(str(client.base_url), head + b"{")
    assert b"408" in answer.split(b"\r\n")[0]
    assert b"body_too_slow" in answer


def test_large_bodies_are_for_those_who_are_signed_in(context: Context, client: httpx.Client) -> None:
    document = {"section": {"text": "x" * 100_000}}
    assert client.patch("/api/v1/sites/default/settings", json=document).status_code in (404, 405, 422)
    refused = httpx.patch(
        f"{client.base_url}/api/v1/sites/default/settings", json=document, trust_env=False, verify=False,
        headers={"Authorization": "Bearer rc_guessed"},
    )  # fmt: skip
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert "before a sign-in" in refused.json()["detail"]


def test_an_address_that_asks_too_often_waits_while_those_signed_in_do_not(
    context: Context, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "PER_SECOND", 0.0)
    client.get("/api/v1/sites")
    stranger = request("GET", "/console/sign-in")
    counted = asyncio.run(crowd(str(client.base_url), stranger, "127.0.0.1", admission.BURST + 20))
    assert counted[429] >= 20
    answer = _read_to_end(str(client.base_url), stranger)
    assert b"too_many_requests" in answer
    assert b"Retry-After: 5" in answer or b"retry-after: 5" in answer
    # The same address, with a token that was good before; another address, without.
    assert client.get("/api/v1/sites").status_code == 200
    assert b"200" in _read_to_end(str(client.base_url), stranger, "127.0.0.7").split(b"\r\n")[0]


def test_one_caller_with_everything_in_hand_keeps_nobody_else_waiting(
    context: Context, client: httpx.Client
) -> None:
    other = {"Authorization": f"Bearer {tokens.create_token(context, 'other')}"}
    mine = {"Authorization": client.headers["Authorization"]}
    address = str(client.base_url)
    assert client.get("/api/v1/sites").status_code == 200

    async def _while_they_hang() -> int:
        # No worker answers: each would hold one of the forty threads that all requests share.
        slow = request("POST", "/api/v1/sites/default/directory/test", mine)
        hanging = [asyncio.create_task(ask(address, slow, "127.0.0.1")) for _ in range(60)]
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in hanging)
        async with asyncio.timeout(4):
            status = await ask(address, request("GET", "/api/v1/sites", other), "127.0.0.1")
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        return status

    assert asyncio.run(_while_they_hang()) == 200


def _status_of(address: str, forwarded: str, source: str) -> bytes:
    sent = request("GET", "/console/sign-in", {"X-Forwarded-For": forwarded})
    return _read_to_end(address, sent, source).split()[1]


@pytest.fixture
def only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every address may ask once."""
    monkeypatch.setattr(admission, "BURST", 1)
    monkeypatch.setattr(admission, "PER_SECOND", 0.0)


@pytest.mark.usefixtures("only_one")
def test_forwarded_addresses_are_believed_of_nobody_by_default(client: httpx.Client) -> None:
    address = str(client.base_url)
    assert _status_of(address, "203.0.113.1", "127.0.0.1") == b"200"
    assert _status_of(address, "203.0.113.2", "127.0.0.1") == b"429"


@pytest.mark.usefixtures("only_one")
def test_of_a_named_proxy_the_last_hop_that_is_no_proxy_counts(context: Context) -> None:
    with serving(context, ["127.0.0.3", "10.0.0.0/8"]) as client:
        address = str(client.base_url)
        assert _status_of(address, "203.0.113.1", "127.0.0.3") == b"200"
        # What a client has put before is not believed.
        assert _status_of(address, "198.51.100.9, 203.0.113.1", "127.0.0.3") == b"429"
        assert _status_of(address, "203.0.113.1, 10.1.2.3", "127.0.0.3") == b"429"
        assert _status_of(address, "203.0.113.2", "127.0.0.3") == b"200"
        assert _status_of(address, "203.0.113.2", "127.0.0.4") == b"200"
        assert _status_of(address, "203.0.113.3", "127.0.0.4") == b"429"


def test_no_answer_may_be_kept_or_names_the_server(client: httpx.Client) -> None:
    for path in ("/api/v1/sites", "/health/ready", "/openapi.json", "/nothing", "/metrics"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store", path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers
