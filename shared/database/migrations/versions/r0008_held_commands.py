"""A guard holds commands, not plans; and a run says whether later ones may be measured by it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_STATES = ("pending", "running", "done", "failed", "skipped", "outdated", "left_out")


def upgrade() -> None:
    """Apply."""
    _allow((*_STATES[:1], "held", *_STATES[1:]))
    with op.batch_alter_table("runs") as batch_op:
        batch_op.add_column(sa.Column("is_measure", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Undo. In a run that waits, what is held is pending for the older version; in one that goes on, nobody approved it."""
    op.execute(
        "UPDATE commands SET state = 'pending', error_code = NULL, error_message = NULL WHERE state = 'held' "
        "AND run_id IN (SELECT id FROM runs WHERE state = 'held')"
    )
    op.execute("UPDATE commands SET state = 'left_out' WHERE state = 'held'")
    _allow(_STATES)
    with op.batch_alter_table("runs") as batch_op:
        batch_op.drop_column("is_measure")


def _allow(states: Sequence[str]) -> None:
    listed = ", ".join(f"'{state}'" for state in states)
    with op.batch_alter_table("commands") as batch_op:
        batch_op.drop_constraint(op.f("ck_commands_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_commands_state"), f"state IN ({listed})")
