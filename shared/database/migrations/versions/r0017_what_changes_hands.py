"""What a renumbering takes off the former extension is kept until the new one has it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("owed_steps", sa.Column("taken", sa.UnicodeText(), nullable=True))


def downgrade() -> None:
    """Undo. What an older version would take for an unfinished creation is asked for again."""
    op.execute("DELETE FROM owed_steps WHERE owes = 'template'")
    with op.batch_alter_table("owed_steps") as table:
        table.drop_column("taken")
