"""Codes and kinds are data: a newer version adds one without changing a table. States stay with their CHECK."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What the older version knows, which is all that may be left when it comes back.
_KNOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "findings": {
        "code": (
            "duplicate_number", "number_held", "number_cycle", "name_mismatch", "duplicate_email", "email_held",
            "bad_number", "bad_email", "licence_full", "department_missing", "template_missing", "archive_missing",
            "protected", "excluded", "shortened", "disabled_by_hand", "incomplete_snapshot",
        ),
    },
    "commands": {
        "kind": (
            "create_group", "adopt_extension", "create_extension", "renumber_extension", "update_extension",
            "enable_extension", "disable_extension", "archive_extension", "delete_extension",
        ),
        "stage": ("groups", "create", "update", "enable", "disable", "archive", "delete"),
    },
    "snapshot_parts": {"kind": ("unit", "absent", "extensions")},
    "runs": {"kind": ("full", "preview", "person")},
    "bindings": {"origin": ("created", "adopted")},
    "accounts": {"source": ("own", "phone_system", "directory")},
}  # fmt: skip


def upgrade() -> None:
    """Apply."""
    for table, columns in _KNOWN.items():
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_constraint(op.f(f"ck_{table}_{column}"), type_="check")


def downgrade() -> None:
    """Undo. What the older version has no word for is removed, or told in the most careful word that it has."""
    findings, commands = _table("findings"), _table("commands")
    parts, pages = _table("snapshot_parts", "id"), _table("snapshot_pages", "part_id")
    runs, bindings, accounts = _table("runs"), _table("bindings"), _table("accounts", "password_hash")
    unreadable = _unknown(parts, "kind")
    op.execute(sa.delete(findings).where(_unknown(findings, "code")))
    op.execute(sa.delete(commands).where(sa.or_(_unknown(commands, "kind"), _unknown(commands, "stage"))))
    op.execute(sa.delete(pages).where(pages.c.part_id.in_(sa.select(parts.c.id).where(unreadable))))
    op.execute(sa.delete(parts).where(unreadable))
    # The kind that is never evidence of who left, nor what later runs are measured by.
    op.execute(sa.update(runs).where(_unknown(runs, "kind")).values(kind="person"))
    op.execute(sa.update(bindings).where(_unknown(bindings, "origin")).values(origin="adopted"))
    # Nobody signs in to it: there is no password to compare with.
    op.execute(
        sa.update(accounts).where(_unknown(accounts, "source")).values(source="own", password_hash=None)
    )
    for table, columns in _KNOWN.items():
        with op.batch_alter_table(table) as batch_op:
            for column, known in columns.items():
                listed = ", ".join(f"'{value}'" for value in known)
                batch_op.create_check_constraint(op.f(f"ck_{table}_{column}"), f"{column} IN ({listed})")


def _table(name: str, *more: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, sa.Unicode()) for column in (*_KNOWN.get(name, ()), *more)))


def _unknown(table: sa.TableClause, column: str) -> sa.ColumnElement[bool]:
    return table.c[column].not_in(_KNOWN[table.name][column])
