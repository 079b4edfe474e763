"""Why a watch fails, and why it needs a full run, keep their template and parameters, to be shown in another language."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = ("error_message_sentence", "needs_full_reading_sentence")


def upgrade() -> None:
    """Apply."""
    for name in _COLUMNS:
        op.add_column("watches", sa.Column(name, sa.JSON(), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("watches") as batch:
        for name in _COLUMNS:
            batch.drop_column(name)
