"""A settings document as fields of a form, made from its model: a new setting appears by itself.

A field's name is its place in the document, with dots: ``attributes.number``, ``units.0.dn``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from starlette.datastructures import FormData

from services.api.console.visit import text_of
from shared.settings.documents import SECTION_MODELS, Section

Values = dict[str, Any]
# A form has as many rows of a list as it says; more than this nobody has typed.
_MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. ``kind``: text, number, check, choice, lines, secret, or rows with ``columns`` of their own."""

    name: str
    kind: str
    help: str
    is_optional: bool = False
    choices: tuple[str, ...] = ()
    columns: tuple["Field", ...] = ()


@cache
def fields_of(section: Section) -> Mapping[str, Field]:
    """Every field of the section by name, in the order of the document."""
    return MappingProxyType({field.name: field for field in _fields(SECTION_MODELS[section], "")})


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
        elif isinstance(found, list | tuple) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def change_rows(values: Values, field: Field, action: str, index: int = 0) -> Values:
    """The document with a row of a list added, removed, or moved up or down."""
    changed = _copy(values)
    rows = [dict(row) for row in value_at(values, field.name) or ()]
    match action:
        case "add":
            rows.append(
                {column.name: column.choices[0] if column.choices else None for column in field.columns}
            )
        case "remove" if index < len(rows):
            del rows[index]
        case "up" if 0 < index < len(rows):
            rows[index - 1], rows[index] = rows[index], rows[index - 1]
        case "down" if index + 1 < len(rows):
            rows[index], rows[index + 1] = rows[index + 1], rows[index]
    put(changed, field.name, rows)
    return changed


def _fields(model: type[BaseModel], prefix: str) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        place = f"{prefix}{name}"
        kind, is_optional = _bare(info.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{place}.")
        else:
            yield _field(place, kind, is_optional, info)


def _field(name: str, kind: Any, is_optional: bool, info: FieldInfo) -> Field:
    said = info.description or ""
    if kind is bool:
        return Field(name, "check", said)
    if kind in (int, float):
        return Field(name, "number", said, is_optional)
    if kind is SecretStr:
        return Field(name, "secret", said)
    if get_origin(kind) is Literal:
        return Field(name, "choice", said, choices=tuple(map(str, get_args(kind))))
    if get_origin(kind) is tuple:
        item, _ = _bare(get_args(kind)[0])
        if isinstance(item, type) and issubclass(item, BaseModel):
            return Field(name, "rows", said, columns=tuple(_fields(item, "")))
        return Field(name, "lines", said)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Field(name, "choice", said, choices=tuple(str(item.value) for item in kind))
    return Field(name, "text", said, is_optional)


def _bare(annotation: Any) -> tuple[Any, bool]:
    """The type without its constraints, and whether it may be ``None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _bare(kinds[0])[0], len(kinds) < len(get_args(annotation))
    return annotation, False


def _read(form: FormData, place: str, field: Field) -> Any:
    match field.kind:
        case "check":
            return bool(text_of(form, place))
        case "lines":
            return [line.strip() for line in text_of(form, place).splitlines() if line.strip()]
        case "secret":
            # An empty text clears what is stored.
            return "" if text_of(form, f"{place}.clear") else text_of(form, place) or None
        case "rows":
            said = text_of(form, f"{place}.rows")
            count = min(int(said), _MOST_ROWS) if said.isascii() and said.isdecimal() and len(said) < 9 else 0
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
