"""What keeps a run from saying "in sync"."""

from itertools import permutations

import pytest

from shared.domain.plan import CONFLICTS_WAIT, Finding, FindingCode, Reservation, Severity, reservation_of

CYCLE = Finding(FindingCode.NUMBER_CYCLE, Severity.CONFLICT, "Ann and Bob have swapped numbers.")
HELD = Finding(FindingCode.NUMBER_HELD, Severity.CONFLICT, "The number is held.")
OWED = Finding(FindingCode.STEPS_OWED, Severity.WARNING, "Extension 201 is not finished.")
BEHIND = Finding(FindingCode.CONTROLLER_BEHIND, Severity.WARNING, "dc2 is behind.")
LOW = Finding(FindingCode.NUMBER_RANGE_LOW, Severity.WARNING, "3 numbers are left.")
NOTE = Finding(FindingCode.EXCLUDED, Severity.INFO, "Excluded.")


@pytest.mark.parametrize(
    ("findings", "code", "says"),
    [
        ([CYCLE], CONFLICTS_WAIT, "1 conflict must be settled by a person."),
        ([CYCLE, LOW, HELD], CONFLICTS_WAIT, "2 conflicts must be settled by a person."),
        ([HELD, OWED], "steps_owed", OWED.message),
        ([HELD, OWED, BEHIND], "controller_behind", BEHIND.message),
    ],
)
def test_what_waits_is_said_in_place_of_in_sync_the_weightiest_first(
    findings: list[Finding], code: str, says: str
) -> None:
    for order in permutations(findings):
        found = reservation_of(order)
        assert isinstance(found, Reservation)
        assert found.code == code
        assert found.message.startswith(says)


def test_what_needs_no_decision_keeps_nobody_from_saying_it() -> None:
    assert reservation_of([LOW, NOTE]) is None
