"""Alembic's entry: runs on the connection that ``shared.database.migrate`` hands over, never on one of its own."""

from alembic import context

from shared.database.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
context.run_migrations()
