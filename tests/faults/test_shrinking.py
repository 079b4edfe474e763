"""A failure from the fault to its shortest plan: something that repeats blindly, as Rollcall must not, under six faults."""

from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from tests.faults.campaign import __main__ as campaign
from tests.faults.campaign import oracle
from tests.faults.campaign.book import Book, Person
from tests.faults.campaign.episode import Verdict
from tests.faults.campaign.plan import Form, Part, Plan, Step
from tests.faults.campaign.servers import Servers

FAULTS: dict[str, dict[str, object]] = {
    "busy": {"kind": "status", "status": 503},
    "slow": {"kind": "latency", "ms": 1},
    "cut before": {"kind": "drop_before"},
    "cut after": {"kind": "drop_after"},
    "logged out": {"kind": "steal_token"},
    "asks to wait": {"kind": "status", "status": 429},
}
FORM = Form("sqlite", "redis", "stand-in", is_live=False, has_relay=False, has_own_clock=False)


class Hasty:
    """Creates an extension again when there was no answer, with the next number when that one is taken."""

    def __init__(self, phone_system: RunningPhoneSystem, client: httpx.Client) -> None:
        self._client, self._options = client, phone_system.options
        self._sign_in()

    def _sign_in(self) -> None:
        fields = {
            "client_id": self._options.client_id,
            "client_secret": self._options.client_secret,
            "grant_type": "client_credentials",
        }
        token = self._client.post("/connect/token", data=fields).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def create(self, person: Person) -> None:
        """Until somebody says that it is there."""
        number = int(person.number)
        while True:
            body = {
                "Number": str(number),
                "FirstName": person.first_name,
                "LastName": person.last_names[-1],
            }
            try:
                status = self._client.post("/xapi/v1/Users", json=body).status_code
            except httpx.TransportError:
                continue
            if status == 201:
                return
            if status == 401:
                self._sign_in()
            elif status == 400:
                number += 500


def _play(plan: Plan, _servers: Servers, _say: Callable[[str], None] | None = None) -> Verdict:
    """One new person for each step, created under its fault."""
    with (
        RunningPhoneSystem(PhoneSystemOptions(extensions=1)) as phone_system,
        httpx.Client(base_url=phone_system.base_url, trust_env=False, timeout=60) as client,
    ):
        book, hasty = Book(phone_system.state), Hasty(phone_system, client)
        for place, step in enumerate(plan.steps):
            person = Person(f"p{place}", [str(2000 + place)], ["Berg"], [""])
            book.people[person.login] = person
            assert phone_system.faults.add(FAULTS[step.name] | {"path": "/Users$"}) is None
            hasty.create(person)
        evidence = oracle.Evidence(book.people, book.effects, book.moments, [], {})
        return Verdict(oracle.at_most_once(evidence), [f"* {step.name}" for step in plan.steps])


def test_a_double_among_six_faults_is_found_told_and_shrunk_to_the_one_that_makes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(5, FORM, tuple(Step(Part.STRIKE, name, place) for place, name in enumerate(FAULTS)))
    monkeypatch.setattr(campaign, "play", _play)
    with ExitStack() as stack:
        servers = Servers(stack)
        verdict = _play(plan, servers)
        campaign._explain(plan, verdict, servers, 600)
    said = capsys.readouterr().out.splitlines()
    assert "VIOLATION create_user for p3 2 times, with 1 reasons" in said
    place = said.index(f"the shortest plan of seed 5 that failed, on {FORM}:")
    assert said[place + 1 :] == ["  * cut after (3)"]
