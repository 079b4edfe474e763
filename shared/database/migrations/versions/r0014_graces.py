"""The countdowns of extensions whose person left: disabled now, deleted after some days."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0014"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "graces",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("holder", sa.Unicode(length=120), nullable=False),
        sa.Column("extension_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("name", sa.Unicode(length=300), nullable=False),
        sa.Column("departure", sa.Unicode(length=20), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("began_at", MOMENT, nullable=True),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_graces_site_id")),
        sa.PrimaryKeyConstraint("site_id", "holder", name=op.f("pk_graces")),
    )


def downgrade() -> None:
    """Undo. An older version does not know days of grace, and refuses rules that name them."""
    op.drop_table("graces")
