"""Which given numbers do not stand in the directory yet, although they are to. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from services.reconciler.findings import listed
from shared.domain.numbers import UnwrittenNumber
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.language import Plural, phrase


def report_unwritten(
    plan: Plan, unwritten: Iterable[UnwrittenNumber], attribute: str, only: str | None = None
) -> Plan:
    """The plan with a finding for each reason; of one person when ``only`` (a GUID) is given."""
    reasons: dict[str, list[UnwrittenNumber]] = {}
    for item in unwritten:
        if only is None or item.person_guid == only:
            reasons.setdefault(item.code, []).append(item)
    found = [_finding(items, attribute) for _code, items in sorted(reasons.items())]
    return replace(plan, findings=(*plan.findings, *found)) if found else plan


def _finding(items: list[UnwrittenNumber], attribute: str) -> Finding:
    first = items[0]
    many = len(items) > 1
    who = listed(f"{item.number} ({item.person_name})" for item in items)
    numbers = phrase("Numbers {who}", who=who) if many else phrase("Number {who}", who=who)
    sentence = (
        phrase(
            "{numbers} could not be written to {attribute} in the directory. {message} It is retried "
            "every hour.",
            numbers=numbers,
            attribute=attribute,
            message=first.message,
        )
        if first.code
        else (
            phrase(
                "{numbers} {are} not written to {attribute} in the directory yet. It is retried until it "
                "succeeds.",
                numbers=numbers,
                are=Plural("is", "are", len(items)),
                attribute=attribute,
            )
        )
    )
    return Finding(
        FindingCode.NUMBER_NOT_WRITTEN,
        Severity.WARNING,
        sentence,
        "" if many else first.number,
        tuple(item.person_guid for item in items),
        tuple(item.person_name for item in items),
    )
