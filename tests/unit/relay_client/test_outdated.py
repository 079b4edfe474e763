"""What the plan went by against what the directory says at the deed: each pair, for each kind of command."""

import itertools

import pytest

from services.relay_client.execution.outdated import what_changed
from shared.domain.command import CommandKind
from shared.domain.person import AbsentPerson, AccountState, Person, PersonState, Presence

GUID = "d7b2a6b8-0000-4000-8000-000000000001"
# From furthest away to entitled.
STATES = {
    "gone": PersonState(GUID, Presence.GONE),
    "elsewhere": PersonState(GUID, Presence.ELSEWHERE, distinguished_name="CN=Bob,OU=Away"),
    "disabled": PersonState(GUID, Presence.SELECTED, AccountState.DISABLED, "205"),
    "without number": PersonState(GUID, Presence.SELECTED),
    "bad number": PersonState(GUID, Presence.SELECTED, has_bad_number=True),
    "entitled": PersonState(GUID, Presence.SELECTED, number="205"),
}
RENUMBERED = PersonState(GUID, Presence.SELECTED, number="206")
EXPIRED = PersonState(GUID, Presence.SELECTED, AccountState.EXPIRED)
MAY_BE_FURTHER = {CommandKind.DISABLE_EXTENSION, CommandKind.RELEASE_BINDING}


@pytest.mark.parametrize("kind", CommandKind)
@pytest.mark.parametrize(("then", "now"), [*itertools.product(STATES, STATES)])
def test_a_command_goes_on_only_where_the_plan_would_have_it_so_too(
    kind: CommandKind, then: str, now: str
) -> None:
    places = list(STATES)
    is_further = places.index(now) < places.index(then)
    goes_on = then == now or (is_further and kind in MAY_BE_FURTHER)
    assert (what_changed(kind, "Bob", STATES[then], STATES[now]) is None) == goes_on


@pytest.mark.parametrize("kind", CommandKind)
def test_another_number_is_another_plan_for_every_kind(kind: CommandKind) -> None:
    said = what_changed(kind, "Bob", STATES["entitled"], RENUMBERED)
    assert said is not None
    assert "Bob has number 206 in the directory, not 205" in said


def test_expired_and_disabled_have_one_rule() -> None:
    assert what_changed(CommandKind.DELETE_EXTENSION, "Bob", STATES["disabled"], EXPIRED) is None


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ("gone", "entitled", "Bob is in the selected units now, at "),
        ("gone", "elsewhere", "Bob is in the directory now, at CN=Bob,OU=Away"),
        ("elsewhere", "disabled", "Bob is in the selected units now, at "),
        ("disabled", "without number", "the account of Bob is enabled again"),
        ("without number", "bad number", "the number attribute of Bob has a value again, but it is not a number"),
        ("without number", "entitled", "Bob has a number again, 205"),
        ("entitled", "gone", "Bob was deleted from the directory"),
        ("entitled", "elsewhere", "Bob is no longer in the selected OUs, but at CN=Bob,OU=Away"),
        ("entitled", "disabled", "the account of Bob is disabled"),
        ("entitled", "without number", "Bob no longer has a number"),
        ("entitled", "bad number", "the number attribute of Bob no longer holds a number"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_has_changed(then: str, now: str, said: str) -> None:
    sentence = what_changed(CommandKind.DELETE_EXTENSION, "Bob", STATES[then], STATES[now])
    assert sentence is not None
    assert sentence.startswith(f"The directory was changed after the plan was created: {said}")
    assert sentence.endswith(". The next run checks again.")


def test_a_state_is_taken_from_what_a_reading_says() -> None:
    assert PersonState.of(AbsentPerson(GUID, False)) == STATES["gone"]
    assert PersonState.of(AbsentPerson(GUID, True, "CN=Bob,OU=Away")) == STATES["elsewhere"]
    assert PersonState.of(Person(GUID, "CN=Bob", "OU=Sales", number_problem="no number")).has_bad_number
    assert PersonState.of(Person(GUID, "", "OU=Sales", number="205")) == STATES["entitled"]
