"""Who somebody is at the directory or the identity provider, second factors, and sign-ins that take several steps."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("accounts", sa.Column("external_id", sa.Unicode(length=64), nullable=True))
    op.add_column("console_sessions", sa.Column("second_factor_at", MOMENT, nullable=True))
    op.add_column("console_sessions", sa.Column("proof", sa.UnicodeText(), nullable=True))
    op.create_table(
        "second_factors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Unicode(length=20), nullable=False),
        sa.Column("label", sa.Unicode(length=100), nullable=False),
        sa.Column("secret", sa.UnicodeText(), nullable=False),
        sa.Column("credential_id", sa.UnicodeText(), nullable=True),
        sa.Column("host", sa.Unicode(length=255), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_second_factors_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
    )
    op.create_index(op.f("ix_second_factors_account_id"), "second_factors", ["account_id"])
    op.create_table(
        "sign_in_challenges",
        sa.Column("token_hash", sa.Unicode(length=64), nullable=False),
        sa.Column("purpose", sa.Unicode(length=20), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("content", sa.UnicodeText(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sign_in_challenges_account_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_challenges")),
    )


def downgrade() -> None:
    """Undo. Second factors are forgotten: the password alone signs in again."""
    op.drop_table("sign_in_challenges")
    op.drop_table("second_factors")
    with op.batch_alter_table("console_sessions", schema=None) as batch_op:
        batch_op.drop_column("proof")
        batch_op.drop_column("second_factor_at")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_column("external_id")
