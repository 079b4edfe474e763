"""Every setting as a field that can be shown: what forms, messages and docs/settings.md are made from.

A field's name is its place in the section's document, with dots: ``attributes.number``. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from shared.domain.choice import Choice
from shared.language import declared, phrase
from shared.settings.declaration import Group, Input, Shown
from shared.settings.documents import SECTION_MODELS, Section
from shared.values.digits import whole_number

Kind = Literal["text", "number", "check", "choice", "lines", "choices", "secret", "rows"]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. ``choices`` are labels by value, of which ``choice`` has one; ``rows`` have ``columns``; ``default`` is ``...`` if required."""

    name: str
    kind: Kind
    label: str
    help: str
    default: Any
    unit: str = ""
    group: Group | None = None
    input: Input = Input.LINE
    is_optional: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    columns: tuple["Field", ...] = ()
    begins: Any = None
    unless_archiving: bool = False


@cache
def fields_of(section: Section) -> Mapping[str, Field]:
    """Every field of the section by name, in the order of the document."""
    return MappingProxyType({field.name: field for field in _fields(SECTION_MODELS[section], "")})


@cache
def beginning() -> Mapping[str, Mapping[str, Any]]:
    """What a new site has in place of defaults until it is saved: JSON values by section and setting."""
    found: dict[str, Mapping[str, Any]] = {}
    for section in Section:
        values = {
            field.name: field.begins for field in fields_of(section).values() if field.begins is not None
        }
        if values:
            document = SECTION_MODELS[section].model_validate(values).model_dump(mode="json")
            found[section.value] = {name: document[name] for name in values}
    return MappingProxyType(found)


def label_of(section: Section, place: str) -> str:
    """What the field at a place of the document is called: “Host”, or “row 2, Filter text” for a cell of a list."""
    known = fields_of(section)
    if place in known:
        return known[place].label
    name, _, inside = place.partition(".")
    if name not in known:
        return place
    index, _, column = inside.partition(".")
    if (at := whole_number(index, 6)) is None:
        return known[name].label
    if not known[name].columns:
        return phrase("{label}, line {row}", label=known[name].label, row=at + 1)
    cell = next((cell.label for cell in known[name].columns if cell.name == column), column)
    return phrase("row {row}, {cell}", row=at + 1, cell=cell) if cell else phrase("row {row}", row=at + 1)


def _fields(model: type[BaseModel], prefix: str) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _fields(info.annotation, f"{prefix}{name}.")
        else:
            yield _field(f"{prefix}{name}", info)


def _field(name: str, info: FieldInfo) -> Field:
    kind, marks = _bare(info.annotation)
    marks += tuple(info.metadata)
    shown = info.json_schema_extra
    assert isinstance(shown, Shown), f"{name} is not declared with setting()"
    choices: Mapping[str, str] = {}
    columns: tuple[Field, ...] = ()
    how: Kind = "text"
    if kind is bool:
        how = "check"
    elif kind in (int, float):
        how = "number"
    elif kind is SecretStr:
        how = "secret"
    elif isinstance(kind, type) and issubclass(kind, Choice):
        how, choices = "choice", {choice.value: declared(choice.label) for choice in kind}
    elif get_origin(kind) is tuple:
        item, item_marks = _bare(get_args(kind)[0])
        how, marks = "lines", marks + item_marks
        if isinstance(item, type) and issubclass(item, BaseModel):
            how, columns = "rows", tuple(_fields(item, ""))
        elif isinstance(item, type) and issubclass(item, Choice):
            how, choices = "choices", {choice.value: declared(choice.label) for choice in item}
    return Field(
        name,
        how,
        declared(shown.label),
        declared(info.description or ""),
        ... if info.is_required() else info.default,
        declared(shown.unit),
        shown.group,
        next((mark for mark in marks if isinstance(mark, Input)), Input.LINE),
        type(None) in get_args(info.annotation),
        choices,
        columns,
        shown.begins,
        shown.unless_archiving,
    )


def _bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type itself, and what it is annotated with; that it may be ``None`` is left away."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        return kind, tuple(marks)
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return annotation, ()
