"""In which state somebody is: one table of everything that a plan, a rule or a person can say of them."""

from typing import Any

import pytest

from shared.domain.person import AccountState, Presence
from shared.roll.entry import RollState
from shared.roll.states import StateFacts, state_of

HERE = StateFacts(Presence.SELECTED, True)
ALL: dict[str, Any] = {
    "excluded": "x",
    "conflict": "c",
    "protected": "p",
    "planned": "w",
    "is_leaving": True,
    "doubt": "d",
}


def _but(*names: str) -> StateFacts:
    """Somebody of whom everything can be said but these."""
    return StateFacts(None, True, **{name: said for name, said in ALL.items() if name not in names})


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (HERE, RollState.IN_SYNC),
        (_but(), RollState.EXCLUDED),
        (_but("excluded"), RollState.CONFLICT),
        (_but("excluded", "conflict"), RollState.PROTECTED),
        (_but("excluded", "conflict", "protected"), RollState.WILL_CHANGE),
        (_but("excluded", "conflict", "protected", "planned"), RollState.LEAVING),
        (_but("excluded", "conflict", "protected", "planned", "is_leaving"), RollState.NOT_IN_DIRECTORY),
        (StateFacts(Presence.GONE, True), RollState.NOT_IN_DIRECTORY),
        (StateFacts(Presence.ELSEWHERE, True), RollState.NOT_SELECTED),
        (StateFacts(Presence.GONE, False, is_leaving=True), RollState.NOT_IN_DIRECTORY),
        (StateFacts(Presence.SELECTED, True, has_number=False), RollState.NO_NUMBER),
        (StateFacts(Presence.SELECTED, False, has_number=False), RollState.NO_NUMBER),
        (StateFacts(Presence.SELECTED, False), RollState.NOT_SELECTED),
        (StateFacts(Presence.SELECTED, False, doubt="d"), RollState.CONFLICT),
        (StateFacts(Presence.SELECTED, True, doubt="d"), RollState.IN_SYNC),
        (StateFacts(Presence.SELECTED, False, AccountState.DISABLED), RollState.NOT_SELECTED),
        (StateFacts(Presence.SELECTED, True, AccountState.EXPIRED), RollState.IN_SYNC),
    ],
)
def test_the_first_that_applies_is_the_state(facts: StateFacts, state: RollState) -> None:
    assert state_of(facts)[0] is state


def test_every_state_but_in_sync_has_a_reason() -> None:
    found = {
        state_of(StateFacts(presence, has_extension, account, has_number, is_leaving=is_leaving))
        for presence in (None, *Presence)
        for has_extension in (True, False)
        for account in AccountState
        for has_number in (True, False)
        for is_leaving in (True, False)
    }
    assert [state for state, reason in found if not reason] == [RollState.IN_SYNC]


def test_a_number_that_cannot_be_used_says_why() -> None:
    problem = "'12 a' is no extension number."
    facts = StateFacts(Presence.SELECTED, False, has_number=False, number_problem=problem)
    assert state_of(facts) == (RollState.NO_NUMBER, problem)
