"""The steps still owed are stored with the extension, from before its first write until the last is done."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "owed_steps",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("extension_id", sa.Integer(), nullable=True),
        sa.Column("person_guid", sa.Unicode(length=120), nullable=False),
        sa.Column("person_name", sa.Unicode(length=300), nullable=False),
        sa.Column("former_id", sa.Integer(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("owes", sa.Unicode(length=20), nullable=False),
        sa.Column("answer", sa.UnicodeText(), nullable=True),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_owed_steps_site_id")),
        sa.PrimaryKeyConstraint("site_id", "number", name=op.f("pk_owed_steps")),
    )
    # An older version left these to be cleaned up later; now the next run reads back what became of them.
    op.execute(
        "UPDATE commands SET state = 'failed', error_code = 'outcome_unknown', error_message = 'The run ended while this "
        "was being carried out. The next run reads back what became of it.', finished_at = (SELECT runs.finished_at FROM runs "
        "WHERE runs.id = commands.run_id) WHERE state = 'running' AND run_id IN "
        "(SELECT id FROM runs WHERE state IN ('cancelled', 'failed', 'done'))"
    )


def downgrade() -> None:
    """Undo. What was owed is forgotten, as it was before."""
    op.drop_table("owed_steps")
