"""Whether the extensions, departments and attributes that settings name exist, asked of the systems before the settings are saved.

Only what was changed is looked at, so that something that disappeared later keeps nobody from saving the rest; a run tells
of that by a finding. A system that cannot be asked keeps nobody from saving either.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.api.connections.use_cases import questions
from shared.errors import RollcallError
from shared.language import phrase
from shared.mapping.errors import MappingError
from shared.mapping.mapping import compile_mapping
from shared.settings.declaration import Input
from shared.settings.documents import Section
from shared.settings.fields import fields_of
from shared.settings.sections.directory import IS_NUMBER
from shared.values.digits import is_digits
from shared.values.text import folded
from shared.worker.context import Context

_SIMILAR = 3
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """``errors`` are sentences by the place of the setting; ``unasked`` says why a system could not be asked."""

    errors: Mapping[str, str] = field(default_factory=dict)
    unasked: str = ""


def check_existing(
    context: Context,
    site_id: str,
    section: Section,
    before: Values,
    after: Values,
    actor: str,
    directory: str = "",
) -> Checked:
    """Look up what ``after`` names and ``before`` did not; ``directory`` names one of the other directories.

    Where that leads to a new address, the audit first says that the ``actor`` had it asked.
    """
    errors: dict[str, str] = {}
    unasked: list[str] = []
    settings = context.site_settings(site_id).settings
    numbers = _changed(section, Input.EXTENSION, before, after)
    if numbers and settings.phone_system.base_url:
        try:
            errors |= _missing_extensions(numbers, questions.list_extensions(context, site_id))
        except RollcallError as error:
            unasked.append(error.message)
    departments = _changed(section, Input.DEPARTMENT, before, after)
    if departments and settings.phone_system.base_url:
        try:
            names = [item["name"] for item in questions.list_departments(context, site_id)]
            errors |= _missing_departments(departments, names)
        except RollcallError as error:
            unasked.append(error.message)
    attributes = _changed(section, Input.ATTRIBUTE, before, after)
    if attributes and (section is Section.DIRECTORY or settings.directory.servers):
        own = after if section is Section.DIRECTORY else None
        try:
            errors |= _missing_attributes(context, site_id, attributes, own, actor, directory)
        except RollcallError as error:
            unasked.append(error.message)
    return Checked(errors, " ".join(unasked))


def similar_extensions(number: str, known: Sequence[Mapping[str, str]]) -> list[str]:
    """The extensions whose numbers are most like this one, each with its name."""

    def _unlike(item: Mapping[str, str]) -> tuple[float, int]:
        ratio = difflib.SequenceMatcher(None, number, item["number"]).ratio()
        return -ratio, abs(int(item["number"]) - int(number))

    return [
        f"{item['number']} ({item['name']})" if item["name"] else item["number"]
        for item in sorted(filter(lambda item: is_digits(item["number"]), known), key=_unlike)[:_SIMILAR]
    ]


def _missing_extensions(
    numbers: Mapping[str, str], known: Sequence[Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    there = {item["number"] for item in known}
    for place, number in numbers.items():
        if number in there or not IS_NUMBER.fullmatch(number):
            continue
        near = similar_extensions(number, known)
        yield (
            place,
            phrase(
                "The phone system has no extension {number}. Similar: {similar}.",
                number=number,
                similar=", ".join(near),
            )
            if near
            else phrase("The phone system has no extension {number}.", number=number),
        )


def _missing_departments(wanted: Mapping[str, str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    there = {folded(name) for name in known}
    for place, name in wanted.items():
        if folded(name) in there:
            continue
        near = sorted(
            known, key=lambda other: -difflib.SequenceMatcher(None, folded(name), folded(other)).ratio()
        )
        yield (
            place,
            phrase(
                "The phone system has no department {name}. Similar: {similar}.",
                name=name,
                similar=", ".join(near[:_SIMILAR]),
            )
            if near
            else phrase("The phone system has no department {name}.", name=name),
        )


def _missing_attributes(
    context: Context,
    site_id: str,
    sources: Mapping[str, str],
    values: Values | None,
    actor: str,
    directory: str,
) -> Iterator[tuple[str, str]]:
    named = {place: _attributes_in(text) for place, text in sources.items()}
    wanted = list(dict.fromkeys(name for names in named.values() for name in names))
    if not wanted:
        return
    unknown = questions.unknown_attributes(context, site_id, wanted, values, actor, directory)
    for place, names in named.items():
        if problems := [unknown[name] for name in names if name in unknown]:
            yield place, " ".join(problems)


def _attributes_in(text: str) -> Sequence[str]:
    try:
        return tuple(compile_mapping(text).attributes)
    except MappingError:
        # Saving says what is wrong with it.
        return ()


def _changed(section: Section, kind: Input, before: Values, after: Values) -> dict[str, str]:
    """The texts of these fields that are new, by place."""
    earlier = {text for _, text in _texts(section, kind, before)}
    return {place: text for place, text in _texts(section, kind, after) if text not in earlier}


def _texts(section: Section, kind: Input, values: Values) -> Iterator[tuple[str, str]]:
    for name, known in fields_of(section).items():
        found: Any = values
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if known.input is kind and found:
            yield name, str(found).strip()
        for index, row in enumerate(found or ()) if known.columns else ():
            for column in known.columns:
                if column.input is kind and row.get(column.name):
                    yield f"{name}.{index}.{column.name}", str(row[column.name]).strip()
