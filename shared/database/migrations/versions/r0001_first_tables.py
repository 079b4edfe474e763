"""The tables of the first version."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from shared.database.types import MOMENT

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Unicode(length=200), nullable=False),
        sa.Column("token_hash", sa.Unicode(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.Column("action", sa.Unicode(length=60), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.Unicode(length=64), nullable=False),
        sa.Column("hash", sa.Unicode(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_hash")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Unicode(length=120), nullable=False),
        sa.Column("holder", sa.Unicode(length=200), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "phone_system_tokens",
        sa.Column("name", sa.Unicode(length=255), nullable=False),
        sa.Column("token", sa.UnicodeText(), nullable=False),
        sa.Column("obtained_at", MOMENT, nullable=False),
        sa.Column("renew_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_phone_system_tokens")),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.Unicode(length=120), nullable=False),
        sa.Column("name", sa.Unicode(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
    )
    op.create_table(
        "bindings",
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("person_guid", sa.Unicode(length=120), nullable=False),
        sa.Column("extension_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("origin", sa.Unicode(length=20), nullable=False),
        sa.Column("person_name", sa.Unicode(length=300), nullable=False),
        sa.Column("is_disabled_by_rollcall", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("origin IN ('created', 'adopted')", name=op.f("ck_bindings_origin")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_bindings_site_id")),
        sa.PrimaryKeyConstraint("site_id", "person_guid", name=op.f("pk_bindings")),
        sa.UniqueConstraint("site_id", "extension_id", name=op.f("uq_bindings_site_id_extension_id")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("level", sa.Unicode(length=20), nullable=False),
        sa.Column("code", sa.Unicode(length=60), nullable=False),
        sa.Column("message", sa.UnicodeText(), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=True),
        sa.Column("person_guid", sa.Unicode(length=120), nullable=True),
        sa.CheckConstraint("level IN ('info', 'warning', 'error')", name=op.f("ck_events_level")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_events_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_events_site_id_code_id"), ["site_id", "code", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_events_site_id_id"), ["site_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_events_site_id_level_id"), ["site_id", "level", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_events_site_id_number_id"), ["site_id", "number", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_events_site_id_occurred_at"), ["site_id", "occurred_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_events_site_id_run_id_id"), ["site_id", "run_id", "id"], unique=False
        )

    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("kind", sa.Unicode(length=20), nullable=False),
        sa.Column("state", sa.Unicode(length=20), nullable=False),
        sa.Column("trigger", sa.Unicode(length=40), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.Column("person_guid", sa.Unicode(length=120), nullable=True),
        sa.Column("schedule_slot", sa.Unicode(length=120), nullable=False),
        sa.Column("settings_versions", sa.JSON(), nullable=False),
        sa.Column("selection_hash", sa.Unicode(length=64), nullable=False),
        sa.Column("plan_hash", sa.Unicode(length=64), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("hold_reasons", sa.JSON(), nullable=False),
        sa.Column("approved_hash", sa.Unicode(length=64), nullable=True),
        sa.Column("approved_by", sa.Unicode(length=200), nullable=True),
        sa.Column("approved_at", MOMENT, nullable=True),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.Unicode(length=60), nullable=True),
        sa.Column("error_message", sa.UnicodeText(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("planned_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint("kind IN ('full', 'preview', 'person')", name=op.f("ck_runs_kind")),
        sa.CheckConstraint(
            "state IN ('collecting', 'in_step', 'planned', 'held', 'executing', 'done', 'failed', 'cancelled')",
            name=op.f("ck_runs_state"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_runs_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("site_id", "schedule_slot", name=op.f("uq_runs_site_id_schedule_slot")),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_runs_site_id_state"), ["site_id", "state"], unique=False)

    op.create_table(
        "settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Unicode(length=120), nullable=False),
        sa.Column("section", sa.Unicode(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("actor", sa.Unicode(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_settings_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
        sa.UniqueConstraint(
            "site_id", "section", "version", name=op.f("uq_settings_site_id_section_version")
        ),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Unicode(length=20), nullable=False),
        sa.Column("kind", sa.Unicode(length=40), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("person_guid", sa.Unicode(length=120), nullable=True),
        sa.Column("person_name", sa.Unicode(length=300), nullable=False),
        sa.Column("extension_id", sa.Integer(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("requires", sa.JSON(), nullable=False),
        sa.Column("unit", sa.UnicodeText(), nullable=False),
        sa.Column("reason", sa.UnicodeText(), nullable=False),
        sa.Column("evidence", sa.UnicodeText(), nullable=False),
        sa.Column("state", sa.Unicode(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.Unicode(length=60), nullable=True),
        sa.Column("error_message", sa.UnicodeText(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "kind IN ('create_group', 'adopt_extension', 'create_extension', 'renumber_extension', 'update_extension', 'enable_extension', 'disable_extension', 'archive_extension', 'delete_extension')",
            name=op.f("ck_commands_kind"),
        ),
        sa.CheckConstraint(
            "stage IN ('groups', 'create', 'update', 'enable', 'disable', 'archive', 'delete')",
            name=op.f("ck_commands_stage"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'done', 'failed', 'skipped', 'outdated', 'left_out')",
            name=op.f("ck_commands_state"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_commands_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
        sa.UniqueConstraint("run_id", "sequence", name=op.f("uq_commands_run_id_sequence")),
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_commands_run_id_state_wave_stage"),
            ["run_id", "state", "wave", "stage"],
            unique=False,
        )

    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Unicode(length=40), nullable=False),
        sa.Column("severity", sa.Unicode(length=20), nullable=False),
        sa.Column("message", sa.UnicodeText(), nullable=False),
        sa.Column("number", sa.Unicode(length=20), nullable=False),
        sa.Column("person_guids", sa.JSON(), nullable=False),
        sa.Column("person_names", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "code IN ('duplicate_number', 'number_held', 'number_cycle', 'name_mismatch', 'duplicate_email', 'email_held', 'bad_number', 'bad_email', 'licence_full', 'department_missing', 'template_missing', 'archive_missing', 'protected', 'excluded', 'shortened', 'disabled_by_hand', 'incomplete_snapshot')",
            name=op.f("ck_findings_code"),
        ),
        sa.CheckConstraint("severity IN ('info', 'warning', 'conflict')", name=op.f("ck_findings_severity")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_findings_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_findings_run_id"), ["run_id"], unique=False)

    op.create_table(
        "snapshot_parts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Unicode(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("unit", sa.UnicodeText(), nullable=False),
        sa.Column("state", sa.Unicode(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_holder", sa.Unicode(length=200), nullable=True),
        sa.Column("lease_expires_at", MOMENT, nullable=True),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("source", sa.Unicode(length=255), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=False),
        sa.Column("proof", sa.JSON(), nullable=False),
        sa.Column("error_code", sa.Unicode(length=60), nullable=True),
        sa.Column("error_message", sa.UnicodeText(), nullable=True),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.CheckConstraint("kind IN ('unit', 'absent', 'extensions')", name=op.f("ck_snapshot_parts_kind")),
        sa.CheckConstraint(
            "state IN ('pending', 'complete', 'failed')", name=op.f("ck_snapshot_parts_state")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_snapshot_parts_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot_parts")),
        sa.UniqueConstraint(
            "run_id", "kind", "position", name=op.f("uq_snapshot_parts_run_id_kind_position")
        ),
    )
    with op.batch_alter_table("snapshot_parts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_snapshot_parts_state"), ["state"], unique=False)

    op.create_table(
        "snapshot_pages",
        sa.Column("part_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["snapshot_parts.id"], name=op.f("fk_snapshot_pages_part_id")),
        sa.PrimaryKeyConstraint("part_id", "attempt", "page", name=op.f("pk_snapshot_pages")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("snapshot_pages")
    with op.batch_alter_table("snapshot_parts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_snapshot_parts_state"))

    op.drop_table("snapshot_parts")
    with op.batch_alter_table("findings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_findings_run_id"))

    op.drop_table("findings")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_commands_run_id_state_wave_stage"))

    op.drop_table("commands")
    op.drop_table("settings")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_runs_site_id_state"))

    op.drop_table("runs")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_site_id_run_id_id"))
        batch_op.drop_index(batch_op.f("ix_events_site_id_occurred_at"))
        batch_op.drop_index(batch_op.f("ix_events_site_id_number_id"))
        batch_op.drop_index(batch_op.f("ix_events_site_id_level_id"))
        batch_op.drop_index(batch_op.f("ix_events_site_id_id"))
        batch_op.drop_index(batch_op.f("ix_events_site_id_code_id"))

    op.drop_table("events")
    op.drop_table("bindings")
    op.drop_table("sites")
    op.drop_table("phone_system_tokens")
    op.drop_table("leases")
    op.drop_table("audit")
    op.drop_table("api_tokens")
