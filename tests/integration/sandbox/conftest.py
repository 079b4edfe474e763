"""A sandbox phone system and ordinary HTTP clients of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from tests.integration.sandbox.twins import Twins, samba_twin, sandbox_twin
from tests.support.samba import SambaDomain

Json = dict[str, Any]


class PhoneSystems:
    """Starts phone systems and signs clients in; what was started ends with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def start(self, **options: Any) -> RunningPhoneSystem:
        """A phone system with five extensions, 100 to 104, unless the options say otherwise."""
        made = RunningPhoneSystem(PhoneSystemOptions(**({"extensions": 5} | options)))
        return self._stack.enter_context(made)

    def stranger(self, system: RunningPhoneSystem) -> httpx.Client:
        """A client without a token."""
        # Nothing is encrypted here, and reading the certificates of all authorities takes most of a test's time.
        made = httpx.Client(base_url=system.base_url, timeout=10, verify=False)
        return self._stack.enter_context(made)

    def client(self, system: RunningPhoneSystem, **credentials: str) -> httpx.Client:
        """A client with a token of its own."""
        client = self.stranger(system)
        answer = ask_for_token(client, system, **credentials)
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def xapi(self, system: RunningPhoneSystem) -> httpx.Client:
        """A client with a token, whose paths begin behind ``/xapi/v1/``."""
        client = self.client(system)
        client.base_url = client.base_url.join("/xapi/v1/")
        return client


def ask_for_token(client: httpx.Client, system: RunningPhoneSystem, **changes: str) -> httpx.Response:
    """Ask for a token as the documentation of 3CX says."""
    form = {
        "client_id": system.client_id,
        "client_secret": system.client_secret,
        "grant_type": "client_credentials",
    }
    return client.post("/connect/token", data=form | changes)


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, field and warning of a refused write."""
    (detail,) = answer.json()["error"]["details"]
    assert answer.json()["error"]["message"] == f"{detail['target']}:\n{detail['message']}"
    return answer.status_code, detail["target"], detail["message"]


def query_refusal(answer: httpx.Response) -> str:
    """The reason behind a refused query."""
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["error"]["message"]
    start = "The query specified in the URI is not valid. "
    assert message.startswith(start)
    return message.removeprefix(start)


def values(answer: httpx.Response) -> list[Json]:
    """The rows of a collection."""
    assert answer.status_code == 200, answer.text
    rows: list[Json] = answer.json()["value"]
    return rows


@pytest.fixture(scope="session")
def shared_phone_systems() -> Iterator[PhoneSystems]:
    """Phone systems that several tests use: to start and stop one takes longer than most tests."""
    with ExitStack() as stack:
        yield PhoneSystems(stack)


@pytest.fixture
def phone_systems() -> Iterator[PhoneSystems]:
    """Phone systems as the test wants them."""
    with ExitStack() as stack:
        yield PhoneSystems(stack)


@pytest.fixture(scope="session")
def five_extensions(shared_phone_systems: PhoneSystems) -> RunningPhoneSystem:
    """The phone system behind ``phone_system``."""
    return shared_phone_systems.start()


@pytest.fixture
def phone_system(phone_systems: PhoneSystems, five_extensions: RunningPhoneSystem) -> RunningPhoneSystem:
    """One with five extensions, 100 to 104, as if it had just been started."""
    phone_systems.stranger(five_extensions).post("/sandbox/reset").raise_for_status()
    return five_extensions


@pytest.fixture
def xapi(phone_systems: PhoneSystems, phone_system: RunningPhoneSystem) -> httpx.Client:
    """A client of it that is signed in."""
    return phone_systems.xapi(phone_system)


@pytest.fixture
def sandbox(phone_systems: PhoneSystems, phone_system: RunningPhoneSystem) -> httpx.Client:
    """A client of the pages that are the sandbox's own, which need no token."""
    return phone_systems.stranger(phone_system)


@pytest.fixture
def ids(phone_system: RunningPhoneSystem) -> dict[str, int]:
    """The id of each extension, by number."""
    return dict(phone_system.state.user_by_number)


@pytest.fixture(scope="session")
def twins(samba: SambaDomain) -> Iterator[Twins]:
    """Samba and the sandbox directory, with the same people."""
    with samba_twin(samba) as real, sandbox_twin() as imitated:
        yield real, imitated
