"""What a run, its readings, rows and findings say keeps its template and parameters, to be shown in another language."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = {
    "runs": ("error_message",),
    "snapshot_parts": ("error_message",),
    "commands": ("reason", "evidence", "error_message"),
    "findings": ("message",),
    "owed_steps": ("answer",),
    "given_numbers": ("write_error_message",),
}


def upgrade() -> None:
    """Apply."""
    for table, names in _COLUMNS.items():
        for name in names:
            op.add_column(table, sa.Column(f"{name}_sentence", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Undo."""
    for table, names in _COLUMNS.items():
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(f"{name}_sentence")
