"""Sentences in tables: beside a column of text is one with its template and parameters, for readers of other languages.

The text itself stays English: for the API, for searches, and for releases that know nothing else.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import JSON, event
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from shared.language import read_back, stored

_BESIDE = "_sentence"


def beside() -> Mapped[dict[str, Any] | None]:
    """The column beside a text: called like it, with ``_sentence``. NULL: there is the English alone."""
    return mapped_column(JSON(none_as_null=True))


class HasSentences:
    """A table with sentences. Whoever loads a row reads each of them as the sentence that was stored."""


@cache
def _texts(table: Any) -> tuple[str, ...]:
    names: list[str] = table.__table__.columns.keys()
    return tuple(name.removesuffix(_BESIDE) for name in names if name.endswith(_BESIDE))


def with_sentences(table: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for an INSERT or UPDATE, with those of the columns beside the texts among them."""
    given = dict(values)
    for name in _texts(table):
        if name in given:
            text = given[name]
            given[name + _BESIDE] = stored(text) if isinstance(text, str) else None
            given[name] = str(text) if isinstance(text, str) else text
    return given


@event.listens_for(HasSentences, "load", propagate=True)
@event.listens_for(HasSentences, "refresh", propagate=True)
def _read_back(row: Any, *_context: object) -> None:
    known = row.__dict__
    table: Any = type(row)
    for name in _texts(table):
        text = known.get(name)
        if text:
            set_committed_value(row, name, read_back(text, known.get(name + _BESIDE)))
