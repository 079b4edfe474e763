"""What tests do to the tables themselves, on any database."""

from sqlalchemy import select, text

from shared.database.engine import Database
from shared.database.tables import Base


def rename_table(database: Database, name: str, new_name: str) -> None:
    """Take a table away, or bring it back."""
    with database.begin() as session:
        if session.get_bind().dialect.name == "mssql":
            session.execute(text("EXEC sp_rename :name, :new_name"), {"name": name, "new_name": new_name})
        else:
            session.execute(text(f"ALTER TABLE {name} RENAME TO {new_name}"))


def everything_in(database: Database) -> str:
    """All that the database holds, as text."""
    with database.read() as session:
        rows = [row for table in Base.metadata.sorted_tables for row in session.execute(select(table))]
    return "\n".join(map(repr, rows))
