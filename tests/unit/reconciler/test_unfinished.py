"""What was begun of extensions that go: done, gone on with, or said to be open; never a reason to remove."""

from dataclasses import replace

import pytest

from services.reconciler.unfinished import settle_unfinished
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.domain.grace import Departure, Grace
from shared.domain.owed import Owes, Unfinished
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from tests.builders.domain import NOW, guid, make_binding, make_extension, make_phone_system

OFF = make_extension(1, enabled=False)
BEGUN = Unfinished("201", 1001, Owes.REMOVAL, guid(1), "Anna1 Berg1")
DOUBT = Finding(FindingCode.INCOMPLETE_SNAPSHOT, Severity.WARNING, "Not everything was read.")
COUNTED = Grace(guid(1), 1001, "201", "Anna1 Berg1", Departure.DELETED, 30, NOW)
ARCHIVING = Command(1, CommandKind.ARCHIVE_EXTENSION, "test", "201", extension_id=1001)


@pytest.mark.parametrize(
    ("unfinished", "extension", "holder", "plan", "told"),
    [
        (BEGUN, None, 1, Plan(), "settled"),
        (BEGUN, replace(OFF, number="301"), 1, Plan(), "settled"),
        (BEGUN, replace(OFF, enabled=True), 1, Plan(), "settled"),
        (BEGUN, OFF, 1, Plan(), "removing extension 201 (Anna1 Berg1)"),
        (BEGUN, OFF, 1, Plan(commands=(ARCHIVING,)), "goes on"),
        (BEGUN, OFF, 1, Plan(findings=(DOUBT,)), "goes on"),
        (BEGUN, OFF, 1, Plan(standing_graces=(COUNTED,)), "settled"),
        (replace(BEGUN, owes=Owes.DISABLING), OFF, 1, Plan(), "settled"),
        (replace(BEGUN, owes=Owes.TAKE_OVER), OFF, 1, Plan(), "settled"),
        (replace(BEGUN, owes=Owes.TAKE_OVER), OFF, 2, Plan(), "reassigning extension 201 to Anna1 Berg1"),
    ],
    ids=[
        "gone", "another number", "in use again", "still disabled", "in this plan", "not everything read", "counted down",
        "a disabling",
        "handed on", "not handed on",
    ],
)  # fmt: skip
def test_what_was_begun_is_done_gone_on_with_or_said(
    unfinished: Unfinished, extension: Extension | None, holder: int, plan: Plan, told: str
) -> None:
    phone_system = make_phone_system([extension] if extension else [])
    after = settle_unfinished(plan, [unfinished], phone_system, [make_binding(holder, extension_id=1001)])
    assert after.commands == plan.commands
    new = [finding for finding in after.findings if finding is not DOUBT]
    assert after.settled == (("201",) if told == "settled" else ())
    if told in ("settled", "goes on"):
        assert not new
    else:
        (finding,) = new
        assert (finding.code, finding.number) == (FindingCode.STEPS_OWED, "201")
        assert told in finding.message
