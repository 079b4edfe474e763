"""What was told of a site, and the notifications on their way."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "notified_states",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("kind", sa.Unicode(length=40), nullable=False),
        sa.Column("lasting", sa.JSON(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("error_message", sa.UnicodeText(), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_notified_states_site_id")),
        sa.PrimaryKeyConstraint("site_id", "kind", name=op.f("pk_notified_states")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("channel", sa.Unicode(length=20), nullable=False),
        sa.Column("kind", sa.Unicode(length=40), nullable=False),
        sa.Column("severity", sa.Unicode(length=20), nullable=False),
        sa.Column("message_id", sa.Unicode(length=64), nullable=False),
        sa.Column("title", sa.UnicodeText(), nullable=False),
        sa.Column("title_sentence", sa.JSON(), nullable=True),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("path", sa.Unicode(length=200), nullable=False),
        sa.Column("state", sa.Unicode(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.Unicode(length=60), nullable=True),
        sa.Column("error_message", sa.UnicodeText(), nullable=True),
        sa.Column("error_message_sentence", sa.JSON(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sent', 'failed')", name=op.f("ck_outbox_state")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_outbox_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_site_id_state_id"), "outbox", ["site_id", "state", "id"])


def downgrade() -> None:
    """Undo. What was not sent yet is not sent."""
    op.drop_table("outbox")
    op.drop_table("notified_states")
