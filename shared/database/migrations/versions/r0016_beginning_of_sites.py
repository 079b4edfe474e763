"""A new site may begin with other values than the defaults, which stay what they have always meant."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SITES = sa.table("sites", sa.column("id", sa.Unicode()), sa.column("beginning", sa.JSON()))
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
    """Apply. Sites that are there began with the defaults."""
    with op.batch_alter_table("sites") as batch_op:
        batch_op.add_column(sa.Column("beginning", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Undo. An older version would delete leavers at once where rules were never saved: they are disabled instead."""
    connection = op.get_bind()
    begun = connection.execute(sa.select(_SITES.c.id, _SITES.c.beginning)).all()
    saved = connection.execute(sa.select(_SETTINGS.c.site_id, _SETTINGS.c.section)).all()
    in_use = {site_id for site_id, _section in saved}
    with_rules = {site_id for site_id, section in saved if section == "rules"}
    rows = [
        {
            "site_id": site_id,
            "section": "rules",
            "version": 1,
            "document": {"when_deleted": "disable"},
            "actor": "rollcall migrate",
            "created_at": datetime.now(UTC).replace(tzinfo=None),
        }
        for site_id, beginning in begun
        if beginning and "when_deleted" in beginning.get("rules", {}) and site_id in in_use - with_rules
    ]
    if rows:
        op.bulk_insert(_SETTINGS, rows)
    with op.batch_alter_table("sites") as batch_op:
        batch_op.drop_column("beginning")
