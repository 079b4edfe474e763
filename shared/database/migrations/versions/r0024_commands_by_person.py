"""Indexes of commands by person and by extension, and of given numbers by person."""

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
    op.create_index("ix_given_numbers_site_id_person_guid", "given_numbers", ["site_id", "person_guid"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_given_numbers_site_id_person_guid", "given_numbers")
    op.drop_index("ix_commands_extension_id", "commands")
    op.drop_index("ix_commands_person_guid", "commands")
