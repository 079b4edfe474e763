"""Settings of 3CX Active Directory Sync, typed into a form, as settings of Rollcall. Pure.

The form is a CSV file with a line for each field of its screens. What a field means here is declared once, in ``FIELDS``.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import SettingsInvalid
from shared.language import declared, phrase

_HEAD = ("screen", "field", "value", "example")
_YES = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}
# Those of the form; more is no such form.
_MOST_LINES = 1000

Sections = dict[str, dict[str, Any]]
"""The settings of a site by section, as ``settings.export_settings`` has them."""


class _Refused(Exception):
    """A value that cannot be one of its field."""


@dataclass(slots=True)
class _Filling:
    """The settings as far as the form was read, and the unit that it named last."""

    sections: Sections
    unit: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form: where it is there, an example, and what its value does to the settings."""

    screen: str
    name: str
    example: str
    take: Callable[[_Filling, str], None]
    may_repeat: bool = False


def form() -> str:
    """The empty form."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    writer.writerows((field.screen, field.name, "", field.example) for field in FIELDS)
    return text.getvalue()


def imported(text: str, current: Mapping[str, Any]) -> Sections:
    """The sections that a filled form changes, whole; what it leaves empty is as in ``current``.

    :raises SettingsInvalid: it is not such a form, or says what cannot be; names every line that is wrong.
    """
    filling = _Filling({name: _copied(values) for name, values in current.items()})
    known = {(field.screen.casefold(), field.name.casefold()): field for field in FIELDS}
    problems: list[str] = []
    taken: set[str] = set()
    for number, row in _rows(text):
        cells = [cell.strip() for cell in (*row, "", "", "")[:3]]
        field = known.get((cells[0].casefold(), cells[1].casefold()))
        if field is None:
            problems.append(
                phrase(
                    "Line {number}: there is no field '{field}' on a screen '{screen}'.",
                    number=number,
                    field=cells[1][:60],
                    screen=cells[0][:60],
                )
            )
        elif cells[2] and field.name in taken and not field.may_repeat:
            problems.append(phrase("Line {number}: {field} is given twice.", number=number, field=field.name))
        elif cells[2]:
            taken.add(field.name)
            try:
                field.take(filling, cells[2])
            except _Refused as refused:
                problems.append(
                    phrase("Line {number}, {field}: {why}", number=number, field=field.name, why=str(refused))
                )
    if problems:
        raise SettingsInvalid(" ".join([*problems, declared("Nothing was saved.")]))
    return {name: values for name, values in filling.sections.items() if values != current[name]}


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], path: str = ""
) -> list[tuple[str, Any, Any]]:
    """Every setting that differs: its name, its value before and after."""
    found: list[tuple[str, Any, Any]] = []
    for name, value in after.items():
        place = f"{path}.{name}" if path else name
        if isinstance(value, Mapping) and isinstance(before.get(name), Mapping):
            found += differences(before[name], value, place)
        elif before.get(name) != value:
            found.append((place, before.get(name), value))
    return found


def _rows(text: str) -> list[tuple[int, list[str]]]:
    # Spreadsheets write a mark at the beginning, and a semicolon where the comma is for decimals.
    text = text.removeprefix("\ufeff")
    delimiter = ";" if text.partition("\n")[0].count(";") > 1 else ","
    try:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        rows, line = [], 1
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((line, row))
            # A cell may hold line ends: the next row begins after what was read.
            line = reader.line_num + 1
    except csv.Error as error:
        raise SettingsInvalid(
            phrase("This is not a CSV file ({error}). Nothing was saved.", error=str(error))
        ) from error
    head = [cell.strip().casefold() for cell in rows[0][1]] if rows else []
    if head[:3] != list(_HEAD[:3]) or len(rows) > _MOST_LINES:
        raise SettingsInvalid(
            phrase(
                "The first line must name the columns screen, field, value. `rollcall import-settings --form` prints a form "
                "to start from. Nothing was saved."
            )
        )
    return rows[1:]


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _text(section: str, *path: str, convert: Callable[[str], Any] = str) -> Callable[[_Filling, str], None]:
    def _take(filling: _Filling, value: str) -> None:
        place = filling.sections[section]
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = convert(value)

    return _take


def _yes(value: str) -> bool:
    if value.casefold() not in _YES:
        raise _Refused(declared("enter yes or no."))
    return _YES[value.casefold()]


def _whole(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        raise _Refused(declared("enter a whole number."))
    return int(value)


def _one_of(choices: Mapping[str, Any]) -> Callable[[str], Any]:
    def _convert(value: str) -> Any:
        if value.casefold() not in choices:
            raise _Refused(phrase("enter one of {choices}.", choices=", ".join(choices)))
        return choices[value.casefold()]

    return _convert


def _unit(filling: _Filling, value: str) -> None:
    units = filling.sections["directory"]["units"]
    filling.unit = next((unit for unit in units if _plain(unit["dn"]) == _plain(value)), None)
    if filling.unit is None:
        filling.unit = {"dn": value}
        units.append(filling.unit)


def _plain(name: str) -> str:
    """A distinguished name without what makes no difference: case, and blanks beside ``,`` and ``=``."""
    return re.sub(r"\s*((?<!\\)[,=])\s*", r"\1", name).casefold()


def _template(filling: _Filling, value: str) -> None:
    if filling.unit is None:
        raise _Refused(declared("it must follow the line of its organizational unit."))
    filling.unit["template_extension"] = value


def _exclusion(filling: _Filling, value: str) -> None:
    rule = {"kind": "contains", "value": value}
    if rule not in filling.sections["rules"]["exclusions"]:
        filling.sections["rules"]["exclusions"].append(rule)


def _archive(filling: _Filling, value: str) -> None:
    filling.sections["archive"] |= {"is_enabled": True, "extension": value}


_AD, _OPTIONS, _TIMES, _SITE = "Active Directory", "Settings", "Extension Update Schedule", "Site Settings"

FIELDS = (
    Field(_AD, "Domain", "corp.example", _text("directory", "servers", convert=lambda value: [value])),
    Field(_AD, "Username", "svc-rollcall@corp.example", _text("directory", "user")),
    Field(_AD, "AD Phone Field", "telephoneNumber", _text("directory", "attributes", "number")),
    Field(_AD, "Archive Extension", "999", _archive),
    Field(_AD, "Voicemails", "yes or no", _text("archive", "voicemails", convert=_yes)),
    Field(_AD, "Recordings", "yes or no", _text("archive", "recordings", convert=_yes)),
    Field(_AD, "Organizational Unit", "OU=Sales,DC=corp,DC=example; repeat both lines for each unit", _unit, True),
    Field(_AD, "Template Extension", "900; of the unit above", _template, True),
    Field("Exclude Extensions", "Filter Text", "Lobby; repeat the line for each text", _exclusion, True),
    Field(
        _OPTIONS, "Disable/Delete Extension", "delete or disable",
        _text("rules", "when_deleted", convert=_one_of({"delete": "delete", "disable": "disable"})),
    ),
    Field(_OPTIONS, "Add Missing Extensions", "yes or no", _text("rules", "add_missing", convert=_yes)),
    Field(_OPTIONS, "Add Extensions to 3CX Groups", "yes or no", _text("rules", "add_to_departments", convert=_yes)),
    Field(_OPTIONS, "AD Group Field", "department", _text("directory", "attributes", "department")),
    Field(_OPTIONS, "Create Missing Group", "yes or no", _text("rules", "create_missing_departments", convert=_yes)),
    Field(
        _TIMES, "Schedule Type", "frequency or time of day",
        _text("schedule", "mode", convert=_one_of({"frequency": "every", "time of day": "times"})),
    ),
    Field(_TIMES, "Minutes", "15", _text("schedule", "every_minutes", convert=_whole)),
    Field(_TIMES, "Time Of Day", "02:00", _text("schedule", "times", convert=lambda value: [value])),
    Field(_SITE, "Header Title", "Example Ltd", _text("branding", "title_prefix")),
    Field(_SITE, "Top Color", "#1d2b45", _text("branding", "header_top")),
    Field(_SITE, "Bottom Color", "#16213a", _text("branding", "header_bottom")),
    Field(_SITE, "Grid Color", "#f8fafc", _text("branding", "grid")),
    Field("3CX", "Address", "https://pbx.example.com:5001", _text("phone_system", "base_url")),
    Field("3CX", "Client ID", "rollcall", _text("phone_system", "client_id")),
)  # fmt: skip
"""In the order of the screens. The last two are new: Rollcall uses the API of 3CX."""
