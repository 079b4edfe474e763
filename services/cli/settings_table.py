"""All settings of a site as Markdown tables, made from the models that validate them: docs/settings.md."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from shared.settings.documents import SECTION_MODELS

_HEAD = """\
# Settings of a site

Made by `rollcall settings describe`; a test keeps this page equal to it. Settings are YAML on the command line
(`rollcall settings export` and `apply`) and JSON in the API. Each section is a document with its own versions: a section
that is saved is replaced as a whole, validated before anything is written, and refused as a whole when a value is wrong.
Secrets can be written and never read. Unknown names are refused.
"""


def describe() -> str:
    """The whole page."""
    parts = [_HEAD]
    for section, model in SECTION_MODELS.items():
        parts += [
            f"## {section.value}\n\n{model.__doc__}\n",
            "| setting | default | meaning |\n|---|---|---|",
            *(f"| `{name}` | {default} | {meaning} |" for name, default, meaning in _rows(model, "")),
            "",
        ]
    return "\n".join(parts)


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        inner = _inner(field)
        if inner is None:
            yield prefix + name, _default(field), _meaning(field)
        elif isinstance(field.default, BaseModel):
            yield from _rows(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, _default(field), _meaning(field)
            yield from _rows(inner, f"{prefix}{name}[].")


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a setting that is one, or a list of them."""
    kinds = (
        [field.annotation, *get_args(field.annotation)]
        if get_origin(field.annotation)
        else [field.annotation]
    )
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, SecretStr) or value in (None, "", ()):
        return ""
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value if isinstance(value, Enum) else value)


def _meaning(field: FieldInfo) -> str:
    kind = field.annotation
    said = field.description or ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        said += f" One of {', '.join(f'`{member.value}`' for member in kind)}."
    return said.strip().replace("|", "\\|")
