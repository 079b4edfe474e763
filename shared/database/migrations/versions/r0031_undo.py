"""Which run a run takes back, which command a command, and the settings of what was deleted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = {
    "runs": (("undoes", sa.Integer()),),
    "commands": (("undoes", sa.Integer()), ("kept_settings", sa.UnicodeText())),
}


def upgrade() -> None:
    """Apply."""
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Undo."""
    for table, columns in _COLUMNS.items():
        with op.batch_alter_table(table) as batch:
            for name, _ in columns:
                batch.drop_column(name)
