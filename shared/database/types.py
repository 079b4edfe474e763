"""Column types that mean the same on SQLite, PostgreSQL and SQL Server. Used by the tables and by the migrations."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, TypeDecorator, Unicode, UnicodeText
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeEngine

# PostgreSQL refuses this character in a text, whoever sent it; the others would keep it.
_NUL, _REPLACEMENT = "\0", "\ufffd"
# SQL Server's DATETIME keeps thirds of hundredths only, and the audit's hash covers every microsecond.
MOMENT = DateTime().with_variant(mssql.DATETIME2(6), "mssql")  # type: ignore[no-untyped-call]


def storable(text: str) -> str:
    """The text without what one of the databases cannot hold, so that all of them hold and find the same."""
    return text.replace(_NUL, _REPLACEMENT)


def _fitted(text: str, units: int) -> str:
    """As much of it as NVARCHAR of this length takes, which counts in UTF-16: an emoji is two of them."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    if len(encoded) <= 2 * units:
        return text
    return encoded[: 2 * units].decode("utf-16-le", "ignore")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes in Python, naive UTC in every database."""

    impl = MOMENT
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values: nobody could tell which zone they were meant in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware value."""
        return None if value is None else value.replace(tzinfo=UTC)


class Line(TypeDecorator[str]):
    """A text of limited length, of any language: NVARCHAR on SQL Server, whose VARCHAR would keep one code page."""

    impl: TypeEngine[str] | type[TypeEngine[str]] = Unicode
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what one of the databases cannot hold, so that all of them hold the same."""
        if value is None:
            return None
        kept = storable(value)
        length = getattr(self.impl_instance, "length", None)
        return _fitted(kept, length) if length and dialect.name == "mssql" else kept


class Prose(Line):
    """A text of any length."""

    impl = UnicodeText
    cache_ok = True
