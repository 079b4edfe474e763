"""Judges a plan: which rows may go by themselves, and at which must a person look first? A pure function.

A guard holds the rows it is about, and what requires them; the others go. A first run, a changed selection and a
changed phone system put everything in doubt. A change is too large only above both its count and its percentage, so that small sites are not held for every single change and large ones not for their usual day.
Where few people are, no count would ever be reached: there a unit that has become empty, more than one person
gone at once above the percentage, and all managed extensions going out of service are held.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.reconciler.redoing import GOING, keys_of, redoes
from shared.domain.command import Command, CommandKind
from shared.domain.plan import REVIEW, FindingCode, HoldReason, Plan, Verdict
from shared.domain.rules import Limits, RunFacts, TakenLately
from shared.language import counted, declared, named, phrase

# One person fewer is a leaver, however few there were; the directory has confirmed it by objectGUID.
_A_LEAVER = 1
# So many extensions may have another id, or be gone, without anything being wrong with the phone system.
_A_FEW = 3
CHANGING = (CommandKind.UPDATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)
# Reasons that speak against the reading, or against what it is compared with: of the first, even when nothing in the
# plan is held for them.
_ALWAYS_DOUBTFUL = ("people_down", "empty_snapshot")
_DOUBTFUL = ("first_run", "selection_changed", "phone_system_changed", "removals")


@dataclass(frozen=True, slots=True)
class _Limit:
    code: str
    what: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class _Hold:
    """A reason and the commands that it holds, by sequence; none when nothing of what it is about is in the plan."""

    reason: HoldReason
    rows: Collection[int]


def judge(plan: Plan, facts: RunFacts, limits: Limits) -> Verdict:
    """Which rows of the plan wait for a person, and why. A plan without commands holds nothing."""
    rows = _Rows(plan)
    # What holds everything leaves nothing out: a person who approves must know the other reasons too.
    holds = [*_whole_plan(plan, facts)]
    for guard in (_undone, _people_down, _emptied, _removals, _disables, _everything_goes, _updates):
        found = [*guard(rows, facts, limits)]
        rows.hold(found)
        holds += found
    holds += [
        _Hold(
            HoldReason("licence", phrase("{sentence} {review}", sentence=finding.message, review=REVIEW)),
            plan.beyond_licence,
        )
        for finding in plan.findings
        if finding.code is FindingCode.LICENCE_FULL
    ]
    return Verdict(
        tuple(hold.reason for hold in holds if hold.rows),
        _with_dependents(plan.commands, holds),
        is_measure=not any(
            hold.reason.code in _ALWAYS_DOUBTFUL or (hold.rows and hold.reason.code in _DOUBTFUL)
            for hold in holds
        ),
    )


def _with_dependents(commands: Iterable[Command], holds: Iterable[_Hold]) -> Mapping[int, HoldReason]:
    """Each held row with the first reason; what requires one of them cannot go without it."""
    held: dict[int, HoldReason] = {}
    for hold in holds:
        for sequence in hold.rows:
            held.setdefault(sequence, hold.reason)
    # Whatever a command requires comes before it in the plan, so one pass decides.
    for command in commands:
        reason = next((held[sequence] for sequence in command.requires if sequence in held), None)
        if reason is not None:
            held.setdefault(command.sequence, reason)
    return held


class _Rows:
    """The plan's commands as the guards look at them; ``held`` grows from guard to guard."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.held: set[int] = set()
        self._of_kind: defaultdict[CommandKind, list[Command]] = defaultdict(list)
        for command in plan.commands:
            self._of_kind[command.kind].append(command)
        # An extension that is replaced by one with another number is a change, not a removal.
        self._renumbered = {command.extension_id for command in self._of_kind[CommandKind.RENUMBER_EXTENSION]}

    def of(self, *kinds: CommandKind) -> list[Command]:
        """Those of the kinds, but for the former extension of somebody who is renumbered."""
        return [
            command
            for kind in kinds
            for command in self._of_kind[kind]
            if kind not in GOING or command.extension_id not in self._renumbered
        ]

    def going(self, *kinds: CommandKind) -> list[Command]:
        """Those of the kinds that no guard holds so far."""
        return [command for command in self.of(*kinds) if command.sequence not in self.held]

    def removals(self, unit: str | None) -> list[int]:
        """What removes, or disables because somebody was not found, in the unit or (``None``) anywhere."""
        return [
            command.sequence
            for command in self.of(*GOING)
            if (command.kind is not CommandKind.DISABLE_EXTENSION or command.rests_on_absence)
            and (unit is None or _is_of(command, unit))
        ]

    def hold(self, holds: Iterable[_Hold]) -> None:
        """Note what is held, so that a later guard counts only what would go."""
        for hold in holds:
            self.held.update(hold.rows)


def _is_of(command: Command, unit: str) -> bool:
    """Whether it is of the unit; of somebody absent it may not be known where they were."""
    return not command.unit or command.unit.casefold() == unit.casefold()


def _whole_plan(plan: Plan, facts: RunFacts) -> Iterable[_Hold]:
    everything = [command.sequence for command in plan.commands]
    if facts.is_first_run:
        sentence = declared("This is the first run of this site.")
        yield _Hold(
            HoldReason("first_run", phrase("{sentence} {review}", sentence=sentence, review=REVIEW)),
            everything,
        )
    elif facts.is_selection_changed:
        sentence = declared(
            "The units, the filter, the group, the number rule or the number ranges were changed since "
            "the last successful run."
        )
        yield _Hold(
            HoldReason("selection_changed", phrase("{sentence} {review}", sentence=sentence, review=REVIEW)),
            everything,
        )
    for reason in _phone_system_changed(plan):
        yield _Hold(reason, everything)


def is_another_phone_system(managed: int, lost: int) -> bool:
    """Whether so many of the linked extensions are found nowhere that it may not be the phone system it was."""
    return lost > 1 and lost > managed


def _phone_system_changed(plan: Plan) -> Iterable[HoldReason]:
    """Restored, moved or another one at the same address: nothing is taken for granted that was known of it."""
    managed, lost, moved = plan.managed_extensions, plan.lost_extensions, plan.moved_extensions
    if is_another_phone_system(managed, lost):
        sentence = phrase(
            (
                "{lost} of {managed} linked extensions are no longer in 3CX. Check that this is the right "
                "phone system and that it was restored completely."
            ),
            lost=lost,
            managed=managed + lost,
        )
        yield HoldReason(
            "phone_system_changed", phrase("{sentence} {review}", sentence=sentence, review=REVIEW)
        )
    elif moved > _A_FEW:
        sentence = phrase(
            (
                "{moved} of {managed} linked extensions have other ids in 3CX than before, as after a "
                "restore. They were recognised by number, name and e-mail address."
            ),
            moved=moved,
            managed=managed + lost,
        )
        yield HoldReason(
            "phone_system_changed", phrase("{sentence} {review}", sentence=sentence, review=REVIEW)
        )


def _undone(rows: _Rows, facts: RunFacts, _limits: Limits) -> Iterable[_Hold]:
    """What a person had undone is not done again without one."""
    if not facts.undone:
        return
    known_by: defaultdict[str, list[Command]] = defaultdict(list)
    for command in facts.undone:
        for key in keys_of(command):
            known_by[key].append(command)
    again = [
        command.sequence
        for command in rows.plan.commands
        if any(redoes(command, item) for key in keys_of(command) for item in known_by.get(key, ()))
    ]
    if again:
        sentence = phrase(
            "{changes} would do again what was undone.", changes=counted(len(again), "change", "changes")
        )
        yield _Hold(
            HoldReason("undone", phrase("{sentence} {review}", sentence=sentence, review=REVIEW)), again
        )


def _people_down(rows: _Rows, facts: RunFacts, limits: Limits) -> Iterable[_Hold]:
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
        missing, where = before - now, place or declared("All units together")
        if before and not now:
            sentence = phrase(
                "{where}: no people now, {before} in the last successful run.", where=where, before=before
            )
            yield _Hold(
                HoldReason(
                    "empty_snapshot", phrase("{sentence} {review}", sentence=sentence, review=REVIEW), place
                ),
                rows.removals(place),
            )
        elif missing > _A_LEAVER and missing * 100 > before * limits.people_down_percent:
            sentence = phrase(
                (
                    "{where}: {now} people now, {before} in the last successful run, which is {missing:.0f} % "
                    "fewer; the limit is {people_down_percent:g} %."
                ),
                where=where,
                now=now,
                before=before,
                missing=missing * 100 / before,
                people_down_percent=limits.people_down_percent,
            )
            yield _Hold(
                HoldReason(
                    "people_down", phrase("{sentence} {review}", sentence=sentence, review=REVIEW), place
                ),
                rows.removals(place),
            )


def _emptied(rows: _Rows, _facts: RunFacts, _limits: Limits) -> Iterable[_Hold]:
    """An attribute that most people had and nobody has any more."""
    present = {command.sequence for command in rows.plan.commands}
    for item in rows.plan.emptied:
        what, where = named(item.attribute), item.unit or declared("All units together")
        sentence = phrase(
            (
                "{where}: {had} of {people} people with an extension had a value for {what}, and the "
                "directory no longer shows any of them. Check whether the attribute was cleared, another one "
                "is configured, or the account may not read it."
            ),
            where=where,
            had=item.had,
            people=item.people,
            what=what,
        )
        reason = HoldReason(
            "attribute_emptied", phrase("{sentence} {review}", sentence=sentence, review=REVIEW), item.unit
        )
        yield _Hold(reason, present.intersection(item.rows))


def _removals(rows: _Rows, facts: RunFacts, limits: Limits) -> Iterable[_Hold]:
    limit = _Limit("removals", "deleted", limits.removals, limits.removals_percent)
    lately = [item for item in facts.lately if item.is_deleted]

    def _exceeded(deletions: list[Command]) -> list[HoldReason]:
        return [*_too_many(limit, deletions, rows.plan, facts, lately)]

    places = {reason.unit for reason in _exceeded(rows.going(CommandKind.DELETE_EXTENSION))}
    for reason in _exceeded(rows.of(CommandKind.DELETE_EXTENSION)):
        chosen = rows.removals(reason.unit)
        # Told in any case; what another unit's doubt holds already is no reason to hold more.
        yield _Hold(reason, chosen if reason.unit in places else rows.held.intersection(chosen))


def _disables(rows: _Rows, facts: RunFacts, limits: Limits) -> Iterable[_Hold]:
    """What is disabled in order to be deleted counts as a removal, unless its deletion waits."""
    limit = _Limit("disables", "disabled", limits.disables, limits.disables_percent)
    deleted = {command.extension_id for command in rows.going(CommandKind.DELETE_EXTENSION)}
    disables = [
        command
        for command in rows.going(CommandKind.DISABLE_EXTENSION)
        if command.extension_id not in deleted
    ]
    lately = [item for item in facts.lately if not item.is_deleted and item.extension_id not in deleted]
    yield from _limited(limit, disables, rows.plan, facts, lately)


def _updates(rows: _Rows, facts: RunFacts, limits: Limits) -> Iterable[_Hold]:
    limit = _Limit("updates", "changed", limits.updates, limits.updates_percent)
    changed = rows.going(*CHANGING)
    yield from _limited(limit, changed, rows.plan, facts, facts.changed_lately)


def _everything_goes(rows: _Rows, facts: RunFacts, _limits: Limits) -> Iterable[_Hold]:
    adopted = {command.extension_id for command in rows.of(CommandKind.ADOPT_EXTENSION)}
    going = [
        command
        for command in rows.going(*GOING)
        if command.extension_id not in adopted and command.person_guid is not None
    ]
    managed = rows.plan.managed_extensions + sum(item.is_deleted for item in facts.lately)
    out = {command.extension_id for command in going} | {item.extension_id for item in facts.lately}
    if going and len(out) >= managed > 1:
        sentence = phrase("All {managed} managed extensions would be disabled or deleted.", managed=managed)
        yield _Hold(
            HoldReason("removals", phrase("{sentence} {review}", sentence=sentence, review=REVIEW)),
            [command.sequence for command in going],
        )


def _limited(
    limit: _Limit, commands: list[Command], plan: Plan, facts: RunFacts, lately: Sequence[TakenLately] = ()
) -> Iterable[_Hold]:
    """The limit on these commands, which are held where it is exceeded."""
    for reason in _too_many(limit, commands, plan, facts, lately):
        chosen = [
            command.sequence for command in commands if reason.unit is None or _is_of(command, reason.unit)
        ]
        yield _Hold(reason, chosen)


def _too_many(
    limit: _Limit, commands: list[Command], plan: Plan, facts: RunFacts, lately: Sequence[TakenLately] = ()
) -> Iterable[HoldReason]:
    """Whether these are too many, together with ``lately``, for the site and for each unit. An extension counts once."""
    people = {
        unit.distinguished_name.casefold(): max(unit.people, unit.people_before or 0) for unit in facts.units
    }
    counted = list({command.extension_id: command for command in commands}.values())
    if not counted:
        return
    now = {command.extension_id for command in counted}
    earlier = [item for item in lately if item.extension_id not in now]
    # Those deleted meanwhile were managed when the 24 hours began.
    gone = [item for item in earlier if item.is_deleted]
    managed = plan.managed_extensions + len(gone)
    yield from _above(limit, len(counted), len(earlier), managed, None)
    earlier_of, gone_of = (Counter(item.unit.casefold() for item in items) for items in (earlier, gone))
    for unit, count in sorted(Counter(command.unit for command in counted if command.unit).items()):
        folded = unit.casefold()
        total = people[folded] + gone_of[folded] if folded in people else managed
        yield from _above(limit, count, earlier_of[folded], total, unit)


def _above(limit: _Limit, now: int, earlier: int, total: int, unit: str | None) -> Iterable[HoldReason]:
    count = now + earlier
    if count > limit.count and count * 100 > total * limit.percent:
        where = f"{unit}: " if unit else ""
        percent = f" ({count * 100 / total:.0f} %)" if total else ""
        sentence = phrase(
            "{where}{count} of {total} extensions would be {what}{percent}{earlier}; the limit is "
            "{limit_count} and {limit_percent:g} %.",
            where=where,
            count=count,
            total=total,
            what=limit.what,
            percent=percent,
            earlier=phrase(", {earlier} of them were within the last 24 hours", earlier=earlier)
            if earlier
            else "",
            limit_count=limit.count,
            limit_percent=limit.percent,
        )
        yield HoldReason(limit.code, phrase("{sentence} {review}", sentence=sentence, review=REVIEW), unit)
