"""Bindings know the directory that their person was last read from."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("bindings", sa.Column("directory", sa.Unicode(length=80), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("bindings") as table:
        table.drop_column("directory")
