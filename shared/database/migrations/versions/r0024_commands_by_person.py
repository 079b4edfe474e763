"""Indexes of commands by person and by extension."""

from collections.abc import Sequence

from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_commands_person_guid", "commands", ["person_guid"])
    op.create_index("ix_commands_extension_id", "commands", ["extension_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_commands_extension_id", "commands")
    op.drop_index("ix_commands_person_guid", "commands")
