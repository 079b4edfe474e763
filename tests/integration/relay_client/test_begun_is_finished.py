"""Whatever happens at whichever step: a few runs later everything is as it should be, and the Log told it once."""

import random
from collections.abc import Iterator

import pytest

from services.sandbox.phone_system import PhoneSystemOptions
from tests.builders.domain import guid
from tests.integration.relay_client.between import between
from tests.integration.relay_client.company import Company, Trouble
from tests.integration.relay_client.conftest import Bench

TOLD = [
    ("department.created", ""),
    ("extension.created", "201"),
    ("extension.deleted", "104"),
    ("extension.deleted", "105"),
    ("extension.disabled", "103"),
    ("extension.disabled", "104"),
    ("extension.disabled", "105"),
    ("extension.renumbered", "204"),
    ("extension.updated", "102"),
]
WRITES = 21


@pytest.fixture
def options() -> PhoneSystemOptions:
    """One that wants departments in a step of their own, so that there are more steps."""
    return PhoneSystemOptions(extensions=10, departments_of_new="refused")


@pytest.fixture
def company(bench: Bench) -> Iterator[Company]:
    """The company with its changes ahead."""
    with between(bench.base_url) as proxy:
        yield Company(bench, proxy)


def _check(company: Company) -> None:
    company.settle()
    picture = company.picture()
    assert set(picture) == {"100", "101", "102", "103", "106", "107", "108", "109", "201", "204"}
    joiner, moved = picture["201"], picture["204"]
    assert (joiner["RecordCalls"], joiner["Language"], joiner["SRTPMode"]) == (True, "DE", "SRTPEnforced")
    assert (joiner["EmailAddress"], joiner["Enabled"]) == ("anna1@corp.example.test", True)
    assert (joiner["Groups"], joiner["PrimaryGroupId"]) == ([1, 2], 2)
    assert (moved["RecordCalls"], moved["HideInPhonebook"], moved["Enabled"]) == (True, True, True)
    assert (moved["FirstName"], moved["EmailAddress"]) == ("Existing4", "existing4@sandbox.example.test")
    assert (picture["102"]["FirstName"], picture["102"]["Mobile"]) == ("Dora", "+49302")
    assert picture["103"]["Enabled"] is False
    bindings = company.bench.bindings()
    assert {person: number for person, (_id, number, _ours) in bindings.items()} == {
        guid(1): "201", guid(2): "102", guid(3): "103", guid(4): "204",
    }  # fmt: skip
    assert bindings[guid(3)][2], "what Rollcall disabled is Rollcall's"
    assert set(company.told()) - {("extension.finished", "201"), ("extension.finished", "204")} == set(TOLD)
    told = [entry for entry in company.told() if entry[0] not in ("extension.finished", "extension.updated")]
    assert len(told) == len(set(told)), f"told twice: {told}"


def test_undisturbed(company: Company) -> None:
    counting = Trouble(at=0)
    company.run(counting)
    assert counting.writes == WRITES
    _check(company)
    assert company.told() == TOLD


@pytest.mark.parametrize("took_effect", [True, False], ids=["took effect", "did not"])
@pytest.mark.parametrize("at", range(1, WRITES + 1))
def test_a_run_that_ends_at_any_write_is_finished_by_the_next(
    company: Company, at: int, took_effect: bool
) -> None:
    company.run(Trouble(at, took_effect, cancels=at % 2 == 0))
    _check(company)


@pytest.mark.parametrize("seed", range(4))
def test_so_is_one_that_ends_again_and_again(company: Company, seed: int) -> None:
    chance = random.Random(seed)
    for _run in range(6):
        trouble = Trouble(chance.randint(1, 6), chance.random() < 0.7, cancels=chance.random() < 0.4)
        company.run(trouble)
    _check(company)
