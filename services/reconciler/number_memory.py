"""What is to be remembered of numbers after a plan: kept for somebody, in use, nobody's any more. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.reconciler.number_assignment import NumberAssignments
from services.reconciler.ranges import numbers_of
from services.reconciler.situation import Situation
from shared.domain.command import Command, CommandKind
from shared.domain.numbers import GivenNumber

_GIVING = (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION, CommandKind.ADOPT_EXTENSION)


@dataclass(frozen=True, slots=True)
class NumberMemory:
    """``reserved`` are numbers kept from now on for people who get an extension with it by this plan. ``changed`` are others of
    which more is known now, ``forgotten`` those that need not be remembered.
    """

    reserved: tuple[GivenNumber, ...] = ()
    changed: tuple[GivenNumber, ...] = ()
    forgotten: tuple[str, ...] = ()


def remember_numbers(
    assigned: NumberAssignments,
    situation: Situation,
    commands: Iterable[Command],
    known: Iterable[GivenNumber],
    now: datetime,
) -> NumberMemory:
    """Compare what is remembered with who has which number, and with what the plan does."""
    rows = {item.number: item for item in known}
    if not rows and not situation.rules.number_ranges:
        return NumberMemory()
    listed = tuple(commands)
    reserved = {item.number: item for item in _reserved(assigned, listed, rows, now)}
    changed = {
        item.number: item for item in _going(situation, listed, rows, now) if item.number not in reserved
    }
    forgotten: list[str] = []
    linked = {binding.number: binding.person_guid for binding in situation.bindings.values()}
    owed = {item.number for item in situation.owed}
    for number, row in rows.items():
        if number in reserved or number in changed or row.released_at is not None:
            continue
        if row.person_guid and linked.get(number) == row.person_guid:
            if not row.is_used:
                changed[number] = replace(row, is_used=True)
        elif number not in linked and number not in owed and _is_free(assigned, situation, row):
            if row.is_used:
                changed[number] = replace(row, released_at=now)
            else:
                forgotten.append(number)
    return NumberMemory(
        tuple(reserved[number] for number in sorted(reserved)),
        tuple(changed[number] for number in sorted(changed)),
        tuple(sorted(forgotten)),
    )


def _reserved(
    assigned: NumberAssignments, commands: Iterable[Command], rows: Mapping[str, GivenNumber], now: datetime
) -> Iterator[GivenNumber]:
    for command in commands:
        guid = command.person_guid or ""
        assigned_number, row = assigned.of.get(guid), rows.get(command.number)
        if (
            assigned_number is None
            or not assigned_number.is_given
            or command.number != assigned_number.number
            or command.kind not in _GIVING
        ):
            continue
        is_theirs = row is not None and row.person_guid == guid
        if row is None or not is_theirs or row.released_at is not None:
            yield GivenNumber(
                assigned_number.number,
                guid,
                command.person_name,
                now,
                is_used=row is not None and is_theirs and row.is_used,
            )


def _going(
    situation: Situation, commands: Iterable[Command], rows: Mapping[str, GivenNumber], now: datetime
) -> Iterator[GivenNumber]:
    """Numbers of the ranges that were not given and whose extension is deleted: here for their quarantine only."""
    in_ranges = {number for item in situation.rules.number_ranges for number in numbers_of(item)}
    for command in commands:
        row = rows.get(command.number)
        is_going = command.kind is CommandKind.DELETE_EXTENSION and command.number in in_ranges
        if is_going and (row is None or row.released_at is not None):
            yield GivenNumber(command.number, "", "", now, is_used=True)


def _is_free(assigned: NumberAssignments, situation: Situation, row: GivenNumber) -> bool:
    """Whether nobody has the number, as far as a whole reading can tell."""
    person = assigned.people.get(row.person_guid)
    return (
        situation.evidence.proves_absence
        and row.number not in situation.by_number
        and (person is None or person.number != row.number)
    )
