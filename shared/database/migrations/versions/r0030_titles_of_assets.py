"""An uploaded picture is called by the name of its file."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0030"
down_revision: str | None = "0029"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("assets", sa.Column("title", sa.Unicode(length=80), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("assets") as batch:
        batch.drop_column("title")
