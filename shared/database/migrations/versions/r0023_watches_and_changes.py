"""Watches of directories, and the changes that they noticed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "watches",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("directory", sa.Unicode(length=80), nullable=False),
        sa.Column("server", sa.Unicode(length=255), nullable=False),
        sa.Column("invocation_id", sa.Unicode(length=36), nullable=False),
        sa.Column("method", sa.Unicode(length=20), nullable=False),
        sa.Column("cookie", sa.LargeBinary(), nullable=True),
        sa.Column("usn", sa.BigInteger(), nullable=True),
        sa.Column("scope", sa.Unicode(length=64), nullable=False),
        sa.Column("state", sa.Unicode(length=20), nullable=False),
        sa.Column("error_code", sa.Unicode(length=60), nullable=True),
        sa.Column("error_message", sa.UnicodeText(), nullable=True),
        sa.Column("connected_at", MOMENT, nullable=True),
        sa.Column("last_answer_at", MOMENT, nullable=True),
        sa.Column("last_change_at", MOMENT, nullable=True),
        sa.Column("needs_full_reading", sa.UnicodeText(), nullable=True),
        sa.Column("needed_since", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('starting', 'live', 'failing')", name=op.f("ck_watches_state")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_watches_site_id")),
        sa.PrimaryKeyConstraint("site_id", "directory", name=op.f("pk_watches")),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("directory", sa.Unicode(length=80), nullable=False),
        sa.Column("guid", sa.Unicode(length=120), nullable=False),
        sa.Column("hint", sa.Unicode(length=20), nullable=False),
        sa.Column("noticed_at", MOMENT, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_changes_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_site_id_run_id_id"), "changes", ["site_id", "run_id", "id"])


def downgrade() -> None:
    """Undo. A later upgrade begins watching anew, with a full run."""
    op.drop_table("changes")
    op.drop_table("watches")
