"""How an extension is taken out of service: disabled at once; to delete, archived in between. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.reconciler.drafts import Draft
from services.reconciler.fields import Fields, identity
from services.reconciler.worktable import Worktable
from shared.domain.command import CommandKind
from shared.domain.extension import Extension
from shared.domain.grace import Departure
from shared.domain.person import AccountState, Person
from shared.domain.rules import ArchiveRule, Outcome
from shared.language import declared, phrase
from shared.values.keys import email_key


@dataclass(frozen=True, slots=True)
class Leaving:
    """Whose extension goes and why. Of somebody absent only ``guid``, ``name`` and the last ``unit`` are known.

    ``new_number`` is the extension they have instead, which their voicemails and recordings go to. ``departure`` is how
    they leave, where there is a rule for it.
    """

    reason: str
    evidence: str
    person: Person | None = None
    guid: str | None = None
    name: str = ""
    unit: str = ""
    new_number: str = ""
    departure: Departure | None = None

    @property
    def rests_on_absence(self) -> bool:
        """Whether it goes because something was not found; that an account is disabled is positive evidence."""
        return self.person is None or self.person.account_state is AccountState.ENABLED


def removal(
    table: Worktable, extension: Extension, outcome: Outcome, leaving: Leaving, after: Sequence[Draft] = ()
) -> list[Draft]:
    """The steps, each requiring the one before it; the first requires ``after``.

    None for ``keep``, and for what is protected (a finding). Without proof of absence deleting becomes disabling:
    an account's state is positive evidence for that, but what is deleted does not come back. An extension whose
    number somebody else gets is deleted, whatever the rule of the leaver.
    """
    if outcome is Outcome.KEEP:
        return []
    what = table.situation.protection(extension)
    if what is not None:
        table.findings.add_not_removed(extension, what, leaving.reason, leaving.person)
        return []
    leaving = _with_days(table, extension, outcome, leaving)
    if extension.id in table.assignment.replaced_by:
        outcome = Outcome.DELETE
    if outcome is Outcome.DELETE and not table.evidence.proves_of(leaving.person, leaving.guid):
        table.held_back += 1
        outcome = Outcome.DISABLE
    steps = _Steps(extension, leaving, list(after))
    steps.disable()
    if outcome is Outcome.DELETE:
        steps.archive(_archive(table, leaving))
        deletion = steps.add(CommandKind.DELETE_EXTENSION, steps.disabled, {})
        deletion.frees.add(("number", extension.number))
        if extension.email:
            deletion.frees.add(("email", email_key(extension.email)))
    return steps.drafts


def emptying(table: Worktable, extension: Extension, leaving: Leaving) -> list[Draft]:
    """The steps before an extension serves somebody else: nothing of its former person may be left on it.

    None without archiving. The last one sets the number free for the successor.
    """
    if table.rules.archive is None:
        return []
    steps = _Steps(extension, leaving, [])
    steps.disable()
    steps.archive(table.rules.archive)
    steps.drafts[-1].frees.add(("number", extension.number))
    return steps.drafts


class _Steps:
    """Drafts about one extension, each requiring the one before it."""

    def __init__(self, extension: Extension, leaving: Leaving, after: list[Draft]) -> None:
        self.drafts: list[Draft] = []
        self.disabled: Fields = identity(extension) | {"enabled": False}
        self._extension, self._leaving, self._after = extension, leaving, after

    def disable(self) -> None:
        if self._extension.enabled:
            before = identity(self._extension) | {"enabled": True}
            self.add(CommandKind.DISABLE_EXTENSION, before, {"enabled": False})

    def archive(self, rule: ArchiveRule | None) -> None:
        if rule is not None:
            what: Fields = {
                "archive": rule.number,
                "voicemails": rule.voicemails,
                "recordings": rule.recordings,
            }
            self.add(CommandKind.ARCHIVE_EXTENSION, self.disabled, what)

    def add(self, kind: CommandKind, before: Fields, after: Fields) -> Draft:
        leaving = self._leaving
        step = Draft(
            kind,
            self._extension.number,
            leaving.reason,
            person=leaving.person,
            extension=self._extension,
            before=dict(before),
            after=after,
            evidence=leaving.evidence,
            requires=list(self.drafts[-1:] or self._after),
            guid=leaving.guid,
            person_name=leaving.name,
            unit=leaving.unit,
            rests_on_absence=leaving.rests_on_absence,
        )
        self.drafts.append(step)
        return step


def _with_days(table: Worktable, extension: Extension, outcome: Outcome, leaving: Leaving) -> Leaving:
    """Note the countdown, and say it in the reason."""
    if leaving.departure is None:
        return leaving
    name = leaving.person.name if leaving.person is not None else leaving.name
    guid = leaving.person.guid if leaving.person is not None else leaving.guid
    grace = table.situation.graces.note(guid, leaving.departure, extension, name)
    if grace is None or grace.is_kept or extension.id in table.assignment.replaced_by:
        return leaving
    if outcome is Outcome.DELETE:
        sentence = (
            declared("The manually set date has passed.")
            if grace.until
            else phrase("{days_in_words} of grace are over.", days_in_words=grace.days_in_words)
        )
    elif grace.until:
        sentence = phrase("It is kept until {until}, unless they return.", until=f"{grace.until:%Y-%m-%d}")
    else:
        sentence = phrase(
            "It is deleted {days_in_words} later, unless they return.", days_in_words=grace.days_in_words
        )
    return replace(leaving, reason=phrase("{reason} {sentence}", reason=leaving.reason, sentence=sentence))


def _archive(table: Worktable, leaving: Leaving) -> ArchiveRule | None:
    """Where what the extension has goes: with the person to their new number, else to the archive."""
    if leaving.new_number and table.rules.moves_with_number:
        return ArchiveRule(leaving.new_number)
    return table.rules.archive
