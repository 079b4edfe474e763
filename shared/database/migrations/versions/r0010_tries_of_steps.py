"""Tries are counted for each owed step, and a removal that was begun is kept until it is done."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("owed_steps") as batch_op:
        batch_op.add_column(sa.Column("tries", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Undo. What an older version does not know is planned again from what the two ends show."""
    op.execute("DELETE FROM owed_steps WHERE owes IN ('disabling', 'removal', 'take_over')")
    with op.batch_alter_table("owed_steps") as batch_op:
        batch_op.drop_column("tries")
