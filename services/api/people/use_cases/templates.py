"""How extensions differ from the template of their unit, and a person's word to write its settings again.

Called by the API, the console and the CLI. Nothing is written here: what was asked for is owed to the extension, and the
next run does it like everything else, proven, logged, and finished when it is interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from services.api.runs.queries.people import newest_snapshot
from shared.database import events, owed
from shared.database.pages import read_items
from shared.database.tables import BindingRow, OwedSteps, Run
from shared.domain.owed import AGAIN, MEMBERSHIPS
from shared.domain.person import Person
from shared.domain.rules import UnitRule
from shared.errors import Conflict, NotFound
from shared.language import declared, phrase
from shared.worker.context import Context
from shared.worker.questions import ask

# As many as 3CX is asked for while somebody waits.
MOST = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting: what the template gives, and what the extension has instead."""

    field: str
    label: str
    template: str
    extension: str


@dataclass(frozen=True, slots=True)
class Compared:
    """An extension whose unit has a template. No differences: it is as the template."""

    number: str
    name: str
    unit: str
    template: str
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the extensions; ``total`` is how many there are."""

    items: tuple[Compared, ...]
    total: int


def compare(context: Context, site_id: str, unit: str = "", offset: int = 0, limit: int = MOST) -> Page:
    """Compare extensions of one unit, or of all, with their templates, as 3CX has them now; by number.

    :raises NotFound: there is no such site or unit with a template, or people have not been read yet.
    :raises RollcallError: 3CX cannot be asked.
    """
    known = _modelled(context, site_id, unit)
    chosen = known[offset : offset + min(limit, MOST)]
    if not chosen:
        return Page((), len(known))
    answer = ask(
        context,
        "relay_client.compare_with_template",
        {"site_id": site_id, "pairs": [[item.number, item.template] for item in chosen]},
    )
    found = {row["number"]: tuple(Difference(**each) for each in row["differences"]) for row in answer}
    items = (
        Compared(item.number, item.name, item.unit, item.template, found[item.number])
        for item in chosen
        if item.number in found
    )
    return Page(tuple(items), len(known))


def write_again(context: Context, site_id: str, numbers: Sequence[str], actor: str) -> list[str]:
    """Owe these extensions the settings of their template once more: all of them, or none. The next run writes them.

    :raises NotFound: nobody of a unit with a template has one of them.
    :raises Conflict: something is owed to one of them already.
    """
    wanted = list(dict.fromkeys(number.strip()[:20] for number in numbers))
    known = {item.number: item for item in _modelled(context, site_id)}
    for number in wanted:
        if number not in known:
            raise NotFound(
                phrase("No unit with a template has extension {number}. Nothing was changed.", number=number)
            )
    rules = {rule.distinguished_name: rule for rule in _rules(context, site_id)}
    with context.database.begin() as session:
        mine = BindingRow.site_id == site_id, BindingRow.number.in_(wanted), BindingRow.extension_id > 0
        people = session.scalars(select(BindingRow).where(*mine)).all()
        unfinished = session.scalar(
            select(func.min(OwedSteps.number)).where(
                OwedSteps.site_id == site_id, OwedSteps.number.in_(wanted)
            )
        )
        if unfinished is not None:
            raise Conflict(
                phrase(
                    "Extension {unfinished} has unfinished steps. Wait for the next run, or drop them (rollcall "
                    "owed). Nothing was changed.",
                    unfinished=unfinished,
                )
            )
        newest = session.scalar(select(func.max(Run.id)).where(Run.site_id == site_id)) or 0
        after = {number: _after(known[number], rules.get(known[number].unit)) for number in wanted}
        owed.ask_for_template(session, site_id, newest, people, after)
        for row in people:
            source = known[row.number].template
            message = phrase(
                "The next run writes the settings of template {template} again to extension {number} ({person_name}).",
                template=source,
                number=row.number,
                person_name=row.person_name,
            )
            entry = events.LogEntry(
                "template.asked_for", message, actor=actor, number=row.number, person_guid=row.person_guid
            )
            details = {"number": row.number, "person": row.person_guid, "template": source}
            events.record_audited(session, site_id, entry, details)
    return wanted


def units_with_template(context: Context, site_id: str) -> list[str]:
    """The distinguished names of the units that have a template, in order.

    :raises NotFound: there is no such site.
    """
    return [rule.distinguished_name for rule in _rules(context, site_id) if rule.template_number]


def _after(item: Compared, rule: UnitRule | None) -> dict[str, Any]:
    joins = {MEMBERSHIPS: True} if rule is not None and rule.template_memberships else {}
    return {"template": item.template, AGAIN: True, **joins}


def _rules(context: Context, site_id: str) -> tuple[UnitRule, ...]:
    return context.site_settings(site_id).settings.to_rules().units


def _modelled(context: Context, site_id: str, unit: str = "") -> list[Compared]:
    """Everybody with an extension whose unit, or whom the mapping, names a template; as last read."""
    templates = {rule.distinguished_name.casefold(): rule for rule in _rules(context, site_id)}
    if unit and unit.casefold() not in templates:
        raise NotFound(phrase("There is no unit '{unit}' in the settings.", unit=unit[:200]))
    snapshot = newest_snapshot(context, site_id)
    if snapshot is None:
        raise NotFound(declared("The directory has not been read yet. Start a run or a preview first."))
    with context.database.read() as session:
        rows = session.scalars(
            select(BindingRow).where(BindingRow.site_id == site_id, BindingRow.extension_id > 0)
        )
        bound = {row.person_guid: row.number for row in rows}
    found: dict[str, Compared] = {}
    try:
        for part in snapshot[1]:
            for person in read_items(context.database, part.id, Person):
                rule = templates.get(person.unit.casefold())
                source = person.template or (rule.template_number if rule else None)
                number = bound.get(person.guid)
                if not source or number is None or number == source:
                    continue
                if not unit or person.unit.casefold() == unit.casefold():
                    place = rule.distinguished_name if rule else person.unit
                    found.setdefault(person.guid, Compared(number, person.name, place, source))
    except LookupError as error:
        raise NotFound(
            declared("The last reading is no longer stored. Start a run or a preview first.")
        ) from error
    return sorted(found.values(), key=lambda item: (len(item.number), item.number))
