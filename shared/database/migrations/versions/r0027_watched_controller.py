"""Which very controller is watched, what it may have told of, and which full run reads what was noticed before it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("watches", sa.Column("host", sa.Unicode(length=45), nullable=True))
    op.add_column("watches", sa.Column("usn_after", sa.BigInteger(), nullable=True))
    op.add_column("watches", sa.Column("needed_usn", sa.BigInteger(), nullable=True))
    op.add_column("watches", sa.Column("full_run_id", sa.Integer(), nullable=True))
    op.add_column("changes", sa.Column("full_run_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("changes") as batch:
        batch.drop_column("full_run_id")
    with op.batch_alter_table("watches") as batch:
        for name in ("full_run_id", "needed_usn", "usn_after", "host"):
            batch.drop_column(name)
