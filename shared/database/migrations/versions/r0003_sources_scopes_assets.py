"""Who knows an account's password, what an API token may do and where, and the pictures of a site's console."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.Unicode(length=20), nullable=False, server_default="own"))
        batch_op.add_column(sa.Column("date_format", sa.Unicode(length=40), nullable=True))
        batch_op.create_check_constraint(
            op.f("ck_accounts_source"), "source IN ('own', 'phone_system', 'directory')"
        )
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("role", sa.Unicode(length=20), nullable=False, server_default="manager")
        )
        batch_op.add_column(sa.Column("site_id", sa.Unicode(length=120), nullable=True))
        batch_op.create_check_constraint(
            op.f("ck_api_tokens_role"), "role IN ('viewer', 'operator', 'manager')"
        )
    op.create_table(
        "assets",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("kind", sa.Unicode(length=20), nullable=False),
        sa.Column("media_type", sa.Unicode(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Unicode(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_assets_site_id")),
        sa.PrimaryKeyConstraint("site_id", "kind", name=op.f("pk_assets")),
    )


def downgrade() -> None:
    """Undo. Accounts whose password is kept elsewhere lose their way in, and tokens of one site are removed."""
    op.drop_table("assets")
    # Without the column such a token would be good for every site, with every right.
    op.execute("DELETE FROM api_tokens WHERE site_id IS NOT NULL OR role <> 'manager'")
    with op.batch_alter_table("api_tokens", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_api_tokens_role"), type_="check")
        batch_op.drop_column("site_id")
        batch_op.drop_column("role", mssql_drop_default=True)
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_accounts_source"), type_="check")
        batch_op.drop_column("date_format")
        batch_op.drop_column("source", mssql_drop_default=True)
