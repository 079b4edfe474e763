"""Commands while a plan is being made: what they need, what they set free, and in which wave they can run. Pure.

A draft may claim a number or an e-mail address that an extension holds now. It can only run after the draft
that sets it free, in a later wave. Claims that nothing sets free, and cycles of claims, are given up here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from shared.domain.command import STAGE_OF, STAGE_ORDER, Command, CommandKind, FieldValue
from shared.domain.extension import Extension
from shared.domain.person import Person

Resource = tuple[Literal["number", "email"], str]
_STAGE_RANK = {stage: rank for rank, stage in enumerate(STAGE_ORDER)}
_KIND_RANK = {kind: rank for rank, kind in enumerate(CommandKind)}


@dataclass(eq=False)
class Draft:
    """A command in the making. ``claims`` are resources held now; ``frees`` those that its end sets free."""

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
    person_name: str = ""
    wave: int = 0

    def sort_key(self) -> tuple[int, int, int, int, str, str]:
        """Wave, stage, kind, then number and guid: the same for any order of the input."""
        guid = self.person.guid if self.person else ""
        stage = _STAGE_RANK[STAGE_OF[self.kind]]
        name = self.number or str(self.after.get("name", ""))
        return self.wave, stage, _KIND_RANK[self.kind], len(name), name, guid


def without(drafts: list[Draft], dropped: Iterable[Draft]) -> list[Draft]:
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


def settle(
    drafts: list[Draft],
    give_up_number: Callable[[Draft], None],
    give_up_email: Callable[[Draft], bool],
    give_up_cycle: Callable[[list[Draft]], None],
) -> list[Draft]:
    """Link every claim to the draft that frees it, give up the impossible ones, and set the waves.

    ``give_up_number`` notes why a number cannot be had (its draft is dropped); ``give_up_email`` takes the
    e-mail out of a draft and says whether anything is left of it; ``give_up_cycle`` notes numbers that wait for
    one another.
    """
    while True:
        freed = {resource: draft for draft in drafts for resource in draft.frees}
        dropped: list[Draft] = []
        for draft in drafts:
            draft.waits_for = []
            for resource in sorted(draft.claims):
                source = freed.get(resource)
                if source is not None and source is not draft:
                    draft.waits_for.append(source)
                elif resource[0] == "number":
                    give_up_number(draft)
                    dropped.append(draft)
                    break
                elif not _without_email(draft, give_up_email):
                    dropped.append(draft)
                    break
        if dropped:
            drafts = without(drafts, dropped)
            continue
        cycle = _cycle(drafts)
        if not cycle:
            _set_waves(drafts)
            return drafts
        with_email = [draft for draft in cycle if any(kind == "email" for kind, _value in draft.claims)]
        if with_email:
            # An e-mail can be left out; a number cannot.
            drafts = without(drafts, [item for item in with_email if not _without_email(item, give_up_email)])
        else:
            claiming = [draft for draft in cycle if draft.claims]
            give_up_cycle(claiming)
            drafts = without(drafts, claiming)


def _without_email(draft: Draft, give_up_email: Callable[[Draft], bool]) -> bool:
    draft.claims = {resource for resource in draft.claims if resource[0] != "email"}
    draft.frees = {
        resource
        for resource in draft.frees
        if resource[0] != "email" or draft.kind is CommandKind.DELETE_EXTENSION
    }
    return give_up_email(draft)


def _cycle(drafts: list[Draft]) -> list[Draft]:
    """Drafts that wait for one another, or none. Walks only from drafts that claim something."""
    finished: set[Draft] = set()
    for start in sorted((draft for draft in drafts if draft.claims), key=Draft.sort_key):
        path: list[Draft] = []
        on_path: set[Draft] = set()
        stack: list[tuple[Draft, bool]] = [(start, False)]
        while stack:
            draft, is_left = stack.pop()
            if is_left:
                path.pop()
                on_path.discard(draft)
                finished.add(draft)
                continue
            if draft in on_path:
                return sorted(path[path.index(draft) :], key=Draft.sort_key)
            if draft in finished:
                continue
            path.append(draft)
            on_path.add(draft)
            stack.append((draft, True))
            stack.extend((needed, False) for needed in [*draft.waits_for, *draft.requires])
    return []


def _set_waves(drafts: list[Draft]) -> None:
    """The lowest wave that comes after everything waited for; requirements may share a wave (stages order it)."""
    for draft in drafts:
        draft.wave = 0
    changed = any(draft.waits_for for draft in drafts)
    while changed:
        changed = False
        for draft in drafts:
            wave = max(
                [
                    0,
                    *(source.wave + 1 for source in draft.waits_for),
                    *(needed.wave for needed in draft.requires),
                ]
            )
            if wave != draft.wave:
                draft.wave = wave
                changed = True


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
            person_guid=draft.person.guid if draft.person else None,
            person_name=draft.person.name if draft.person else draft.person_name,
            extension_id=draft.extension.id if draft.extension else None,
            before=draft.before,
            after=draft.after,
            requires=tuple(sorted({sequences[needed] for needed in [*draft.requires, *draft.waits_for]})),
            wave=draft.wave,
            unit=draft.person.unit if draft.person else "",
            evidence=draft.evidence,
        )
        for draft in ordered
    )
