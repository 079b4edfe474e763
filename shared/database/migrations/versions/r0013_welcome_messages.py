"""Sites that were in use before there were welcome messages mail none: their rules say so, also where none were saved."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SETTINGS = sa.table(
    "settings",
    sa.column("site_id", sa.Unicode()),
    sa.column("section", sa.Unicode()),
    sa.column("version", sa.Integer()),
    sa.column("document", sa.JSON()),
    sa.column("actor", sa.Unicode()),
    sa.column("created_at", MOMENT),
)


def upgrade() -> None:
    """Apply. Rules that were saved lack the setting, which is read as never."""
    saved = op.get_bind().execute(sa.select(_SETTINGS.c.site_id, _SETTINGS.c.section)).all()
    with_rules = {site_id for site_id, section in saved if section == "rules"}
    rows = [
        {
            "site_id": site_id,
            "section": "rules",
            "version": 1,
            "document": {"welcome_email": "never"},
            "actor": "rollcall",
            "created_at": datetime.now(UTC).replace(tzinfo=None),
        }
        for site_id in sorted({site_id for site_id, _section in saved} - with_rules)
    ]
    if rows:
        op.bulk_insert(_SETTINGS, rows)


def downgrade() -> None:
    """Undo: what was saved above; older rules have no such setting."""
    op.execute("DELETE FROM settings WHERE section = 'rules' AND version = 1 AND actor = 'rollcall'")
