"""Reading a form of settings into a document, whatever its fields are.

A field's name is its place in the document, with dots: ``attributes.number``, ``units.0.dn``.
"""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from services.api.console.request import text_of
from shared.settings.fields import Field
from shared.values.digits import whole_number

Values = dict[str, Any]
# A form has as many rows of a list as it says; more than this nobody has typed.
_MOST_ROWS = 1000


def read_form(form: FormData, fields: Mapping[str, Field], into: Values) -> Values:
    """A copy of the document ``into`` with what the form says of these fields; rows stay even when empty."""
    values = _copy(into)
    for name, field in fields.items():
        read = _read(form, name, field)
        # A secret that is not typed stays what it is: stored or not.
        if field.kind != "secret" or read is not None:
            put(values, name, read)
    return values


def without_empty_rows(values: Values, fields: Mapping[str, Field]) -> Values:
    """The document without the rows of lists that nobody filled in."""
    kept = _copy(values)
    for name, field in fields.items():
        if field.kind == "rows":
            texts = [column.name for column in field.columns if column.kind != "choice"]
            rows = [row for row in value_at(values, name) or () if any(row.get(text) for text in texts)]
            put(kept, name, rows)
    return kept


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """The value at a place, ``None`` where there is none."""
    found: Any = values
    for part in name.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif (
            isinstance(found, list | tuple) and (at := whole_number(part, 6)) is not None and at < len(found)
        ):
            found = found[at]
        else:
            return None
    return found


def change_rows(values: Values, field: Field, action: str, index: int = 0) -> Values:
    """The document with a row of a list added, removed, or moved up or down."""
    changed = _copy(values)
    rows = [dict(row) for row in value_at(values, field.name) or ()]
    match action:
        case "add":
            rows.append({column.name: next(iter(column.choices), None) for column in field.columns})
        case "remove" if index < len(rows):
            del rows[index]
        case "up" if 0 < index < len(rows):
            rows[index - 1], rows[index] = rows[index], rows[index - 1]
        case "down" if index + 1 < len(rows):
            rows[index], rows[index + 1] = rows[index + 1], rows[index]
    put(changed, field.name, rows)
    return changed


def _read(form: FormData, place: str, field: Field) -> Any:
    match field.kind:
        case "check":
            return bool(text_of(form, place))
        case "lines":
            texts = [text for text in form.getlist(place) if isinstance(text, str)]
            return [line.strip() for text in texts for line in text.splitlines() if line.strip()]
        case "choices":
            return [value for value in field.choices if value in form.getlist(place)]
        case "secret":
            # An empty text clears what is stored.
            return "" if text_of(form, f"{place}.clear") else text_of(form, place) or None
        case "rows":
            count = min(whole_number(text_of(form, f"{place}.rows"), 8) or 0, _MOST_ROWS)
            return [
                {
                    column.name: _read(form, f"{place}.{index}.{column.name}", column)
                    for column in field.columns
                }
                for index in range(count)
            ]
    text = text_of(form, place).strip()
    return None if field.is_optional and not text else text


def put(values: Values, name: str, value: Any) -> None:
    """Set the value at a place of the document."""
    *parents, last = name.split(".")
    target = values
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value


def _copy(values: Mapping[str, Any]) -> Values:
    # Lists are replaced as a whole, so that only the documents themselves must be copied.
    return {name: _copy(value) if isinstance(value, Mapping) else value for name, value in values.items()}
