"""Extensions whose disabling, removal or take-over is unfinished: done by now, part of this plan, or said to be open. Pure.

The planner derives from the two ends what is to be done to them. Nothing is removed because a removal was started.
"""

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.binding import Binding
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.owed import Owes, Unfinished
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.language import phrase


def settle_unfinished(
    plan: Plan,
    unfinished: Iterable[Unfinished],
    phone_system: PhoneSystemSnapshot,
    bindings: Iterable[Binding],
) -> Plan:
    """The plan with the numbers of those that are done, and a finding for each that is not and that it does not go on with."""
    going_on = {command.extension_id for command in plan.commands}
    # What waits for a complete reading is told by that finding.
    is_doubtful = any(finding.code is FindingCode.INCOMPLETE_SNAPSHOT for finding in plan.findings)
    extensions = {extension.id: extension for extension in phone_system.extensions}
    # Their removal has a day of its own by now.
    counted = {grace.extension_id for grace in plan.standing_graces}
    holders = {binding.extension_id: binding.person_guid for binding in bindings}
    settled: list[str] = []
    findings: list[Finding] = []
    for item in sorted(unfinished, key=lambda item: item.number):
        if item.extension_id in going_on:
            continue
        if item.extension_id in counted or _is_settled(
            item, extensions.get(item.extension_id), holders.get(item.extension_id)
        ):
            settled.append(item.number)
        elif not is_doubtful:
            findings.append(_open(item))
    return replace(plan, findings=(*plan.findings, *findings), settled=tuple(settled))


def _is_settled(item: Unfinished, extension: Extension | None, holder: str | None) -> bool:
    if extension is None or extension.number != item.number or extension.enabled:
        # Gone, or a person put it to use again, or nothing had been done to it.
        return True
    return item.owes is Owes.DISABLING or (item.owes is Owes.TAKE_OVER and holder == item.person_guid)


def _open(item: Unfinished) -> Finding:
    name = item.person_name or "nobody"
    what = (
        phrase("reassigning extension {number} to {name}", number=item.number, name=name)
        if item.owes is Owes.TAKE_OVER
        else phrase("removing extension {number} ({name})", number=item.number, name=name)
    )
    return Finding(
        FindingCode.STEPS_OWED,
        Severity.WARNING,
        phrase(
            "An earlier run started {what} and did not finish. The extension is disabled, and under the "
            "current rules nothing more is done. Enable or delete it in 3CX, or drop the unfinished "
            "steps (rollcall owed give-up).",
            what=what,
        ),
        item.number,
        (item.person_guid,) if item.person_guid else (),
        (item.person_name,) if item.person_name else (),
    )
