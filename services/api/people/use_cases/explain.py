"""Answers "why is this person's extension as it is?" from what is stored, in sentences.

Called by the API and ``rollcall explain``. Never asks the directory or the phone system, so it also says what
was true when somebody decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import cast, or_, select
from sqlalchemy.orm import Session

from services.api.people.use_cases.grace import of_person
from services.api.runs.queries.people import KnownPerson, resolve_person, with_live_reading
from shared.database.search import holds
from shared.database.tables import WHOLE_RUNS, CommandRow, Event, FindingRow, GivenNumberRow, GraceRow, Run
from shared.database.types import Prose
from shared.domain.binding import BindingOrigin
from shared.domain.command import CommandState
from shared.domain.person import AccountState, Person
from shared.errors import RollcallError
from shared.language import declared, listed, named, phrase, read_back
from shared.settings.documents import SiteSettings
from shared.settings.sections.directory import DisabledAccounts
from shared.worker.context import Context

_COMMANDS = 20
_WAITING = {
    CommandState.PENDING.value: declared("waiting"),
    CommandState.HELD.value: declared("waiting for approval"),
}
_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Explanation:
    """``sentences`` for a person to read, in order; the rows behind them for a program, newest first."""

    guid: str
    name: str
    number: str | None
    sentences: list[str]
    commands: list[CommandRow]
    findings: list[FindingRow]
    events: list[Event]
    is_linked: bool = False
    grace: GraceRow | None = None


def explain(context: Context, site_id: str, person: str) -> Explanation:
    """What Rollcall knows of a person named by objectGUID, login, e-mail, number, name or DN.

    :raises NotFound: nobody fits, or there is no such site.
    :raises Conflict: several people fit; the message lists them.
    """
    known = with_live_reading(context, site_id, resolve_person(context, site_id, person))
    number = known.person.number if known.person is not None else None
    if number is None and known.binding is not None:
        number = known.binding.number
    with context.database.read() as session:
        planned = _newest_planned_run(session, site_id, known.guid)
        if known.is_live and known.run_id is not None:
            planned = max(planned or 0, known.run_id)
        commands = _commands(session, site_id, known.guid)
        findings = [] if planned is None else _findings(session, planned, known.guid)
        given = _given(session, site_id, known.guid)
        if number is None and given:
            number = given[0].number
        events = _events(session, site_id, known.guid, number)
    grace = of_person(context, site_id, known.guid)
    sentences = [
        *_of_directory(known, given, _settings(context, site_id)),
        *_of_binding(known),
        *_of_grace(grace),
    ]
    sentences += [_of_command(row) for row in commands]
    sentences += [
        phrase(
            "Run {run_id} found ({severity}): {message}",
            run_id=row.run_id,
            severity=row.severity,
            message=row.message,
        )
        for row in findings
    ]
    if not commands and not findings:
        sentences.append(
            declared("No run was planned yet.")
            if planned is None
            else declared("No run has changed anything for them yet.")
        )
    sentences += [
        listed([f"{row.occurred_at:%Y-%m-%d %H:%M} UTC", read_back(row.message, row.sentence)], ": ")
        for row in events
    ]
    is_linked = known.binding is not None
    return Explanation(
        known.guid, known.name, number, sentences, commands, findings, events, is_linked, grace
    )


def _newest_planned_run(session: Session, site_id: str, guid: str) -> int | None:
    # A run for somebody else says nothing of this person.
    return session.scalar(
        select(Run.id)
        .where(
            Run.site_id == site_id,
            Run.planned_at.is_not(None),
            or_(Run.kind.in_(WHOLE_RUNS), Run.person_guid == guid),
        )
        .order_by(Run.id.desc())
        .limit(1)
    )


def _commands(session: Session, site_id: str, guid: str) -> list[CommandRow]:
    return list(
        session.scalars(
            select(CommandRow)
            .join(Run, Run.id == CommandRow.run_id)
            .where(Run.site_id == site_id, CommandRow.person_guid == guid)
            .order_by(CommandRow.run_id.desc(), CommandRow.sequence)
            .limit(_COMMANDS)
        )
    )


def _findings(session: Session, run_id: int, guid: str) -> list[FindingRow]:
    # Of one run only: what stays unsolved is found again by every run.
    return list(
        session.scalars(
            select(FindingRow)
            .where(FindingRow.run_id == run_id, holds(cast(FindingRow.person_guids, Prose), guid))
            .order_by(FindingRow.id.desc())
        )
    )


def _events(session: Session, site_id: str, guid: str, number: str | None) -> list[Event]:
    if number is None:
        return []
    return list(
        session.scalars(
            select(Event)
            .where(
                Event.site_id == site_id,
                Event.number == number,
                # The number may have been somebody else's before.
                or_(Event.person_guid.is_(None), Event.person_guid == guid),
            )
            .order_by(Event.id.desc())
            .limit(_EVENTS)
        )
    )


def _given(session: Session, site_id: str, guid: str) -> Sequence[GivenNumberRow]:
    """The numbers from ranges that are the person's."""
    return session.scalars(
        select(GivenNumberRow)
        .where(
            GivenNumberRow.site_id == site_id,
            GivenNumberRow.person_guid == guid,
            GivenNumberRow.released_at.is_(None),
        )
        .order_by(GivenNumberRow.number)
    ).all()


def _of_given(row: GivenNumberRow) -> str:
    sentence = phrase(
        "{number} was given to them from a range on {given_at}",
        number=row.number,
        given_at=f"{row.given_at:%Y-%m-%d}",
    )
    if row.written_to:
        return phrase(
            "{sentence} and is stored in {written_to} in the directory.",
            sentence=sentence,
            written_to=row.written_to,
        )
    if row.write_error_message:
        return phrase(
            "{sentence}. It could not be written to {write_to} in the directory: {write_error_message}",
            sentence=sentence,
            write_to=row.write_to,
            write_error_message=row.write_error_message,
        )
    return f"{sentence}."


def _of_directory(known: KnownPerson, given: Sequence[GivenNumberRow], settings: SiteSettings) -> list[str]:
    person = known.person
    if person is None and known.run_id is None:
        return [
            phrase(
                "No complete reading of the directory is stored, so nothing is known there of {name}.",
                name=known.name,
            )
        ]
    titles = settings.directory_titles
    if person is None:
        home = known.binding.directory if known.binding is not None else None
        before = (
            phrase(" They were last read from the directory {titles}.", titles=titles[home])
            if home in titles
            else ""
        )
        if known.is_live:
            return [
                phrase(
                    "Run {run_id} looked {name} up and found them in none of the selected OUs.{before}",
                    run_id=known.run_id,
                    name=known.name,
                    before=before,
                )
            ]
        return [
            phrase(
                "Run {run_id} read all organizational units and found {name} in none of them.{before}",
                run_id=known.run_id,
                name=known.name,
                before=before,
            )
        ]
    title = titles.get(settings.key_of_unit(person.unit) or "", "")
    return [
        phrase(
            "{name} was read from {unit}{of_directory} as {distinguished_name} in run {run_id}.",
            name=person.name,
            unit=person.unit,
            of_directory=phrase(" of the directory {title}", title=title) if title else "",
            distinguished_name=person.distinguished_name,
            run_id=known.run_id,
        ),
        _of_number(person, is_given=bool(given)),
        *(_of_given(row) for row in given),
        phrase("The account {state_of}.", state_of=_state_of(person, settings)),
    ]


def _state_of(person: Person, settings: SiteSettings) -> str:
    units = [unit for directory in settings.all_directories for unit in directory.units]
    active = {unit.dn for unit in units if unit.disabled_accounts is DisabledAccounts.ACTIVE}
    if person.account_state is AccountState.ENABLED and person.unit in active:
        return declared("counts as enabled, because disabled accounts of its unit are treated as active")
    return phrase("is {state}", state=declared(person.account_state.value))


def _settings(context: Context, site_id: str) -> SiteSettings:
    """Those of the site; the defaults where they cannot be read: what is known of a person is told all the same."""
    try:
        return context.site_settings(site_id).settings
    except RollcallError:
        return SiteSettings()


def _of_number(person: Person, *, is_given: bool) -> str:
    if person.number is not None:
        if person.number_text and person.number_text != person.number:
            return phrase(
                "The number attribute holds '{number_text}', which gives extension {number}.",
                number_text=person.number_text,
                number=person.number,
            )
        return phrase("The number attribute gives extension {number}.", number=person.number)
    if person.number_problem:
        return phrase(
            (
                "The number attribute holds '{number_text}', which is not an extension number: "
                "{number_problem}"
            ),
            number_text=person.number_text,
            number_problem=person.number_problem,
        )
    if is_given:
        return declared("The number attribute is empty.")
    return declared("The number attribute is empty, so they get no extension.")


def _of_binding(known: KnownPerson) -> list[str]:
    binding = known.binding
    if binding is None:
        return [declared("No extension is linked to them.")]
    how = (
        declared("created for them")
        if binding.origin == BindingOrigin.CREATED
        else declared("adopted, as it existed already")
    )
    sentences = [
        phrase(
            "Extension {number} (id {extension_id}) is linked to them; it was {linked_how}.",
            number=binding.number,
            extension_id=binding.extension_id,
            linked_how=how,
        )
    ]
    if binding.is_disabled_by_rollcall:
        sentences.append(declared("Rollcall has disabled it."))
    return sentences


def _of_grace(grace: GraceRow | None) -> list[str]:
    if grace is None:
        return []
    if grace.is_kept:
        return [phrase("Extension {number} is not deleted: the countdown was stopped.", number=grace.number)]
    if grace.ends_at is None:
        return [
            phrase(
                "Extension {number} is to be disabled, and deleted {days} days later.",
                number=grace.number,
                days=grace.days,
            )
        ]
    by = (
        declared("set by hand")
        if grace.until is not None
        else phrase("{days} days after it was disabled", days=grace.days)
    )
    return [
        phrase(
            "Extension {number} is deleted on {ends_at} ({by}), unless they return.",
            number=grace.number,
            ends_at=f"{grace.ends_at:%Y-%m-%d}",
            by=by,
        )
    ]


def _of_command(row: CommandRow) -> str:
    what = named(row.kind)
    state = _WAITING.get(row.state) or named(row.state)
    why = " " + row.error_message if row.error_message else ""
    return phrase(
        "Run {run_id}, command {sequence}: {what} {number} is {state}. {reason}{why}",
        run_id=row.run_id,
        sequence=row.sequence,
        what=what,
        number=row.number,
        state=state,
        reason=row.reason,
        why=why,
    )
