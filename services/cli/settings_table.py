"""All settings of a site as Markdown tables, made from their declarations: docs/settings.md."""

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from shared.settings.documents import SECTION_MODELS
from shared.settings.fields import Field, fields_of

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
            f"## {section.value}\n\n{' '.join((model.__doc__ or '').split())}\n",
            "| setting | in the console | default | meaning |\n|---|---|---|---|",
            *(row for field in fields_of(section).values() for row in _rows(field)),
            "",
        ]
    return "\n".join(parts)


def _rows(field: Field, prefix: str = "") -> Iterator[str]:
    label = f"{field.label} ({field.unit})" if field.unit else field.label
    meaning = field.help
    if field.choices:
        choices = "; ".join(f"`{value}`: {words}" for value, words in field.choices.items())
        meaning += f" Choices: {choices}."
    default = _default(field.default)
    if field.begins is not None:
        sites = "new sites without archiving" if field.unless_archiving else "new sites"
        default += f"; {sites} begin with `{_plain(field.begins)}`"
    cells = (f"`{prefix}{field.name}`", label, default, meaning.replace("|", "\\|"))
    yield f"| {' | '.join(cells)} |"
    if any(column.columns for column in field.columns):
        # Whole documents, each declared in a section of its own.
        return
    for column in field.columns:
        yield from _rows(column, f"{field.name}[].")


def _default(value: Any) -> str:
    if value is ...:
        return "required"
    return "" if isinstance(value, SecretStr) or value in (None, "", ()) else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
