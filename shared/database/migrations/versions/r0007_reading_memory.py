"""Which domain controller each site's last reading came from, and people whose changes wait for one that is behind."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reading_memories",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("content", sa.Unicode(length=32), nullable=False),
        sa.Column("readings", sa.JSON(), nullable=False),
        sa.Column("behind_since", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_reading_memories_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_reading_memories")),
    )
    op.create_table(
        "person_doubts",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("person", sa.Unicode(length=120), nullable=False),
        sa.Column("digest", sa.Unicode(length=64), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_person_doubts_site_id")),
        sa.PrimaryKeyConstraint("site_id", "person", name=op.f("pk_person_doubts")),
    )


def downgrade() -> None:
    """Undo. The next reading is then measured by nothing, as before."""
    op.drop_table("person_doubts")
    op.drop_table("reading_memories")
