"""Signing in: how tokens are asked for, how long they are good, and what a role allows."""

import httpx
import pytest

from services.sandbox.phone_system import RunningPhoneSystem
from tests.integration.sandbox.conftest import PhoneSystems, ask_for_token

CLIENTS = (("second", "its-secret"),)


def _status(client: httpx.Client, path: str = "/xapi/v1/Users?$top=1") -> int:
    return client.get(path).status_code


def test_a_token_is_granted_for_an_urlencoded_form(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem
) -> None:
    answer = ask_for_token(phone_systems.stranger(phone_system), phone_system)
    assert answer.request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    granted = answer.json()
    assert (answer.status_code, granted["token_type"], granted["expires_in"]) == (200, "Bearer", 3600)
    assert granted["access_token"]
    assert granted["refresh_token"] is None


def test_a_token_is_granted_for_a_multipart_form(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem
) -> None:
    client = phone_systems.stranger(phone_system)
    form = {
        "client_id": (None, phone_system.client_id),
        "client_secret": (None, phone_system.client_secret),
        "grant_type": (None, "client_credentials"),
    }
    answer = client.post("/connect/token", files=form)
    assert answer.request.headers["Content-Type"].startswith("multipart/form-data")
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    assert _status(client) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "guess"},
        {"client_secret": "sécret"},
        {"client_id": "nobody"},
        {"grant_type": "password"},
    ],
)
def test_wrong_credentials_are_refused_in_words(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem, wrong: dict[str, str]
) -> None:
    answer = ask_for_token(phone_systems.stranger(phone_system), phone_system, **wrong)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "unauthorized",
        "error_description": "The request requires valid user authentication.",
    }


def test_a_new_token_ends_the_one_before_it(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem
) -> None:
    first = phone_systems.client(phone_system)
    assert _status(first) == 200
    second = phone_systems.client(phone_system)
    assert (_status(first), _status(second)) == (401, 200)


def test_tokens_of_different_clients_live_side_by_side(phone_systems: PhoneSystems) -> None:
    system = phone_systems.start(other_clients=CLIENTS)
    first = phone_systems.client(system)
    second = phone_systems.client(system, client_id="second", client_secret="its-secret")
    assert (_status(first), _status(second)) == (200, 200)


def test_a_phone_system_may_keep_one_token_for_all_clients(phone_systems: PhoneSystems) -> None:
    system = phone_systems.start(other_clients=CLIENTS, is_token_per_client=False)
    first = phone_systems.client(system)
    second = phone_systems.client(system, client_id="second", client_secret="its-secret")
    assert (_status(first), _status(second)) == (401, 200)


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer", "Basic cm9sbGNhbGw6eA=="])
def test_without_a_good_token_the_answer_is_401_with_nothing_in_it(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem, authorization: str | None
) -> None:
    client = phone_systems.client(phone_system)
    client.headers.pop("Authorization")
    headers = {"Authorization": authorization} if authorization else {}
    answer = client.get("/xapi/v1/Users", headers=headers)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (401, b"", "0")


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token "])
def test_a_token_is_good_as_a_bearer_token_only(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem, scheme: str
) -> None:
    client = phone_systems.client(phone_system)
    token = client.headers["Authorization"].removeprefix("Bearer ")
    assert _status(client) == 200
    client.headers["Authorization"] = f"{scheme}{token}"
    assert _status(client) == 401


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (0, 401)])
def test_a_token_is_good_for_as_long_as_it_says(
    phone_systems: PhoneSystems, seconds: int, status: int
) -> None:
    system = phone_systems.start(expires_in=seconds)
    stranger = phone_systems.stranger(system)
    assert ask_for_token(stranger, system).json()["expires_in"] == seconds
    assert _status(phone_systems.client(system)) == status


@pytest.mark.parametrize(
    ("role", "users", "recordings"),
    [("users", 403, 403), ("system_admins", 200, 403), ("system_owners", 200, 200)],
)
def test_the_role_of_the_client_decides_what_it_may_read(
    phone_systems: PhoneSystems, role: str, users: int, recordings: int
) -> None:
    client = phone_systems.client(phone_systems.start(role=role))
    answers = {path: client.get(f"/xapi/v1/{path}") for path in ("Users", "Recordings", "Defs")}
    assert [answers[path].status_code for path in answers] == [users, recordings, 200]
    assert all(not answer.content for answer in answers.values() if answer.status_code == 403)


def test_every_answer_of_the_api_names_the_version(
    phone_systems: PhoneSystems, phone_system: RunningPhoneSystem
) -> None:
    client = phone_systems.client(phone_system)
    answers = [
        client.get("/xapi/v1/Defs?$select=Id"),
        client.get("/xapi/v1/Users(1)"),
        client.get("/xapi/v1/Users?$top=101"),
        client.put("/xapi/v1/Users(21)", json={}),
        phone_systems.stranger(phone_system).get("/xapi/v1/Users"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 405, 401]
    assert {answer.headers["X-3CX-Version"] for answer in answers} == {"20.0.10.100"}
    assert answers[0].json()["Id"] == 0
    assert answers[0].json()["@odata.context"].endswith("/xapi/v1/$metadata#Defs/$entity")
