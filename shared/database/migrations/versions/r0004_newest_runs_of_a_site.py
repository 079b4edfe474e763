"""The newest runs of a site are found by an index, however many runs other sites have had since."""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_runs_site_id_id"), "runs", ["site_id", "id"])


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_runs_site_id_id"), table_name="runs")
