"""Looking for a text within a text, alike on every database.

Not LIKE: its wildcards differ (SQL Server has ``[`` too), and so does what its case means.
"""

from typing import Any

from sqlalchemy import ColumnElement, Integer, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from shared.database.types import storable


class _Position(GenericFunction[int]):
    """Where the second text begins within the first, counted from 1; 0 when it is not there."""

    type = Integer()
    inherit_cache = True
    name = "rollcall_position"


@compiles(_Position)
def _instr(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "postgresql")
def _strpos(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(_Position, "mssql")
def _charindex(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    within, wanted = (compiler.process(clause, **options) for clause in element.clauses)
    return f"charindex({wanted}, {within})"


def holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether the column's text holds this one, in whatever case either is written."""
    return _Position(func.lower(column), func.lower(storable(text))) > 0


def holds_folded(column: Any, text: str) -> ColumnElement[bool]:
    """Whether the column's text, which is folded as this one is, holds it."""
    return _Position(column, storable(text)) > 0
