"""Numbers that were given from a range are remembered, and whether they stand in the directory."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "given_numbers",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("person_guid", sa.Unicode(length=120), nullable=False),
        sa.Column("person_name", sa.Unicode(length=300), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.Column("is_used", sa.Boolean(), nullable=False),
        sa.Column("released_at", MOMENT, nullable=True),
        sa.Column("write_to", sa.Unicode(length=64), nullable=False),
        sa.Column("written_to", sa.Unicode(length=64), nullable=False),
        sa.Column("write_attempts", sa.Integer(), nullable=False),
        sa.Column("write_again_at", MOMENT, nullable=True),
        sa.Column("write_error_code", sa.Unicode(length=60), nullable=True),
        sa.Column("write_error_message", sa.UnicodeText(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_given_numbers_site_id")),
        sa.PrimaryKeyConstraint("site_id", "number", name=op.f("pk_given_numbers")),
    )


def downgrade() -> None:
    """Undo. To an older version, whoever has a given number has none in the directory."""
    op.drop_table("given_numbers")
