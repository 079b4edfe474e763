"""A run whose changes a person lets be executed in a blackout window."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0033"
down_revision: str | None = "0032"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("runs", sa.Column("ignores_blackout", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("runs") as batch:
        batch.drop_column("ignores_blackout")
