"""The little of OData that the client writes: filters with quoted texts, and what may be written back."""

from collections.abc import Iterable
from typing import Any


def quoted(text: str) -> str:
    """A string literal; quotes inside are doubled (OData 4.01 URL conventions, 5.1.1.6)."""
    return "'" + text.replace("'", "''") + "'"


def any_of(field: str, literals: Iterable[str]) -> str:
    """A filter that is true for each of the literals; real systems know ``or`` but not ``in``."""
    return " or ".join(f"{field} eq {literal}" for literal in literals)


def without_annotations(value: Any) -> Any:
    """A value read from 3CX as it may be written back: no ``@odata.*`` at any depth."""
    if isinstance(value, dict):
        return {
            name: without_annotations(item) for name, item in value.items() if not name.startswith("@odata.")
        }
    if isinstance(value, list):
        return [without_annotations(item) for item in value]
    return value
