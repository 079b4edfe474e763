"""An account may have its role at single sites; whoever signs in with an extension has theirs at its phone system's."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ACCOUNTS = sa.table(
    "accounts",
    sa.column("role", sa.Unicode()),
    sa.column("source", sa.Unicode()),
    sa.column("site_roles", sa.JSON(none_as_null=True)),
    sa.column("disabled_at", MOMENT),
)


def upgrade() -> None:
    """Apply. Other accounts count for all sites, as they did."""
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.add_column(sa.Column("site_roles", sa.JSON(), nullable=True))
    is_postgresql = op.get_context().dialect.name == "postgresql"
    for role in ("viewer", "operator", "manager"):
        held = sa.literal(json.dumps({"default": role}))
        op.execute(
            _ACCOUNTS.update()
            .where(_ACCOUNTS.c.source.in_(["phone_system", "directory"]), _ACCOUNTS.c.role == role)
            .values(site_roles=sa.cast(held, sa.JSON()) if is_postgresql else held)
        )


def downgrade() -> None:
    """Undo. An older version knows no roles by site: whoever had them is disabled rather than let in everywhere."""
    by_extension = _ACCOUNTS.c.source.in_(["phone_system", "directory"])
    op.execute(
        _ACCOUNTS.update()
        .where(_ACCOUNTS.c.site_roles.is_not(None), _ACCOUNTS.c.disabled_at.is_(None), ~by_extension)
        .values(disabled_at=datetime.now(UTC).replace(tzinfo=None))
    )
    with op.batch_alter_table("accounts") as batch_op:
        batch_op.drop_column("site_roles")
