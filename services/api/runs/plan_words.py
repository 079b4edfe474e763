"""How a plan is read: removals first, why rows wait in a few words, what an approval does in figures. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.api.console.words import COMMAND_KINDS, Words
from shared.database.tables import CommandRow
from shared.domain.command import CommandKind
from shared.domain.plan import HoldReason
from shared.language import counted, listed, phrase, shown

# What takes something away comes first: it is what a reader must not overlook.
READING_ORDER: tuple[CommandKind, ...] = (
    CommandKind.DELETE_EXTENSION,
    CommandKind.ARCHIVE_EXTENSION,
    CommandKind.DISABLE_EXTENSION,
    CommandKind.RELEASE_BINDING,
    CommandKind.RENUMBER_EXTENSION,
    CommandKind.REBIND_EXTENSION,
    CommandKind.ADOPT_EXTENSION,
    CommandKind.CREATE_DEPARTMENT,
    CommandKind.CREATE_EXTENSION,
    CommandKind.FINISH_EXTENSION,
    CommandKind.UPDATE_EXTENSION,
    CommandKind.ENABLE_EXTENSION,
)
KIND_TONES: Mapping[str, str] = {
    CommandKind.DELETE_EXTENSION: "bad",
    CommandKind.ARCHIVE_EXTENSION: "warn",
    CommandKind.DISABLE_EXTENSION: "warn",
    CommandKind.CREATE_EXTENSION: "good",
}
# By the code of a guard's reason.
HOLDS = Words(
    {
        "first_run": "First run",
        "selection_changed": "Other people are selected",
        "phone_system_changed": "Phone system changed",
        "people_down": "Fewer people",
        "empty_snapshot": "Nobody found",
        "attribute_emptied": "Attribute emptied",
        "removals": "Many deletions",
        "disables": "Many deactivations",
        "updates": "Many updates",
        "licence": "Licence full",
        "undone": "Undone before",
    }
)


@dataclass(frozen=True, slots=True)
class Apply:
    """The button that approves, and what is asked before."""

    label: str
    question: str


def apply_words(changes: int, deletions: int) -> Apply:
    """What an approval of so many changes does, ``deletions`` of which delete an extension."""
    these = counted(changes, "change", "changes")
    if not deletions:
        return Apply(phrase("Apply {changes}", changes=these), phrase("Apply {changes} now?", changes=these))
    return Apply(
        phrase(
            "Apply {changes}, {deletions}",
            changes=these,
            deletions=counted(deletions, "deletion", "deletions"),
        ),
        phrase(
            "Apply {changes} now? This deletes {extensions}.",
            changes=these,
            extensions=counted(deletions, "extension", "extensions"),
        ),
    )


def kinds_in_order(kinds: Iterable[str]) -> list[tuple[str, str]]:
    """The kinds with what is said for them, in the order in which a plan is read."""
    order = [kind.value for kind in READING_ORDER]
    ranked = sorted(kinds, key=lambda kind: (order.index(kind) if kind in order else len(order), kind))
    return [(kind, COMMAND_KINDS[kind]) for kind in ranked]


def holds_in_words(reasons: Sequence[HoldReason]) -> str:
    """Why rows wait, each reason once however many units it is about."""
    codes = dict.fromkeys(reason.code for reason in reasons)
    times = {code: sum(reason.code == code for reason in reasons) for code in codes}
    return listed(
        HOLDS[code]
        if times[code] == 1
        else phrase("{reason} ({times})", reason=HOLDS[code], times=times[code])
        for code in codes
    )


def short_reason(row: CommandRow) -> str:
    """A row's reason in the few words that its line has room for: whose it is stands before it, and of a unit the name is enough."""
    text = str(shown(row.reason))
    if row.person_name:
        text = text.removeprefix(f"{row.person_name} ")
        for link in ("of", "for"):
            text = text.replace(f" {link} {row.person_name}", "")
    return text.replace(row.unit, unit_name(row.unit)) if row.unit else text


def unit_name(distinguished_name: str) -> str:
    """The last name of a distinguished name, which people know it by."""
    return distinguished_name.partition(",")[0].partition("=")[2] or distinguished_name


def facts_of(reasons: Iterable[HoldReason]) -> list[str]:
    """The sentences of the reasons, each once, without what to do: that is said by the page."""
    return list(dict.fromkeys(reason.fact for reason in reasons))
