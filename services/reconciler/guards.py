"""Judges a plan: may it run by itself, or must a person look first? A pure function.

A plan is held as a whole; the worst reason wins. A change is too large only above both its count and its
percentage, so that small sites are not held for every single change and large ones not for their usual day.
Removing every managed extension is always held, however few they are.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.command import Command, CommandKind
from shared.domain.plan import FindingCode, HoldReason, Plan, Verdict
from shared.domain.rules import Limits, RunFacts

_APPROVE = "Look at the plan and approve it if this is meant."


@dataclass(frozen=True, slots=True)
class _Limit:
    code: str
    what: str
    count: int
    percent: float


def judge(plan: Plan, facts: RunFacts, limits: Limits) -> Verdict:
    """The verdict on a plan; a plan without commands is never held."""
    if not plan.commands:
        return Verdict()
    reasons: list[HoldReason] = []
    if facts.is_first_run:
        reasons.append(HoldReason("first_run", f"This is the first run of the site. {_APPROVE}"))
    elif facts.is_selection_changed:
        said = "The units, the filter or the number attribute were changed since the last good run."
        reasons.append(HoldReason("selection_changed", f"{said} {_APPROVE}"))
    reasons += _people_down(facts, limits)
    reasons += _too_many(plan, facts, limits)
    reasons += [
        HoldReason("licence", f"{finding.message} {_APPROVE}")
        for finding in plan.findings
        if finding.code is FindingCode.LICENCE_FULL
    ]
    return Verdict(tuple(reasons))


def _people_down(facts: RunFacts, limits: Limits) -> Iterable[HoldReason]:
    """Fewer people than in the last good run, per unit and in all; all gone is told apart."""
    if facts.is_first_run or facts.is_selection_changed:
        return
    before_all = sum(unit.people_before or 0 for unit in facts.units if unit.is_complete)
    now_all = sum(unit.people for unit in facts.units if unit.is_complete and unit.people_before is not None)
    places: list[tuple[str | None, int, int]] = [(None, before_all, now_all)]
    places += [
        (unit.distinguished_name, unit.people_before, unit.people)
        for unit in facts.units
        if unit.is_complete and unit.people_before
    ]
    for place, before, now in places:
        missing = before - now
        if before and missing * 100 > before * limits.people_down_percent:
            where = place or "All units together"
            code = "empty_snapshot" if now == 0 else "people_down"
            said = f"{where}: {now} people now, {before} in the last good run (limit: {limits.people_down_percent:g} % fewer)."
            yield HoldReason(code, f"{said} {_APPROVE}", place)


def _too_many(plan: Plan, facts: RunFacts, limits: Limits) -> Iterable[HoldReason]:
    renumbered = {
        command.extension_id for command in plan.commands if command.kind is CommandKind.RENUMBER_EXTENSION
    }
    deleted = {
        command.extension_id for command in plan.commands if command.kind is CommandKind.DELETE_EXTENSION
    } - renumbered
    kinds = {
        _Limit("removals", "deleted", limits.removals, limits.removals_percent): [
            command
            for command in plan.commands
            if command.kind is CommandKind.DELETE_EXTENSION and command.extension_id in deleted
        ],
        _Limit("disables", "disabled", limits.disables, limits.disables_percent): [
            command
            for command in plan.commands
            if command.kind is CommandKind.DISABLE_EXTENSION
            and command.extension_id not in deleted
            and command.extension_id not in renumbered
        ],
        _Limit("updates", "changed", limits.updates, limits.updates_percent): _one_per_extension(
            command
            for command in plan.commands
            if command.kind in (CommandKind.UPDATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)
        ),
    }
    managed = plan.managed_extensions
    for limit, commands in kinds.items():
        yield from _above(limit, len(commands), managed, None)
        people = {unit.distinguished_name: max(unit.people, unit.people_before or 0) for unit in facts.units}
        for unit, count in sorted(Counter(command.unit for command in commands if command.unit).items()):
            yield from _above(limit, count, people.get(unit, managed), unit)
    if managed >= 2 and len(deleted) >= managed and len(deleted) <= limits.removals:
        yield HoldReason("removals", f"All {managed} managed extensions would be deleted. {_APPROVE}")


def _one_per_extension(commands: Iterable[Command]) -> list[Command]:
    return list({command.extension_id: command for command in commands}.values())


def _above(limit: _Limit, count: int, total: int, unit: str | None) -> Iterable[HoldReason]:
    if count > limit.count and count * 100 > total * limit.percent:
        where = f"{unit}: " if unit else ""
        percent = f" ({count * 100 / total:.0f} %)" if total else ""
        said = f"{where}{count} of {total} extensions would be {limit.what}{percent}; the limit is {limit.count} and {limit.percent:g} %."
        yield HoldReason(limit.code, f"{said} {_APPROVE}", unit)
