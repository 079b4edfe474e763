"""The plan of one run: pure data that can be stored, shown, judged and approved before anything is written."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.binding import Binding
from shared.domain.command import Command, CommandKind
from shared.domain.grace import Grace
from shared.domain.numbers import GivenNumber
from shared.domain.seen import Seen
from shared.language import Sentence, counted, declared, listed, phrase


class Severity(StrEnum):
    """How much a finding asks of a person: nothing, a look, or a decision."""

    INFO = "info"
    WARNING = "warning"
    CONFLICT = "conflict"


class FindingCode(StrEnum):
    """What can stand between a person and their extension. Stable: programs filter on these."""

    DUPLICATE_NUMBER = "duplicate_number"
    NUMBER_HELD = "number_held"
    NUMBER_CYCLE = "number_cycle"
    NAME_MISMATCH = "name_mismatch"
    DUPLICATE_EMAIL = "duplicate_email"
    EMAIL_HELD = "email_held"
    BAD_NUMBER = "bad_number"
    NUMBER_RESERVED = "number_reserved"
    BAD_EMAIL = "bad_email"
    BAD_MOBILE = "bad_mobile"
    MAPPING_FAILED = "mapping_failed"
    LICENCE_FULL = "licence_full"
    DEPARTMENT_MISSING = "department_missing"
    TEMPLATE_MISSING = "template_missing"
    ARCHIVE_MISSING = "archive_missing"
    PROTECTED = "protected"
    EXCLUDED = "excluded"
    SHORTENED = "shortened"
    DISABLED_BY_HAND = "disabled_by_hand"
    INCOMPLETE_SNAPSHOT = "incomplete_snapshot"
    REFUSED = "refused"
    REASSIGNED = "reassigned"
    REBOUND = "rebound"
    NUMBER_CHANGED_IN_3CX = "number_changed_in_3cx"
    NUMBER_PASSED_ON = "number_passed_on"
    CONTROLLER_BEHIND = "controller_behind"
    STEPS_OWED = "steps_owed"
    STEPS_REFUSED = "steps_refused"
    NUMBER_RANGE_LOW = "number_range_low"
    NUMBER_RANGE_EMPTY = "number_range_empty"
    NUMBER_NOT_WRITTEN = "number_not_written"
    NOT_UNDONE = "not_undone"


# While a plan has one of these, the ends are not in sync though nothing can be done; the first of them counts.
_RESERVATIONS = (
    FindingCode.CONTROLLER_BEHIND,
    FindingCode.INCOMPLETE_SNAPSHOT,
    FindingCode.STEPS_OWED,
    FindingCode.STEPS_REFUSED,
    FindingCode.NUMBER_NOT_WRITTEN,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the plan did not do, or did with a reservation, in a sentence that names everyone concerned."""

    code: FindingCode
    severity: Severity
    message: str
    number: str = ""
    person_guids: tuple[str, ...] = ()
    person_names: tuple[str, ...] = ()


CONFLICTS_WAIT = "conflicts_wait"


@dataclass(frozen=True, slots=True)
class Reservation:
    """What keeps the two ends from being called in sync. ``code`` is stable: a finding's, or ``CONFLICTS_WAIT``."""

    code: str
    message: str


def reservation_of(findings: Sequence[Finding]) -> Reservation | None:
    """Why a run that found this may not say "in sync", whatever else it does; nothing when it may."""
    first = {finding.code: finding for finding in reversed(findings)}
    found = next((first[code] for code in _RESERVATIONS if code in first), None)
    if found is not None:
        return Reservation(found.code.value, found.message)
    conflicts = sum(finding.severity is Severity.CONFLICT for finding in findings)
    if not conflicts:
        return None
    return Reservation(
        CONFLICTS_WAIT,
        phrase(
            "{conflicts} must be settled by a person. The findings of the run say how.",
            conflicts=counted(conflicts, "conflict", "conflicts"),
        ),
    )


_COUNTING_UP = re.compile(r"(?: and since then)?, \d+ times in a row")


def as_it_stands(message: str) -> str:
    """A finding's message without what counts up from run to run: as long as this is the same, it was told."""
    return _COUNTING_UP.sub("", message)


class VerdictState(StrEnum):
    """What the guards say of a plan."""

    GO = "go"
    HELD = "held"


# What to do about every reason; a page that shows several says it once.
REVIEW = declared("Review the plan and approve it if this is intended.")


@dataclass(frozen=True, slots=True)
class HoldReason:
    """One limit that the plan exceeds. ``code`` is stable, ``message`` says how much of how many and what to do."""

    code: str
    message: str
    unit: str | None = None

    @property
    def fact(self) -> str:
        """The message without what to do."""
        if isinstance(self.message, Sentence) and self.message.template == "{sentence} {review}":
            sentence: str = self.message.parameters["sentence"]
            return sentence
        return self.message.removesuffix(REVIEW).rstrip()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which rows wait for a person, by sequence, each with the first reason that holds it; the others may go.

    What requires a held row is held with it. ``is_measure``: nothing speaks against the reading itself, so that later
    runs may be measured by it.
    """

    reasons: tuple[HoldReason, ...] = ()
    held: Mapping[int, HoldReason] = field(default_factory=dict)
    is_measure: bool = True

    @property
    def state(self) -> VerdictState:
        """``held`` when any row waits."""
        return VerdictState.HELD if self.held else VerdictState.GO


@dataclass(frozen=True, slots=True)
class Emptied:
    """An attribute that ``had`` of ``people`` with an extension had, and (nearly) nobody has any more.

    ``unit`` is ``None`` for all units together; ``rows`` are the commands that would empty or disable for it.
    """

    attribute: str
    unit: str | None
    had: int
    people: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Commands in execution order (wave, stage, sequence) and findings, both sorted: equal inputs, equal plan.

    ``moved_extensions`` counts those found again under another id, ``lost_extensions`` bindings whose extension is found
    nowhere. ``remembered`` are bindings with what 3CX shows of them now, to be noted; ``stale_binding_guids`` those to be
    forgotten. Neither changes anything for anybody. ``beyond_licence`` are the sequences of those commands that the
    licence has no room for. ``settled`` are numbers of extensions of which nothing that was begun is left to do. ``graces``
    are countdowns that begin or change with this plan, ``ended_graces`` those that stand for nothing any more,
    ``standing_graces`` all that there are after it.
    ``numbers_reserved`` are kept from now on for people who get an extension by this plan;
    ``numbers_changed`` and ``numbers_forgotten`` bring up to date what is remembered of other given numbers.
    ``seen`` is what the plan was made from, ``None`` where that does not matter any more.
    """

    commands: tuple[Command, ...] = ()
    findings: tuple[Finding, ...] = ()
    people: int = 0
    managed_extensions: int = 0
    stale_binding_guids: tuple[str, ...] = field(default=())
    remembered: tuple[Binding, ...] = field(default=(), repr=False)
    moved_extensions: int = 0
    lost_extensions: int = 0
    beyond_licence: tuple[int, ...] = ()
    emptied: tuple[Emptied, ...] = ()
    settled: tuple[str, ...] = ()
    graces: tuple[Grace, ...] = field(default=(), repr=False)
    ended_graces: tuple[Grace, ...] = field(default=(), repr=False)
    standing_graces: tuple[Grace, ...] = field(default=(), repr=False)
    numbers_reserved: tuple[GivenNumber, ...] = ()
    numbers_changed: tuple[GivenNumber, ...] = ()
    numbers_forgotten: tuple[str, ...] = ()
    seen: Seen | None = field(default=None, repr=False, compare=False)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many commands there are of each kind; kinds without any are left out."""
        return counts_of(self.commands)

    @property
    def content_hash(self) -> str:
        """SHA-256 of what the whole plan would do."""
        return hash_of(self.commands)


def counts_of(commands: Iterable[Command]) -> Mapping[str, int]:
    """How many of the commands there are of each kind; kinds without any are left out."""
    return dict(sorted(Counter(command.kind.value for command in commands).items()))


def hash_of(commands: Iterable[Command]) -> str:
    """SHA-256 of what the commands would do. An approval names it, so that nothing else is executed.

    Places and waves count among these commands alone: what waits after the others were executed has the hash that it
    has when the next plan holds nothing else. A field that is added to commands joins only where it is set: stored
    plans keep their hash.
    """
    chosen = tuple(commands)
    place = {command.sequence: index for index, command in enumerate(chosen, start=1)}
    waves = {wave: rank for rank, wave in enumerate(sorted({command.wave for command in chosen}))}
    digest = hashlib.sha256()
    for command in chosen:
        digest.update(
            json.dumps(
                [
                    place[command.sequence],
                    command.kind,
                    waves[command.wave],
                    command.number,
                    command.person_guid,
                    command.extension_id,
                    dict(command.before),
                    dict(command.after),
                    [place[sequence] for sequence in command.requires if sequence in place],
                ],
                sort_keys=True,
            ).encode()
        )
        digest.update(b"\n")
    return digest.hexdigest()


_VERBS: Mapping[str, str] = {
    CommandKind.CREATE_EXTENSION: declared("create"),
    CommandKind.RELEASE_BINDING: declared("unlink"),
    CommandKind.REBIND_EXTENSION: declared("relink"),
    CommandKind.ADOPT_EXTENSION: declared("adopt"),
    CommandKind.UPDATE_EXTENSION: declared("update"),
    CommandKind.RENUMBER_EXTENSION: declared("renumber"),
    CommandKind.FINISH_EXTENSION: declared("finish"),
    CommandKind.ENABLE_EXTENSION: declared("enable"),
    CommandKind.DISABLE_EXTENSION: declared("disable"),
    CommandKind.ARCHIVE_EXTENSION: declared("archive"),
    CommandKind.DELETE_EXTENSION: declared("delete"),
}


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Counts by kind of command as people read them: "create 12, update 3, create 1 department"."""
    parts: list[str] = [
        phrase("{verb} {count}", verb=verb, count=counts[kind])
        for kind, verb in _VERBS.items()
        if counts.get(kind)
    ]
    # Of a newer version: in its own words.
    parts += [
        phrase("{kind} {count}", kind=kind.replace("_", " "), count=count)
        for kind, count in counts.items()
        if kind not in [*CommandKind]
    ]
    departments = counts.get(CommandKind.CREATE_DEPARTMENT, 0)
    if departments:
        parts.append(
            phrase("create {departments}", departments=counted(departments, "department", "departments"))
        )
    return listed(parts) if parts else declared("nothing to do")
