"""Given numbers that do not stand in the directory yet are told, once for each reason."""

from services.reconciler.unwritten import report_unwritten
from shared.domain.numbers import UnwrittenNumber
from shared.domain.plan import FindingCode, Plan

ANNA, BOB = UnwrittenNumber("230", "a", "Anna"), UnwrittenNumber("231", "b", "Bob")
REFUSED = [
    UnwrittenNumber(str(number), str(number), f"P{number}", "insufficient_rights", "No right.")
    for number in range(300, 307)
]


def test_each_reason_is_told_once_with_everybody_it_is_about() -> None:
    findings = report_unwritten(Plan(), [*REFUSED, ANNA, BOB], "ipPhone").findings
    assert [finding.message for finding in findings] == [
        "Numbers 230 (Anna) and 231 (Bob) are not written to ipPhone in the directory yet. It is retried "
        "until it succeeds.",
        "Numbers 300 (P300), 301 (P301), 302 (P302), 303 (P303), 304 (P304) and 2 more could not be written "
        "to ipPhone in the "
        "directory. No right. It is retried every hour.",
    ]
    assert {finding.code for finding in findings} == {FindingCode.NUMBER_NOT_WRITTEN}
    assert findings[1].person_guids == tuple(item.person_guid for item in REFUSED)


def test_a_run_for_one_person_is_told_of_that_person_alone() -> None:
    (finding,) = report_unwritten(Plan(), [ANNA, BOB], "ipPhone", "b").findings
    assert (finding.number, finding.person_names) == ("231", ("Bob",))
    assert report_unwritten(Plan(), [ANNA], "ipPhone", "b") == Plan()
