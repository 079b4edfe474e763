"""What the roll says after a plan: of everybody and every extension that was read, in which state they are. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shared.domain.binding import Binding, Shown
from shared.domain.command import Command, CommandKind, FieldValue
from shared.domain.exclusions import why_excluded
from shared.domain.extension import Extension
from shared.domain.grace import Grace, holder_of
from shared.domain.person import AbsentPerson, AccountState, Person, Presence
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.domain.protection import why_never_changed
from shared.domain.seen import Seen
from shared.language import declared
from shared.roll.entry import Drift, Entry, RollState, nobodys
from shared.roll.states import StateFacts, state_of

# Of an extension that does not show what it should; the value of a further field may be long or secret.
_DRIFTING = ("number", "first_name", "last_name", "email", "mobile", "enabled")
_IN_DOUBT = declared(
    "Not found in the OUs that were read. The directory has not confirmed yet that they are gone."
)


def entries_of(plan: Plan, seen: Seen, homes: Mapping[str, str | None]) -> Iterator[Entry]:
    """An entry for each person and for each extension that nobody is bound to, each holder once.

    Of bound people of whom nothing is proven there is none: what was known of them stands. ``homes`` are the keys of the
    directories people are of, where a site has several.
    """
    about = _About(plan)
    taken: set[int] = set()
    for guid, person in seen.people.items():
        extension = seen.extension_of.get(guid)
        if extension is not None:
            taken.add(extension.id)
        yield _of_person(about, seen, guid, person, extension, homes.get(guid))
    for person, extension in seen.in_sync:
        yield Entry(
            person.guid,
            RollState.IN_SYNC,
            person,
            Presence.SELECTED,
            extension,
            directory=homes.get(person.guid),
        )
    for guid, binding in seen.bindings.items():
        if guid in seen.people:
            continue
        extension = seen.extension_of.get(guid)
        if extension is not None:
            taken.add(extension.id)
        fact = seen.absent.get(guid)
        if fact is not None:
            yield _of_absent(about, seen, binding, fact, extension)
    for extension in seen.extensions:
        if extension.id not in taken:
            yield _of_extension(about, seen, extension)


class _About:
    """What the plan has to say, by whom it is about."""

    def __init__(self, plan: Plan) -> None:
        self.command_of: dict[str, Command] = {}
        self.changing: dict[int, Command] = {}
        self.command_on: dict[int, Command] = {}
        for command in plan.commands:
            if command.person_guid:
                self.command_of.setdefault(command.person_guid, command)
            if command.extension_id is not None:
                self.command_on.setdefault(command.extension_id, command)
                if command.kind is CommandKind.UPDATE_EXTENSION:
                    self.changing[command.extension_id] = command
        self.graces: dict[str, Grace] = {grace.holder: grace for grace in plan.standing_graces}
        self.findings: dict[str, list[Finding]] = {}
        self.of_number: dict[str, Finding] = {}
        for finding in plan.findings:
            for guid in finding.person_guids:
                self.findings.setdefault(guid, []).append(finding)
            if not finding.person_guids and finding.number:
                self.of_number.setdefault(finding.number, finding)

    def reason_of(self, guid: str, *codes: FindingCode) -> str:
        """What the first finding about the person with one of these codes says."""
        findings = self.findings.get(guid, ())
        return next((finding.message for finding in findings if finding.code in codes), "")

    def conflict(self, guid: str) -> str:
        """What about the person needs a decision."""
        findings = self.findings.get(guid, ())
        return next((item.message for item in findings if item.severity is Severity.CONFLICT), "")

    def doubt(self, guid: str) -> str:
        """What is to be looked at."""
        findings = self.findings.get(guid, ())
        return next((item.message for item in findings if item.severity is not Severity.INFO), "")


def _of_person(
    about: _About, seen: Seen, guid: str, person: Person, extension: Extension | None, home: str | None
) -> Entry:
    if (
        extension is not None
        and person.account_state is AccountState.ENABLED
        and person.number is not None
        and guid not in about.command_of
        and guid not in about.findings
        and guid not in about.graces
        and extension.id not in about.changing
        and extension.id not in seen.excluded
    ):
        # The usual case: a site may have 100,000 of it.
        state, reason, until = RollState.IN_SYNC, "", None
    else:
        grace = about.graces.get(guid)
        until = grace.ends_at if grace is not None else None
        # Whoever is in sync and excluded has no finding: there is nothing to do for them anyway.
        is_excluded = extension is not None and extension.id in seen.excluded
        state, reason = state_of(
            StateFacts(
                Presence.SELECTED,
                extension is not None,
                person.account_state,
                person.number is not None,
                person.number_problem or "",
                excluded=about.reason_of(guid, FindingCode.EXCLUDED)
                or (why_excluded(person.name) if is_excluded else ""),
                conflict=about.conflict(guid),
                doubt=about.doubt(guid),
                planned=_planned(about, guid),
                protected=about.reason_of(guid, FindingCode.PROTECTED),
                is_leaving=grace is not None,
                until=until,
            )
        )
    drift = () if extension is None else _drift(about, seen, extension, person)
    return Entry(
        guid, state, person, Presence.SELECTED, extension, reason,
        until if state is RollState.LEAVING else None, drift, home,
    )  # fmt: skip


def _of_absent(
    about: _About, seen: Seen, binding: Binding, fact: AbsentPerson, extension: Extension | None
) -> Entry:
    guid = binding.person_guid
    presence = Presence.ELSEWHERE if fact.found else Presence.GONE
    grace = about.graces.get(guid)
    until = grace.ends_at if grace is not None else None
    is_excluded = extension is not None and extension.id in seen.excluded
    state, reason = state_of(
        StateFacts(
            presence,
            extension is not None,
            excluded=why_excluded("") if is_excluded else "",
            conflict=about.conflict(guid),
            planned=_planned(about, guid),
            protected=about.reason_of(guid, FindingCode.PROTECTED),
            is_leaving=grace is not None,
            until=until,
        )
    )
    return Entry(
        guid,
        state,
        None,
        presence,
        extension,
        reason,
        until if state is RollState.LEAVING else None,
        directory=binding.directory,
        known_name=binding.person_name,
    )


def _of_extension(about: _About, seen: Seen, extension: Extension) -> Entry:
    command = about.command_on.get(extension.id)
    grace = about.graces.get(holder_of(None, extension.id))
    until = grace.ends_at if grace is not None else None
    what = seen.protected.get(extension.id)
    finding = about.of_number.get(extension.number)
    protected = why_never_changed(what) if what else ""
    if not protected and finding is not None and finding.code is FindingCode.PROTECTED:
        protected = finding.message
    state, reason = state_of(
        StateFacts(
            None,
            True,
            excluded=why_excluded("") if extension.id in seen.excluded else "",
            planned=command.reason if command is not None else "",
            protected=protected,
            is_leaving=grace is not None,
            until=until,
        )
    )
    shown_until = until if state is RollState.LEAVING else None
    return Entry(nobodys(extension), state, None, None, extension, reason, shown_until)


def _planned(about: _About, guid: str) -> str:
    command = about.command_of.get(guid)
    if command is not None:
        return command.reason
    # What a reading that may be old shows waits for a newer one.
    return about.reason_of(guid, FindingCode.CONTROLLER_BEHIND)


def _drift(about: _About, seen: Seen, extension: Extension, person: Person) -> tuple[Drift, ...]:
    """Fields that 3CX shows otherwise than the directory, or than Rollcall wrote or found them last."""
    command, edit = about.changing.get(extension.id), seen.edits.get(extension.number)
    binding = seen.bindings.get(person.guid)
    shown = binding.shown if binding is not None else None
    if (
        command is None
        and (binding is None or _is_as_remembered(extension, binding))
        and (extension.number == person.number)
    ):
        return ()
    wanted: dict[str, FieldValue] = dict(command.after) if command is not None else {}
    if person.number is not None and person.number != extension.number:
        wanted["number"] = person.number
    written: dict[str, str] = {}
    if binding is not None:
        written = {"number": binding.number} | (shown._asdict() if shown is not None else {})
    found = []
    for name in _DRIFTING:
        has = _text(getattr(extension, name))
        asked = _text(wanted[name]) if name in wanted else None
        before = written.get(name)
        if (asked is not None and asked != has) or (before is not None and before != has):
            item = Drift(name, has, asked, before)
            if edit is not None and item.is_changed_in_3cx:
                item = replace(item, changed_by=edit.by, changed_at=edit.at)
            found.append(item)
    return tuple(found)


def _is_as_remembered(extension: Extension, binding: Binding) -> bool:
    is_shown = Shown(extension.first_name, extension.last_name, extension.email)
    return binding.number == extension.number and binding.shown in (None, is_shown)


def _text(value: FieldValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value is not None else ""
