"""How many rows a statement has changed: what a conditional UPDATE tells whether it was the one."""

from typing import Any, cast

from sqlalchemy import CursorResult, Result


def rows_of(result: Result[Any]) -> int:
    """The rows that an INSERT, UPDATE or DELETE has changed; SQLAlchemy's types know it of no statement."""
    return cast(CursorResult[Any], result).rowcount
