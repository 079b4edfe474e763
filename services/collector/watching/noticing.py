"""What an answer of a controller means: who is to be read again, or why only a full reading can tell. Pure.

An answer is a hint. Nobody is changed, and nobody removed, because of what it says: a run reads the people it names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.watching import Hint
from shared.language import declared, phrase

# Of more people than this a full run reads the directory as quickly.
MOST_CHANGES = 1000
# Who was made so long before the last answer was not made since.
_OLD = timedelta(days=1)
_UNITS = frozenset({"organizationalunit", "container", "builtindomain", "domaindns"})


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry of an answer. ``classes`` are its object classes in lower case, where the answer or a question told them.

    ``members`` are the names of those who came into a group or left it. ``made_at`` is told of new entries only.
    """

    guid: str
    dn: str
    classes: frozenset[str] = frozenset()
    is_deleted: bool = False
    is_moved: bool = False
    members: tuple[str, ...] = ()
    made_at: datetime | None = None

    @property
    def is_group(self) -> bool:
        """Whether it is a group, as far as is known."""
        return "group" in self.classes or bool(self.members)

    @property
    def is_unit(self) -> bool:
        """Whether others can be below it."""
        return bool(self.classes & _UNITS)

    @property
    def hint(self) -> Hint:
        """What the change looked like."""
        if self.is_deleted:
            return Hint.DELETED
        return Hint.MOVED if self.is_moved else Hint.CHANGED


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched: the names of the units as the directory writes them, and the groups that select people.

    ``groups`` are objectGUIDs; ``any_group`` when a filter of the administrator's may name any.
    """

    units: Sequence[str]
    groups: frozenset[str] = frozenset()
    any_group: bool = False


@dataclass(frozen=True, slots=True)
class Noticed:
    """What follows from an answer.

    ``elsewhere`` are entries in none of the units: they concern the site if it knows them. ``members`` are names, of
    which nobody has said yet whose they are. ``full_reading`` says why only a full reading can tell, in a sentence.
    """

    inside: dict[str, Hint] = field(default_factory=dict)
    elsewhere: dict[str, Hint] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    full_reading: str = ""


def notice(answer: Iterable[Seen], watched: Watched, last_answer_at: datetime | None) -> Noticed:
    """What follows from an answer; ``last_answer_at`` is when the one before was given."""
    inside: dict[str, Hint] = {}
    elsewhere: dict[str, Hint] = {}
    members: dict[str, None] = {}
    reason = ""
    ends = tuple(f",{unit.casefold()}" for unit in watched.units)
    for seen in answer:
        if last_answer_at and seen.made_at and seen.made_at < last_answer_at - _OLD:
            reason = reason or declared("The domain controller answered with entries that were there before.")
        if seen.is_unit:
            reason = reason or _of_unit(seen, watched)
        elif seen.is_group or seen.guid in watched.groups:
            # Of a deleted one an answer does not say what it was.
            if watched.any_group or seen.guid in watched.groups:
                members.update(dict.fromkeys(seen.members))
                reason = reason or _of_group(seen)
        elif "computer" in seen.classes:
            continue
        elif not seen.is_deleted and seen.dn.casefold().endswith(ends):
            inside[seen.guid] = seen.hint
        else:
            elsewhere[seen.guid] = seen.hint
    if len(inside) + len(members) > MOST_CHANGES:
        reason = reason or phrase(
            "More than {most_changes} people changed at once.", most_changes=MOST_CHANGES
        )
    return Noticed(inside, elsewhere, tuple(members), reason)


def _of_unit(seen: Seen, watched: Watched) -> str:
    """Whoever is below a unit has another name now, of which no answer says anything."""
    if seen.is_deleted:
        return ""
    if seen.is_moved:
        return phrase("An OU was moved or renamed: {dn}.", dn=seen.dn)
    return ""


def _of_group(seen: Seen) -> str:
    if seen.is_deleted or seen.is_moved:
        return phrase("A group that selects people changed: {dn}.", dn=seen.dn)
    return ""
