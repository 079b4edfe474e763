"""Judges a plan: may it run by itself, or must a person look first? A pure function.

A plan is held as a whole; the worst reason wins. A change is too large only above both its count and its
percentage, so that small sites are not held for every single change and large ones not for their usual day.
Where few people are, no count would ever be reached: there a unit that has become empty, more than one person
gone at once above the percentage, and all managed extensions going out of service are held.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from shared.domain.command import Command, CommandKind
from shared.domain.plan import FindingCode, HoldReason, Plan, Verdict
from shared.domain.rules import Limits, RunFacts

# One person fewer is a leaver, however few there were; the directory has confirmed it by objectGUID.
_A_LEAVER = 1
# So many extensions may have another id, or be gone, without anything being wrong with the phone system.
_A_FEW = 3
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
        said = "No run of this site has read everything and ended well before."
        reasons.append(HoldReason("first_run", f"{said} {_APPROVE}"))
    elif facts.is_selection_changed:
        said = "The units, the filter, the group or the number rule were changed since the last good run."
        reasons.append(HoldReason("selection_changed", f"{said} {_APPROVE}"))
    reasons += _phone_system_changed(plan)
    reasons += _people_down(facts, limits)
    reasons += _too_many(plan, facts, limits)
    reasons += [
        HoldReason("licence", f"{finding.message} {_APPROVE}")
        for finding in plan.findings
        if finding.code is FindingCode.LICENCE_FULL
    ]
    return Verdict(tuple(reasons))


def is_another_phone_system(managed: int, lost: int) -> bool:
    """Whether so many of the linked extensions are found nowhere that it may not be the phone system it was."""
    return lost > 1 and lost > managed


def _phone_system_changed(plan: Plan) -> Iterable[HoldReason]:
    """Restored, moved or another one at the same address: nothing is taken for granted that was known of it."""
    managed, lost, moved = plan.managed_extensions, plan.lost_extensions, plan.moved_extensions
    if is_another_phone_system(managed, lost):
        said = (
            f"{lost} of {managed + lost} linked extensions are not in 3CX any more. Is it the right phone system, and "
            "has it been restored completely?"
        )
        yield HoldReason("phone_system_changed", f"{said} {_APPROVE}")
    elif moved > _A_FEW:
        said = (
            f"{moved} of {managed + lost} linked extensions have other ids in 3CX than before, as after a restore. Number, "
            "name and e-mail address say whose they are."
        )
        yield HoldReason("phone_system_changed", f"{said} {_APPROVE}")


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
        missing, where = before - now, place or "All units together"
        if before and not now:
            said = f"{where}: nobody now, {before} in the last good run."
            yield HoldReason("empty_snapshot", f"{said} {_APPROVE}", place)
        elif missing > _A_LEAVER and missing * 100 > before * limits.people_down_percent:
            said = (
                f"{where}: {now} people now, {before} in the last good run, which is "
                f"{missing * 100 / before:.0f} % fewer; the limit is {limits.people_down_percent:g} %."
            )
            yield HoldReason("people_down", f"{said} {_APPROVE}", place)


def _too_many(plan: Plan, facts: RunFacts, limits: Limits) -> Iterable[HoldReason]:
    of_kind = _by_kind(plan)
    # An extension that is replaced by one with another number is a change, not a removal.
    renumbered = {command.extension_id for command in of_kind[CommandKind.RENUMBER_EXTENSION]}
    deletions = _but(of_kind[CommandKind.DELETE_EXTENSION], renumbered)
    deleted = {command.extension_id for command in deletions}
    disables = _but(of_kind[CommandKind.DISABLE_EXTENSION], renumbered | deleted)
    updates = _one_per_extension(
        of_kind[CommandKind.UPDATE_EXTENSION] + of_kind[CommandKind.RENUMBER_EXTENSION]
    )
    people = {
        unit.distinguished_name.casefold(): max(unit.people, unit.people_before or 0) for unit in facts.units
    }
    managed = plan.managed_extensions
    reasons: list[HoldReason] = []
    for limit, commands in (
        (_Limit("removals", "deleted", limits.removals, limits.removals_percent), deletions),
        (_Limit("disables", "disabled", limits.disables, limits.disables_percent), disables),
        (_Limit("updates", "changed", limits.updates, limits.updates_percent), updates),
    ):
        reasons += _above(limit, len(commands), managed, None)
        for unit, count in sorted(Counter(command.unit for command in commands if command.unit).items()):
            reasons += _above(limit, count, people.get(unit.casefold(), managed), unit)
    yield from reasons
    adopted = {command.extension_id for command in of_kind[CommandKind.ADOPT_EXTENSION]}
    going = [command for command in _but(deletions + disables, adopted) if command.person_guid is not None]
    if len(going) >= managed > 1 and not any(
        reason.unit is None for reason in reasons if reason.code != "updates"
    ):
        said = f"All {managed} managed extensions would be disabled or deleted."
        yield HoldReason("removals", f"{said} {_APPROVE}")


def _by_kind(plan: Plan) -> defaultdict[CommandKind, list[Command]]:
    found: defaultdict[CommandKind, list[Command]] = defaultdict(list)
    for command in plan.commands:
        found[command.kind].append(command)
    return found


def _but(commands: Iterable[Command], extension_ids: Collection[int | None]) -> list[Command]:
    return [command for command in commands if command.extension_id not in extension_ids]


def _one_per_extension(commands: Iterable[Command]) -> list[Command]:
    return list({command.extension_id: command for command in commands}.values())


def _above(limit: _Limit, count: int, total: int, unit: str | None) -> Iterable[HoldReason]:
    if count > limit.count and count * 100 > total * limit.percent:
        where = f"{unit}: " if unit else ""
        percent = f" ({count * 100 / total:.0f} %)" if total else ""
        said = (
            f"{where}{count} of {total} extensions would be {limit.what}{percent}; the limit is {limit.count} and "
            f"{limit.percent:g} %."
        )
        yield HoldReason(limit.code, f"{said} {_APPROVE}", unit)
