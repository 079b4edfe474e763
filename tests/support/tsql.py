"""Renders what Rollcall asks for SQL Server and reads it with a parser of T-SQL, without a server.

The parser forgives much, so what other databases have and SQL Server has not is looked for by name as well.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import sqlglot
from sqlalchemy import ClauseElement, Connection, Engine, TableClause, TextClause, event
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.visitors import iterate

from shared.database.tables import Base

# What one statement may have (Microsoft: "Maximum capacity specifications for SQL Server").
MOST_PARAMETERS = 2100
_FOREIGN = {
    "LIMIT": r"\bLIMIT\b",
    "ILIKE": r"\bILIKE\b",
    "RETURNING": r"\bRETURNING\b",
    "a boolean literal": r"\b(TRUE|FALSE)\b|\bIS (0|1)\b|(\bAND|\bWHERE|\bNOT) (0|1)\b(?!\s*=)",
    "||": r"\|\|",
    "FOR UPDATE": r"\bFOR UPDATE\b",
    "ON CONFLICT": r"\bON CONFLICT\b",
    "NULLS FIRST or LAST": r"\bNULLS (FIRST|LAST)\b",
    "SELECT EXISTS": r"\bSELECT EXISTS\b",
    "likelihood": r"\blikelihood\(",
    "a type of one code page": r"(?<![N\w])(VARCHAR|CHAR|TEXT)\b",
    "DATETIME, which rounds": r"\bDATETIME\b",
    "NTEXT or IMAGE, which are deprecated": r"\b(NTEXT|IMAGE)\b",
}
# Words of T-SQL that cannot be a name unless they are quoted; those of them that somebody might choose.
_RESERVED = frozenset(
    """add all alter and any as asc authorization backup begin between break browse bulk by cascade case check
    checkpoint close clustered coalesce collate column commit compute constraint contains continue convert create cross
    current cursor database deallocate declare default delete deny desc disk distinct distributed double drop dump else
    end errlvl escape except exec execute exists exit external fetch file fillfactor for foreign freetext from full
    function goto grant group having holdlock identity if in index inner insert intersect into is join key kill left
    like lineno load merge national nocheck nonclustered not null nullif of off offsets on open option or order outer
    over percent pivot plan precision primary print proc procedure public raiserror read readtext reconfigure references
    replication restore restrict return revert revoke right rollback rowcount rule save schema select set setuser
    shutdown some statistics table tablesample textsize then to top tran transaction trigger truncate union unique
    unpivot update use user values varying view waitfor when where while with""".split()
)


def dialect() -> MSDialect_pyodbc:
    """SQL Server 2016 as SQLAlchemy sees it once connected."""
    made: Any = MSDialect_pyodbc(deprecate_large_types=True, paramstyle="qmark")  # type: ignore[no-untyped-call]
    made.server_version_info = (13, 0)
    made._supports_offset_fetch = True
    return cast(MSDialect_pyodbc, made)


def rendered(element: ClauseElement, keys: Sequence[str] | None = None) -> str:
    """The statement in T-SQL; ``keys`` are the columns that are given values."""
    wanted = list(keys) if isinstance(element, UpdateBase) and keys else None
    options = {"render_postcompile": True}
    return str(element.compile(dialect=dialect(), column_keys=wanted, compile_kwargs=options))


def problems(sql: str) -> list[str]:
    """What SQL Server would refuse in the statement."""
    if sql.lower().startswith("declare"):
        # Alembic's own little program that finds the name of a default.
        return []
    bare = re.sub(r"\[[^\]]*\]|'(?:[^']|'')*'", "x", sql)
    found = [name for name, pattern in _FOREIGN.items() if re.search(pattern, bare, re.IGNORECASE)]
    if re.search(r"\bOFFSET\b", bare) and not re.search(r"\bORDER BY\b", bare):
        found.append("OFFSET without ORDER BY")
    found += [
        f"the reserved word {name} as a name"
        for name in re.findall(r"\.(\w+)", bare)
        if name.lower() in _RESERVED
    ]
    try:
        # Parameters of ODBC, which the parser of T-SQL does not know.
        for statement in sqlglot.parse(re.sub(r"\?", "@p", sql), dialect="tsql"):
            if isinstance(statement, sqlglot.exp.Command) and not sql.upper().startswith("EXEC"):
                found.append("the parser could not read it")
    except sqlglot.errors.SqlglotError as error:
        found.append(f"the parser says {str(error).splitlines()[0]}")
    return found


class Statements:
    """Every distinct statement that was executed, in T-SQL; those found good are read once only."""

    def __init__(self) -> None:
        self.good: dict[Any, str] = {}
        self.problems: list[str] = []

    def look_at(self, element: ClauseElement, given: Sequence[Mapping[str, Any]]) -> None:
        """Render and read one statement, unless its like was found good already."""
        if isinstance(element, TextClause | ExecutableDDLElement):
            return
        parameters = _parameters(given[0]) if given else 0
        key = element._generate_cache_key()
        known = (key.key if key is not None else str(element), tuple(given[0]) if given else ())
        if known in self.good and parameters <= MOST_PARAMETERS:
            return
        if not _is_ours(element):
            return
        sql = rendered(element, list(given[0]) if given else None)
        found = problems(sql)
        # Values may also stand in the statement itself, most of them in lists.
        parameters += sql.count("?")
        if parameters > MOST_PARAMETERS:
            found.append(f"{parameters} parameters")
        if not found:
            self.good[known] = sql
        self.problems += [f"{problem} in: {sql}" for problem in found]


@contextmanager
def listening(statements: Statements) -> Iterator[None]:
    """Look at everything that is executed on any engine within the block; fail at its end on what was found."""

    def _before(
        _connection: Connection,
        element: Any,
        several: Sequence[Mapping[str, Any]],
        one: Mapping[str, Any],
        _options: object,
    ) -> None:
        if isinstance(element, ClauseElement):
            statements.look_at(element, several or ([one] if one else []))

    statements.problems.clear()
    event.listen(Engine, "before_execute", _before)
    try:
        yield
    finally:
        event.remove(Engine, "before_execute", _before)
    assert statements.problems == [], "\n".join(statements.problems)


def _is_ours(element: ClauseElement) -> bool:
    """Whether it is about Rollcall's tables, rather than about what SQLAlchemy asks of a database's catalogue."""
    tables = [part for part in iterate(element) if isinstance(part, TableClause)]
    return all(table.name in Base.metadata.tables for table in tables)


def _parameters(given: Mapping[str, Any]) -> int:
    # An insert of many rows is cut to size by SQLAlchemy, so one row counts.
    return sum(len(value) if isinstance(value, list | tuple | set) else 1 for value in given.values())
