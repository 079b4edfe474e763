"""A binding remembers what 3CX showed of its extension, so that it is known again and never taken for another."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = ("shown_first_name", "shown_last_name", "shown_email")


def upgrade() -> None:
    """Apply. Older bindings get their memory from the next plan that finds both ends agreeing."""
    with op.batch_alter_table("bindings", schema=None) as batch_op:
        for name in _COLUMNS:
            batch_op.add_column(sa.Column(name, sa.Unicode(length=300), nullable=True))


def downgrade() -> None:
    """Undo."""
    # An id below zero is none of 3CX's: its person was waiting for the one they have now.
    op.execute("DELETE FROM bindings WHERE extension_id < 0")
    with op.batch_alter_table("bindings", schema=None) as batch_op:
        for name in _COLUMNS:
            batch_op.drop_column(name)
