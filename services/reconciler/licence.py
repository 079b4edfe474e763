"""Fits a plan into the phone system's licence: what it deletes makes room for what it creates. Pure.

Extensions are placed in the order of the plan: by number within a wave, creations before renumberings. Who finds no
free place takes that of an extension which the same plan deletes, and requires that deletion. Those for whom no place is
left stay in the plan, marked, for the guards to hold.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from graphlib import TopologicalSorter

from shared.domain.command import STAGE_ORDER, Command, CommandKind
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.language import declared, phrase

# A renumbering makes the new extension before the old one goes.
_ADDING = (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)


def fit_into_licence(plan: Plan, phone_system: PhoneSystemSnapshot) -> Plan:
    """The plan with its deletions before the creations that need their places; ``beyond_licence`` are left over."""
    most, used = phone_system.max_extensions, phone_system.used_extensions
    adding = [command for command in plan.commands if command.kind in _ADDING]
    if most is None or not adding or used + len(adding) <= most:
        return plan
    places = _Places(plan.commands, most - used)
    for command in adding:
        places.place(command)
    commands, moved_to = _in_order(plan.commands, places.taken_from)
    beyond = [command for command in adding if command.sequence in places.beyond]
    findings = plan.findings
    if beyond:
        findings += (_full(most, used, beyond, len(adding), _waiting_for_deletion(plan)),)
    return replace(
        plan,
        commands=commands,
        findings=findings,
        emptied=tuple(
            replace(item, rows=tuple(moved_to[row] for row in item.rows if row in moved_to))
            for item in plan.emptied
        ),
        beyond_licence=tuple(sorted(moved_to[command.sequence] for command in beyond)),
    )


class _Places:
    """Free places and those that deletions give. ``taken_from`` is, by creation, the deletion that it must wait for."""

    def __init__(self, commands: tuple[Command, ...], free: int) -> None:
        self.beyond: set[int] = set()
        self.taken_from: dict[int, int] = {}
        self._free = max(0, free)
        # Those above the licence that are there already take the first places that become free.
        self._owed = max(0, -free)
        self._placed: set[int] = set()
        self._givers: dict[int, None] = {}
        # Of each command, the creations and the deletions that must be done before it.
        self._creations: dict[int, frozenset[int]] = {}
        self._deletions: dict[int, frozenset[int]] = {}
        self._waiting: defaultdict[int, list[int]] = defaultdict(list)
        kind_of = {command.sequence: command.kind for command in commands}
        # Whatever a command requires comes before it in the plan, so one pass does it.
        for command in commands:
            for kinds, known in (
                (_ADDING, self._creations),
                ((CommandKind.DELETE_EXTENSION,), self._deletions),
            ):
                needed = frozenset[int]().union(
                    *(known.get(sequence, frozenset()) for sequence in command.requires)
                )
                needed |= {item for item in command.requires if kind_of[item] in kinds}
                if needed:
                    known[command.sequence] = needed
            if command.kind is CommandKind.DELETE_EXTENSION:
                for sequence in self._creations.get(command.sequence, ()):
                    self._waiting[sequence].append(command.sequence)
                self._give(command.sequence)

    def place(self, command: Command) -> None:
        """Find a place: the one that it waits for anyway, a free one, or that of somebody who goes."""
        sequence = command.sequence
        own = next((item for item in self._deletions.get(sequence, ()) if item in self._givers), None)
        if not self.beyond.isdisjoint(self._creations.get(sequence, ())):
            self.beyond.add(sequence)
            return
        if own is not None:
            del self._givers[own]
        elif self._free:
            self._free -= 1
        elif self._givers:
            giver = next(iter(self._givers))
            del self._givers[giver]
            self.taken_from[sequence] = giver
        else:
            self.beyond.add(sequence)
            return
        self._placed.add(sequence)
        for deletion in self._waiting[sequence]:
            self._give(deletion)

    def _give(self, deletion: int) -> None:
        if not self._placed.issuperset(self._creations.get(deletion, ())):
            return
        if self._owed:
            self._owed -= 1
        else:
            self._givers[deletion] = None


def _in_order(
    commands: tuple[Command, ...], taken_from: Mapping[int, int]
) -> tuple[tuple[Command, ...], Mapping[int, int]]:
    """The commands with their new requirements, in the order of execution; and where each one is now."""
    known = {command.sequence: command for command in commands}
    requires = {
        command.sequence: {
            *command.requires,
            *([taken_from[command.sequence]] if command.sequence in taken_from else ()),
        }
        for command in commands
    }
    waves: dict[int, int] = {}
    for sequence in TopologicalSorter(requires).static_order():
        own = known[sequence].wave
        waves[sequence] = max(
            [own, *(waves[item] + (known[item].wave < own) for item in known[sequence].requires)]
        )
        if sequence in taken_from:
            waves[sequence] = max(waves[sequence], waves[taken_from[sequence]] + 1)
    rank = {stage: place for place, stage in enumerate(STAGE_ORDER)}
    ordered = sorted(commands, key=lambda item: (waves[item.sequence], rank[item.stage], item.sequence))
    moved_to = {command.sequence: place for place, command in enumerate(ordered, start=1)}
    return tuple(
        replace(
            command,
            sequence=moved_to[command.sequence],
            wave=waves[command.sequence],
            requires=tuple(sorted(moved_to[item] for item in requires[command.sequence])),
        )
        for command in ordered
    ), moved_to


def _waiting_for_deletion(plan: Plan) -> int:
    """How many extensions are disabled for leavers and stay until their days are over."""
    going = {
        command.extension_id for command in plan.commands if command.kind is CommandKind.DELETE_EXTENSION
    }
    return sum(
        grace.ends_at is not None and grace.extension_id not in going for grace in plan.standing_graces
    )


def _full(most: int, used: int, beyond: list[Command], added: int, waiting: int) -> Finding:
    early = ""
    if waiting:
        sentence = (
            declared("is disabled and waits for its")
            if waiting == 1
            else declared("are disabled and wait for their")
        )
        early = phrase(
            " {waiting} of the extensions in use {sentence} deletion (Leaving soon, or: rollcall grace "
            "list): delete them in 3CX to free their licences now.",
            waiting=waiting,
            sentence=sentence,
        )
    return Finding(
        FindingCode.LICENCE_FULL,
        Severity.WARNING,
        phrase(
            "The licence allows {licensed} extensions and {used} are in use: {beyond} of {added} new ones "
            "will not fit. Enlarge the licence or free extensions.{early}",
            licensed=most,
            used=used,
            beyond=len(beyond),
            added=added,
            early=early,
        ),
        person_guids=tuple(command.person_guid or "" for command in beyond),
        person_names=tuple(command.person_name for command in beyond),
    )
