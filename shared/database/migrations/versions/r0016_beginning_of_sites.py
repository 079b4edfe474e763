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
    of_site = _SETTINGS.c.site_id == _SITES.c.id
    begins_so = sa.cast(_SITES.c.beginning, sa.Unicode()).like('%"when_deleted"%')
    is_in_use = sa.exists().where(of_site)
    has_rules = sa.exists().where(of_site, _SETTINGS.c.section == "rules")
    is_postgresql = op.get_context().dialect.name == "postgresql"
    rules = sa.literal('{"when_deleted": "disable"}')
    now = datetime.now(UTC).replace(tzinfo=None)
    begun = sa.select(
        _SITES.c.id,
        sa.literal("rules"),
        sa.literal(1),
        sa.cast(rules, sa.JSON()) if is_postgresql else rules,
        sa.literal("rollcall migrate"),
        sa.literal(now, MOMENT),
    ).where(begins_so, is_in_use, ~has_rules)
    # As one statement, so that it stands in a script for an administrator too.
    op.execute(_SETTINGS.insert().from_select([column.name for column in _SETTINGS.c], begun))
    with op.batch_alter_table("sites") as batch_op:
        batch_op.drop_column("beginning")
