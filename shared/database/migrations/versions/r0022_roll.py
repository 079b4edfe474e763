"""Who is who right now: one row for each person and for each extension that is nobody's."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEXES = (
    ("number",),
    ("email_key",),
    ("name_key",),
    ("extension_id",),
    ("extension_number",),
    ("extension_email_key",),
    ("extension_name_key",),
    ("state", "unit", "department", "has_drift"),
    ("search",),
    ("sort_key", "holder"),
    ("shown_number", "holder"),
    ("since", "holder"),
)


def upgrade() -> None:
    """Apply. The roll is empty until the next full run."""
    op.create_table(
        "roll",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("holder", sa.Unicode(length=120), nullable=False),
        sa.Column("state", sa.Unicode(length=20), nullable=False),
        sa.Column("reason", sa.UnicodeText(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("presence", sa.Unicode(length=20), nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=True),
        sa.Column("name", sa.Unicode(length=300), nullable=False),
        sa.Column("sort_key", sa.Unicode(length=100), nullable=False),
        sa.Column("shown_number", sa.Unicode(length=20), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("email_key", sa.Unicode(length=300), nullable=False),
        sa.Column("name_key", sa.Unicode(length=300), nullable=False),
        sa.Column("unit", sa.Unicode(length=400), nullable=False),
        sa.Column("directory", sa.Unicode(length=80), nullable=True),
        sa.Column("extension_id", sa.Integer(), nullable=True),
        sa.Column("extension_number", sa.Unicode(length=20), nullable=False),
        sa.Column("extension_email_key", sa.Unicode(length=300), nullable=False),
        sa.Column("extension_name_key", sa.Unicode(length=300), nullable=False),
        sa.Column("department", sa.Unicode(length=255), nullable=False),
        sa.Column("has_drift", sa.Boolean(), nullable=False),
        sa.Column("search", sa.Unicode(length=700), nullable=False),
        sa.Column("person", sa.UnicodeText(), nullable=True),
        sa.Column("extension", sa.UnicodeText(), nullable=True),
        sa.Column("drift", sa.UnicodeText(), nullable=True),
        sa.Column("digest", sa.Unicode(length=32), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_roll_site_id")),
        sa.PrimaryKeyConstraint("site_id", "holder", name=op.f("pk_roll")),
    )
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_roll_site_id_{'_'.join(columns)}"), "roll", ["site_id", *columns])
    op.create_table(
        "roll_readings",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("read_at", MOMENT, nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_roll_readings_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_roll_readings")),
    )


def downgrade() -> None:
    """Undo. Nothing is lost: the next full run makes it anew."""
    op.drop_table("roll_readings")
    op.drop_table("roll")
