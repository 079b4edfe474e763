"""Commands while a plan is being made: what they need, what they set free, and in which wave they can run. Pure.

A draft may claim a number or an e-mail address that an extension holds now. It can only run after the draft
that sets it free, in a later wave. Claims that nothing sets free are given up here; in a cycle of e-mail addresses
one is emptied first, and a cycle of numbers is given up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from shared.domain.command import STAGE_OF, STAGE_ORDER, Command, CommandKind, FieldValue
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.language import phrase

Resource = tuple[Literal["number", "email"], str]
_STAGE_RANK = {stage: rank for rank, stage in enumerate(STAGE_ORDER)}
_KIND_RANK = {kind: rank for rank, kind in enumerate(CommandKind)}


@dataclass(eq=False)
class Draft:
    """A command in the making. ``claims`` are resources held now; ``frees`` those that its end sets free.

    ``person`` is somebody of the snapshot; of somebody absent only ``guid``, ``person_name`` and ``unit`` are
    known, and of an extension that is nobody's not even these.
    """

    kind: CommandKind
    number: str
    reason: str
    person: Person | None = None
    extension: Extension | None = None
    before: dict[str, FieldValue] = field(default_factory=dict)
    after: dict[str, FieldValue] = field(default_factory=dict)
    evidence: str = ""
    requires: list["Draft"] = field(default_factory=list)
    claims: set[Resource] = field(default_factory=set)
    frees: set[Resource] = field(default_factory=set)
    waits_for: list["Draft"] = field(default_factory=list)
    guid: str | None = None
    person_name: str = ""
    unit: str = ""
    wave: int = 0
    rests_on_absence: bool = False
    undoes: int | None = None

    def __post_init__(self) -> None:
        """Take over what is known of the person."""
        if self.person is not None:
            self.guid, self.person_name = self.person.guid, self.person.name
            self.unit = self.person.unit

    def sort_key(self) -> tuple[int, int, int, int, str, str]:
        """Wave, stage, kind, then number and guid: the same for any order of the input."""
        stage = _STAGE_RANK[STAGE_OF[self.kind]]
        name = self.number or str(self.after.get("name", ""))
        return self.wave, stage, _KIND_RANK[self.kind], len(name), name, self.guid or ""


class Concessions(Protocol):
    """What is noted, and left undone, when a claim cannot be met."""

    def give_up_number(self, draft: Draft) -> None:
        """The number stays with its holder; the draft is dropped."""

    def give_up_email(self, draft: Draft) -> bool:
        """Take the e-mail out of the draft; returns whether anything is left of it."""

    def give_up_cycle(self, drafts: list[Draft]) -> None:
        """These numbers wait for one another; the drafts are dropped."""


def settle(drafts: list[Draft], concessions: Concessions) -> list[Draft]:
    """Link every claim to the draft that frees it, give up the impossible ones, and set the waves."""
    while True:
        freed = {resource: draft for draft in drafts for resource in draft.frees}
        dropped: list[Draft] = []
        claimed = sum(len(draft.claims) for draft in drafts)
        for draft in drafts:
            if not _link(draft, freed, concessions):
                dropped.append(draft)
        # Whoever leaves their address out keeps the one they have, which others may have counted on.
        if dropped or claimed != sum(len(draft.claims) for draft in drafts):
            drafts = _without(drafts, dropped)
            continue
        ordered, cycles = _in_order_of_need(drafts)
        if not cycles:
            for draft in ordered:
                draft.wave = max(
                    [
                        0,
                        *(source.wave + 1 for source in draft.waits_for),
                        # What is only required may share the wave: the stages put it first.
                        *(needed.wave for needed in draft.requires),
                    ]
                )
            return drafts
        emptied: list[Draft] = []
        for cycle in cycles:
            emptying = _emptying(cycle)
            if emptying is not None:
                emptied.append(emptying)
            else:
                dropped += _break(cycle, concessions)
        drafts = _without([*drafts, *emptied], dropped)


def _link(draft: Draft, freed: dict[Resource, Draft], concessions: Concessions) -> bool:
    """Find what frees each claim of the draft; ``False`` when nothing of the draft can be done."""
    draft.waits_for = []
    # Numbers first: without its number nothing of a draft is left to say.
    for resource in sorted(draft.claims, reverse=True):
        source = freed.get(resource)
        if source is not None and source is not draft:
            draft.waits_for.append(source)
        elif resource[0] == "number":
            concessions.give_up_number(draft)
            return False
        elif not _without_email(draft, concessions):
            return False
    return True


def _emptying(cycle: list[Draft]) -> Draft | None:
    """What empties the address of one in a cycle first, so that the others can go round; ``None`` if none can be."""
    for draft in cycle:
        given_up = [resource for resource in sorted(draft.frees) if resource[0] == "email"]
        if draft.kind is not CommandKind.UPDATE_EXTENSION or not given_up or not draft.claims:
            continue
        emptying = replace(
            draft,
            reason=phrase(
                "{reason} The address is cleared first because another person needs it.", reason=draft.reason
            ),
            before=dict(draft.before),
            after={"email": ""},
            claims=set(),
            frees={*given_up},
            requires=list(draft.requires),
            waits_for=[],
        )
        draft.before["email"] = ""
        draft.frees -= emptying.frees
        draft.requires.append(emptying)
        return emptying
    return None


def _break(cycle: list[Draft], concessions: Concessions) -> list[Draft]:
    """Make the cycle possible or note that it is not; returns the drafts to drop."""
    with_email = [draft for draft in cycle if any(kind == "email" for kind, _value in draft.claims)]
    if with_email:
        # An e-mail can be left out; a number cannot.
        return [draft for draft in with_email if not _without_email(draft, concessions)]
    claiming = [draft for draft in cycle if draft.claims]
    concessions.give_up_cycle(claiming)
    return claiming


def _without(drafts: list[Draft], dropped: Iterable[Draft]) -> list[Draft]:
    """The drafts less the dropped ones and whatever requires them, directly or not."""
    gone = set(dropped)
    grew = bool(gone)
    while grew:
        more = {
            draft for draft in drafts if draft not in gone and any(item in gone for item in draft.requires)
        }
        gone |= more
        grew = bool(more)
    return [draft for draft in drafts if draft not in gone]


def _without_email(draft: Draft, concessions: Concessions) -> bool:
    draft.claims = {resource for resource in draft.claims if resource[0] != "email"}
    draft.frees = {
        resource
        for resource in draft.frees
        if resource[0] != "email" or draft.kind is CommandKind.DELETE_EXTENSION
    }
    return concessions.give_up_email(draft)


def _in_order_of_need(drafts: list[Draft]) -> tuple[list[Draft], list[list[Draft]]]:
    """The drafts with whatever each needs before it, and the cycles that stand in the way (no draft in two).

    Without a claim anywhere nothing waits, and all stay in the first wave.
    """
    if not any(draft.claims for draft in drafts):
        return [], []
    finished: set[Draft] = set()
    ordered: list[Draft] = []
    cycles: list[list[Draft]] = []
    in_cycles: set[Draft] = set()
    for start in sorted(drafts, key=Draft.sort_key):
        path: list[Draft] = []
        on_path: set[Draft] = set()
        stack: list[tuple[Draft, bool]] = [(start, False)]
        while stack:
            draft, is_left = stack.pop()
            if is_left:
                path.pop()
                on_path.discard(draft)
                finished.add(draft)
                ordered.append(draft)
                continue
            if draft in on_path:
                cycle = sorted(path[path.index(draft) :], key=Draft.sort_key)
                if not in_cycles.intersection(cycle):
                    cycles.append(cycle)
                    in_cycles.update(cycle)
                continue
            if draft in finished:
                continue
            path.append(draft)
            on_path.add(draft)
            stack.append((draft, True))
            stack.extend((needed, False) for needed in [*draft.waits_for, *draft.requires])
    return ordered, cycles


def to_commands(drafts: list[Draft]) -> tuple[Command, ...]:
    """The drafts as commands in execution order, requirements given as sequences."""
    ordered = sorted(drafts, key=Draft.sort_key)
    sequences = {draft: sequence for sequence, draft in enumerate(ordered, start=1)}
    return tuple(
        Command(
            sequence=sequences[draft],
            kind=draft.kind,
            reason=draft.reason,
            number=draft.number,
            person_guid=draft.guid,
            person_name=draft.person_name,
            extension_id=draft.extension.id if draft.extension else None,
            before=draft.before,
            after=draft.after,
            requires=tuple(sorted({sequences[needed] for needed in [*draft.requires, *draft.waits_for]})),
            wave=draft.wave,
            unit=draft.unit,
            evidence=draft.evidence,
            rests_on_absence=draft.rests_on_absence,
            undoes=draft.undoes,
        )
        for draft in ordered
    )
