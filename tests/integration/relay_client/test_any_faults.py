"""Any faults at any writes, again and again: some undisturbed runs later both ends agree, and the Log told it once.

A property over random sequences: lost answers before and after the effect, errors, pages of HTML, refused fields, killed
workers and cancelled runs, at every kind of command. ``ROLLCALL_FAULT_SEEDS=500`` tries so many sequences.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from services.api.people.use_cases.owed import try_again
from services.api.runs.use_cases.decisions import cancel
from services.relay_client.execution import attempts as attempts_room
from services.relay_client.execution.execute import executor_lease
from services.relay_client.xapi import connection, errors
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import Event, Lease, OwedSteps
from shared.domain.owed import Owes
from shared.domain.person import AbsentPerson
from shared.domain.rules import ArchiveRule, PassedOn, WelcomeEmail
from tests.builders.domain import guid
from tests.integration.relay_client.between import Answer, Between, Forward, Passing, between
from tests.integration.relay_client.company import MAINTENANCE, RULES, Company
from tests.integration.relay_client.conftest import Bench

SEEDS = int(os.environ.get("ROLLCALL_FAULT_SEEDS", "6"))
# The undisturbed runs that bring everything to its end.
MOST_RUNS = 5
EVERYTHING = replace(
    RULES,
    archive=ArchiveRule("109"),
    when_number_passed_on=PassedOn.TAKE_OVER,
    welcome_email=WelcomeEmail.WITH_CREATION,
)
REFUSED = Answer(400, b'{"error": {"message": "No."}}')
HTML = Answer(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
AT_ONCE = {"Retry-After": "0"}
# What is answered instead, and whether the write takes effect first.
FAULTS: dict[str, tuple[Answer, bool]] = {
    "lost before": (HTML, False),
    "lost after": (HTML, True),
    "error": (Answer(500), False),
    "error after": (Answer(500), True),
    "unavailable": (Answer(503, headers=AT_ONCE), False),
    "busy": (Answer(429, headers=AT_ONCE), False),
    "html": (Answer(200, b"<html>Please wait</html>", {"Content-Type": "text/html"}), True),
    "refused": (REFUSED, False),
}
NORA = "nora@corp.example.test"
UNTOUCHED = ("100", "101", "108", "109")
COPIED = {"RecordCalls": True, "Language": "DE", "SRTPMode": "SRTPEnforced"}
EXPECTED = {
    "102": {"FirstName": "Dora", "Mobile": "+49302", "Enabled": True},
    "103": {"FirstName": "Existing3", "Enabled": False},
    "106": {"FirstName": "Nora", "LastName": "New", "EmailAddress": NORA, "Enabled": True},
    "107": {"FirstName": "Existing7", "Enabled": True},
    "201": {"EmailAddress": "anna1@corp.example.test", "Enabled": True, "PrimaryGroupId": 2, "Groups": [1, 2]}
    | COPIED,
    "204": {
        "EmailAddress": "existing4@sandbox.example.test",
        "RecordCalls": True,
        "HideInPhonebook": True,
        "Enabled": True,
    },
}
LINKS = {guid(1): "201", guid(2): "102", guid(3): "103", guid(4): "204", guid(16): "106", guid(7): "107"}
TOLD = [
    ("department.created", ""),
    ("extension.created", "201"),
    ("extension.renumbered", "204"),
    ("extension.rebound", "106"),
    *((f"extension.updated {name}", "102") for name in ("first name", "mobile")),
    *((f"extension.updated {name}", "106") for name in ("first name", "last name", "email")),
    *(("extension.enabled", number) for number in ("106", "107")),
    *(("extension.disabled", number) for number in ("103", "104", "105", "106")),
    *(("extension.archived", number) for number in ("104", "105", "106")),
    *(("extension.deleted", number) for number in ("104", "105")),
]
ENDS = ("killed", "killed after", "cancelled", "cancelled after")


@dataclass
class Storm:
    """Strikes writes at random. Of what ends a worker or a run there is one, then nothing is answered any more."""

    chance: random.Random
    struck: list[str] = field(default_factory=list)
    is_over: bool = False

    def begin(self, bench: Bench, run_id: int) -> None:
        """The run that it is about to disturb."""
        self.bench, self.run_id = bench, run_id

    def goes_on(self) -> bool:
        """Of a worker that was killed half the runs are taken over, the others cancelled."""
        return self.chance.random() < 0.5

    def handle(self, passing: Passing, forward: Forward) -> Answer:
        """Answer one request."""
        if self.is_over:
            return MAINTENANCE
        if passing.method == "GET" or not passing.path.startswith("/xapi/v1/") or self.chance.random() > 0.2:
            return forward()
        kind = self.chance.choice([*FAULTS, *ENDS])
        self.struck.append(kind)
        if kind in FAULTS:
            answer, takes_effect = FAULTS[kind]
            if takes_effect:
                forward()
            return answer
        if kind.endswith("after"):
            forward()
        self.is_over = True
        if kind.startswith("cancelled"):
            cancel(self.bench.context, self.run_id, "test")
        else:
            kill(self.bench)
        return MAINTENANCE


def kill(bench: Bench) -> None:
    """The executor stores nothing any more, as if it had been killed."""
    with bench.context.database.begin() as session:
        session.execute(
            update(Lease)
            .where(Lease.name == executor_lease(bench.settings()))
            .values(holder="somebody else", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )


@pytest.fixture
def options() -> PhoneSystemOptions:
    """One that wants departments in a step of their own, so that there are more steps."""
    return PhoneSystemOptions(extensions=10, departments_of_new="refused")


@pytest.fixture
def company(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """Every kind of command is ahead: besides those of the company a take-over, and somebody who is back."""
    # Nothing here depends on how long is waited between two tries.
    monkeypatch.setattr(attempts_room, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(errors, "_UNKNOWN_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(errors, "_retry_after", lambda _response: 0.001)
    monkeypatch.setattr(connection, "_PAUSES", (0.001, 0.001))
    with between(bench.base_url) as proxy:
        yield make_company(bench, proxy)


def make_company(bench: Bench, proxy: Between) -> Company:
    company = Company(bench, proxy, EVERYTHING)
    company.bind(6)
    company.absent.append(AbsentPerson(guid(6), found=False))
    company.people.append(
        replace(company.theirs(6), guid=guid(16), first_name="Nora", last_name="New", email=NORA)
    )
    company.bind(7, is_disabled_by_rollcall=True)
    company.people.append(company.theirs(7))
    state = bench.phone_system.state
    state.change_user(bench.id_of("107"), {"Enabled": False}, is_counted=False)
    return company


def _told(company: Company) -> Counter[tuple[str, str]]:
    """How often the Log tells each change; updates by field. An archive may be proven again."""
    with company.bench.context.database.read() as session:
        rows = session.execute(
            select(Event.code, Event.number, Event.message).where(
                Event.code.startswith("extension.") | Event.code.startswith("department.")
            )
        ).all()
    told: Counter[tuple[str, str]] = Counter()
    for code, number, message in rows:
        fields = message.rstrip(".").partition(": ")[2].split(", ") if code == "extension.updated" else [""]
        for name in fields:
            told[f"{code} {name}".strip(), number or ""] += 1
    for key in list(told):
        if key[0] == "extension.finished":
            del told[key]
        elif key[0] == "extension.archived":
            told[key] = 1
    return told


def _settle(company: Company) -> None:
    """Runs without faults; a person lets what 3CX refused be tried again."""
    bench = company.bench
    for _run in range(MOST_RUNS):
        with bench.context.database.read() as session:
            refused = session.scalars(
                select(OwedSteps).where(OwedSteps.owes == Owes.REFUSED_STEPS.value)
            ).all()
        for row in refused:
            try_again(bench.context, "default", row.number, "test")
        if not company.run().commands and not refused:
            return
    raise AssertionError(f"not settled after {MOST_RUNS} runs:\n" + "\n".join(bench.log()[-20:]))


def _storm(company: Company, chance: random.Random) -> list[str]:
    struck: list[str] = []
    for _run in range(chance.randint(1, 3)):
        storm = Storm(chance)
        company.run(storm)
        struck += storm.struck
    return struck


@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_any_faults_both_ends_agree_and_the_log_has_told_each_change_once(
    company: Company, seed: int
) -> None:
    # The first is undisturbed, or nothing would be known of what the others are compared with.
    struck = _storm(company, random.Random(seed)) if seed else []
    _settle(company)
    about = f"{struck}\n" + "\n".join(company.bench.log())
    state, picture = company.bench.phone_system.state, company.picture()
    assert set(picture) == {*UNTOUCHED, *EXPECTED}, about
    for number, expected in EXPECTED.items():
        assert {name: picture[number][name] for name in expected} == expected, about
    assert _told(company) == Counter(dict.fromkeys(TOLD, 1)), about
    assert {person: number for person, (_id, number, _ours) in company.bench.bindings().items()} == LINKS, (
        about
    )
    for operation in ("create_user", "create_group", "delete_user"):
        assert all(len(done) == 1 for done in state.calls[operation].values()), about
    # At most once; not at all only where it had been lost.
    welcomed = state.calls.get("send_welcome_email", {})
    assert [len(done) for done in welcomed.values()] in ([1], []), about
    assert welcomed or "unknown" in about
    with company.bench.context.database.read() as session:
        assert session.scalars(select(OwedSteps.number)).all() == [], about
