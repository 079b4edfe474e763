"""Every table. Times are UTC; states are text with a CHECK; constraint names follow one convention.

Codes, kinds, stages, origins and sources are data without a CHECK: a newer version adds to them, and an older one
beside it reads what it does not know as plain text. States, severities, levels and roles are closed.

Works alike on SQLite, PostgreSQL and SQL Server; changes to it come as Alembic revisions in ``migrations``.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database.sentences import HasSentences, beside
from shared.database.types import Line, Prose, UtcDateTime
from shared.domain.command import CommandState
from shared.domain.notifying import MessageState
from shared.domain.owed import Owes
from shared.domain.plan import Severity
from shared.domain.run import PartKind as PartKind
from shared.domain.run import PartState as PartState
from shared.domain.run import RunKind as RunKind
from shared.domain.run import RunState as RunState
from shared.domain.watching import WatchState

# What SQL Server can index at all is the narrowest: keys and indexed texts stay well below 1,700 bytes.
KEY = Line(120)


# Runs that look at everybody: what later runs are measured by, and what the state of a site is told from.
WHOLE_RUNS = (RunKind.FULL.value, RunKind.PREVIEW.value)


class EventLevel(StrEnum):
    """How an entry of the Log is meant."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class AccountRole(StrEnum):
    """What somebody may do in the console: look; also start, approve and reject runs; also change everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MANAGER = "manager"

    def may(self, needed: "AccountRole") -> bool:
        """Whether it has the rights of the other role."""
        ranks = list(AccountRole)
        return ranks.index(self) >= ranks.index(needed)


class AccountSource(StrEnum):
    """Who knows that it is them: Rollcall (own password), the phone system (voicemail PIN), the directory (password of
    whoever has the extension, or of a member of a chosen group), or an identity provider (OpenID Connect)."""

    OWN = "own"
    PHONE_SYSTEM = "phone_system"
    DIRECTORY = "directory"
    DIRECTORY_ACCOUNT = "directory_account"
    OPENID = "openid"


class FactorKind(StrEnum):
    """What a second factor is."""

    APP = "app"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"


class Base(DeclarativeBase):
    """Naming convention, so that a migration can name any constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[int]: JSON,
        list[str]: JSON,
    }


def _one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Site(Base):
    """One directory, one phone system, one schedule."""

    __tablename__ = "sites"
    id: Mapped[str] = mapped_column(KEY, primary_key=True)
    name: Mapped[str] = mapped_column(Line(200))
    created_at: Mapped[datetime]
    # What sections have that were never saved, where that is not the default; NULL of sites that are older than this.
    beginning: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # While nothing is to be executed at the site: who holds it, since when and why (``shared.runs.hold``).
    hold: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class SettingsVersion(Base):
    """One version of one section; the highest version counts, older ones stay as history."""

    __tablename__ = "settings"
    __table_args__ = (UniqueConstraint("site_id", "section", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"))
    section: Mapped[str] = mapped_column(Line(40))
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(Line(200))
    created_at: Mapped[datetime]


class Run(HasSentences, Base):
    """One run from reading to done. ``schedule_slot`` makes one due time start one run only."""

    __tablename__ = "runs"
    __table_args__ = (
        _one_of("state", [*RunState]),
        UniqueConstraint("site_id", "schedule_slot"),
        Index(None, "site_id", "state"),
        Index(None, "site_id", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"))
    kind: Mapped[str] = mapped_column(Line(20))
    state: Mapped[str] = mapped_column(Line(20), default=RunState.COLLECTING.value)
    trigger: Mapped[str] = mapped_column(Line(40))
    actor: Mapped[str] = mapped_column(Line(200))
    # For kind person: the objectGUID the plan is limited to.
    person_guid: Mapped[str | None] = mapped_column(KEY)
    # Never NULL: SQL Server allows only one NULL in a unique constraint. A run on demand has a random one.
    schedule_slot: Mapped[str] = mapped_column(KEY)
    settings_versions: Mapped[dict[str, Any]]
    # Of kind what_if, the documents that are tried and not saved, by section and without secrets.
    tried_settings: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Hash of what selects people (units, filter, group, number attribute): a change holds the next plan.
    selection_hash: Mapped[str] = mapped_column(Line(64))
    plan_hash: Mapped[str | None] = mapped_column(Line(64))
    counts: Mapped[dict[str, Any]]
    people: Mapped[int] = mapped_column(default=0)
    # Also, for each kind, how many commands wait for an approval.
    hold_reasons: Mapped[dict[str, Any]]
    # Whether the guards found nothing to say against its reading: later runs are measured by it. NULL of a run that was
    # planned by an older version, or not at all.
    is_measure: Mapped[bool | None]
    approved_hash: Mapped[str | None] = mapped_column(Line(64))
    approved_by: Mapped[str | None] = mapped_column(Line(200))
    approved_at: Mapped[datetime | None]
    superseded_by: Mapped[int | None]
    # Of kind undo, the run that it takes back.
    undoes: Mapped[int | None]
    # Whether a person lets its changes be executed in a blackout window.
    ignores_blackout: Mapped[bool | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(Line(60))
    error_message: Mapped[str | None] = mapped_column(Prose)
    error_message_sentence: Mapped[dict[str, Any] | None] = beside()
    created_at: Mapped[datetime]
    planned_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class SnapshotPart(HasSentences, Base):
    """One part of a run's evidence: who read it, from where, how much, and whether it is proven complete."""

    __tablename__ = "snapshot_parts"
    __table_args__ = (
        _one_of("state", [*PartState]),
        UniqueConstraint("run_id", "kind", "position"),
        Index(None, "state"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    kind: Mapped[str] = mapped_column(Line(20))
    position: Mapped[int]
    unit: Mapped[str] = mapped_column(Prose, default="")
    state: Mapped[str] = mapped_column(Line(20), default=PartState.PENDING.value)
    # Pages carry the attempt that wrote them, so a reader that was thought dead cannot mix its pages in.
    attempt: Mapped[int] = mapped_column(default=0)
    lease_holder: Mapped[str | None] = mapped_column(Line(200))
    lease_expires_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(Line(255), default="")
    item_count: Mapped[int] = mapped_column(default=0)
    page_count: Mapped[int] = mapped_column(default=0)
    proof: Mapped[dict[str, Any]]
    error_code: Mapped[str | None] = mapped_column(Line(60))
    error_message: Mapped[str | None] = mapped_column(Prose)
    error_message_sentence: Mapped[dict[str, Any] | None] = beside()
    completed_at: Mapped[datetime | None]


class SnapshotPage(Base):
    """One page of a part: compressed JSON."""

    __tablename__ = "snapshot_pages"
    part_id: Mapped[int] = mapped_column(ForeignKey("snapshot_parts.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    item_count: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class BindingRow(Base):
    """Person ↔ extension; at most one per person and per extension of a site."""

    __tablename__ = "bindings"
    __table_args__ = (UniqueConstraint("site_id", "extension_id"),)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    person_guid: Mapped[str] = mapped_column(KEY, primary_key=True)
    extension_id: Mapped[int]
    number: Mapped[str] = mapped_column(Line(20))
    origin: Mapped[str] = mapped_column(Line(20))
    person_name: Mapped[str] = mapped_column(Line(300), default="")
    is_disabled_by_rollcall: Mapped[bool] = mapped_column(default=False)
    # What 3CX showed when Rollcall last wrote, adopted or found it to be the person's; unknown of older bindings.
    shown_first_name: Mapped[str | None] = mapped_column(Line(300))
    shown_last_name: Mapped[str | None] = mapped_column(Line(300))
    shown_email: Mapped[str | None] = mapped_column(Line(300))
    # Which directory of the site the person was last read from; unknown until a plan has seen them.
    directory: Mapped[str | None] = mapped_column(Line(80))
    updated_at: Mapped[datetime]


class ReadingMemory(Base):
    """What a site's readings of the directory are measured by: which controller was read, and up to which change."""

    __tablename__ = "reading_memories"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    content: Mapped[str] = mapped_column(Line(32), default="")
    readings: Mapped[dict[str, Any]]
    # Since when no reading was proven to be as fresh as the last one that counted.
    behind_since: Mapped[datetime | None]


class PersonDoubt(Base):
    """A person whose changes wait for a controller that is behind, or rest on one that is."""

    __tablename__ = "person_doubts"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    # The objectGUID, or "extension" and the id of one that is nobody's.
    person: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(Line(64), default="")
    since: Mapped[datetime]
    needs: Mapped[dict[str, Any]]


class OwedSteps(HasSentences, Base):
    """What Rollcall still owes to an extension it has begun to make, remove or pass on: from before its first write.

    ``extension_id`` is NULL until it is known that the extension was made.
    """

    __tablename__ = "owed_steps"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    number: Mapped[str] = mapped_column(Line(20), primary_key=True)
    # Of the run that began it, which may be forgotten before this is.
    run_id: Mapped[int]
    extension_id: Mapped[int | None]
    person_guid: Mapped[str] = mapped_column(KEY)
    person_name: Mapped[str] = mapped_column(Line(300), default="")
    # Of a renumbering: the extension that is replaced, and how it was known.
    former_id: Mapped[int | None]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    # Encrypted: what is taken off the former extension and is not with this one yet.
    taken: Mapped[str | None] = mapped_column(Prose)
    owes: Mapped[str] = mapped_column(Line(20), default=Owes.STEPS.value)
    # What the phone system, or the way to it, said last.
    answer: Mapped[str | None] = mapped_column(Prose)
    answer_sentence: Mapped[dict[str, Any] | None] = beside()
    begun_at: Mapped[datetime]
    # How often each step was tried again after its worker had died.
    tries: Mapped[dict[str, Any] | None]


class GraceRow(Base):
    """The countdown of an extension whose person left: disabled now, deleted later (see ``shared.domain.grace``)."""

    __tablename__ = "graces"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    # The objectGUID, or "extension" and the id of one that is nobody's.
    holder: Mapped[str] = mapped_column(KEY, primary_key=True)
    extension_id: Mapped[int]
    number: Mapped[str] = mapped_column(Line(20))
    name: Mapped[str] = mapped_column(Line(300), default="")
    departure: Mapped[str] = mapped_column(Line(20))
    days: Mapped[int]
    # NULL until the extension is disabled.
    began_at: Mapped[datetime | None]
    # NULL while nothing counts down.
    ends_at: Mapped[datetime | None]
    # Decided by a person, whatever the rule.
    until: Mapped[datetime | None]
    is_kept: Mapped[bool] = mapped_column(default=False)


class GivenNumberRow(HasSentences, Base):
    """A number that was given from a range: whose it is or was, and whether it stands in the directory.

    One row for each number, so that no two runs can give it to two people.
    """

    __tablename__ = "given_numbers"
    __table_args__ = (Index(None, "site_id", "person_guid"),)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    number: Mapped[str] = mapped_column(Line(20), primary_key=True)
    # Empty for a number that was the directory's and is here for its quarantine only.
    person_guid: Mapped[str] = mapped_column(KEY)
    person_name: Mapped[str] = mapped_column(Line(300), default="")
    given_at: Mapped[datetime]
    # Whether there ever was an extension with it.
    is_used: Mapped[bool] = mapped_column(default=False)
    # When it was seen to be nobody's any more.
    released_at: Mapped[datetime | None]
    # The attribute of the directory that is to hold it, as of the last plan, and the one that does; empty for none.
    write_to: Mapped[str] = mapped_column(Line(64), default="")
    written_to: Mapped[str] = mapped_column(Line(64), default="")
    write_attempts: Mapped[int] = mapped_column(default=0)
    write_again_at: Mapped[datetime | None]
    write_error_code: Mapped[str | None] = mapped_column(Line(60))
    write_error_message: Mapped[str | None] = mapped_column(Prose)
    write_error_message_sentence: Mapped[dict[str, Any] | None] = beside()


class WatchRow(HasSentences, Base):
    """How far the watch of a directory has come: the controller it asks, and what it goes on from.

    Written by the watcher alone, in one transaction with the changes that an answer held. A directory that was never
    watched has no row.
    """

    __tablename__ = "watches"
    __table_args__ = (_one_of("state", [*WatchState]),)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    # Its key in the settings of the site: empty for the first one.
    directory: Mapped[str] = mapped_column(Line(80), primary_key=True)
    # The address that was connected to, and the controller's identity as a source of changes.
    server: Mapped[str] = mapped_column(Line(255), default="")
    invocation_id: Mapped[str] = mapped_column(Line(36), default="")
    # Its IP address, which tells it from the others where the address is the domain's name.
    host: Mapped[str | None] = mapped_column(Line(45))
    method: Mapped[str] = mapped_column(Line(20), default="")
    # Of DirSync; opaque. NULL until the first answer, and where the method is uSNChanged.
    cookie: Mapped[bytes | None] = mapped_column(LargeBinary)
    # Of the last change that the controller had when it gave the last answer that was stored, or a later one.
    usn: Mapped[int | None] = mapped_column(BigInteger)
    # Of the newest change that answer may have told of: whoever reads for it must have that one.
    usn_after: Mapped[int | None] = mapped_column(BigInteger)
    # Hash of what is asked for: settings that select or map people.
    scope: Mapped[str] = mapped_column(Line(64), default="")
    state: Mapped[str] = mapped_column(Line(20))
    error_code: Mapped[str | None] = mapped_column(Line(60))
    error_message: Mapped[str | None] = mapped_column(Prose)
    error_message_sentence: Mapped[dict[str, Any] | None] = beside()
    connected_at: Mapped[datetime | None]
    # Some seconds old at most while the watch goes on.
    last_answer_at: Mapped[datetime | None]
    last_change_at: Mapped[datetime | None]
    # Why only a full run can tell what changed; NULL once ``full_run_id`` has read everything: the full run that was started
    # last, if that was after this was asked for. The reading must have what the controller had then.
    needs_full_reading: Mapped[str | None] = mapped_column(Prose)
    needs_full_reading_sentence: Mapped[dict[str, Any] | None] = beside()
    # Of versions before: nothing reads or writes it now.
    needed_since: Mapped[datetime | None]
    needed_usn: Mapped[int | None] = mapped_column(BigInteger)
    full_run_id: Mapped[int | None]


class ChangeRow(Base):
    """Somebody whom the directory says to have changed, until a run has read them: a hint, never a fact."""

    __tablename__ = "changes"
    __table_args__ = (Index(None, "site_id", "run_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"))
    directory: Mapped[str] = mapped_column(Line(80))
    guid: Mapped[str] = mapped_column(KEY)
    # "changed", "moved" or "deleted", as it looked; what they are is what reading them shows.
    hint: Mapped[str] = mapped_column(Line(20))
    noticed_at: Mapped[datetime]
    # The run that reads them; NULL while none does. No foreign key: the row may be taken before the run is.
    run_id: Mapped[int | None]
    # The newest full run that was started after this was noticed. Not told by times: two hosts' clocks may differ.
    full_run_id: Mapped[int | None]


class RollRow(Base):
    """Who is who right now: a person with the extension bound to them, or an extension that is nobody's (``shared.roll``).

    ``person`` and ``extension`` are JSON; what is asked for by itself has a column. Rebuilt by every full reading.
    """

    __tablename__ = "roll"
    __table_args__ = (
        Index(None, "site_id", "number"),
        Index(None, "site_id", "email_key"),
        Index(None, "site_id", "name_key"),
        Index(None, "site_id", "extension_id"),
        Index(None, "site_id", "extension_number"),
        Index(None, "site_id", "extension_email_key"),
        Index(None, "site_id", "extension_name_key"),
        Index(None, "site_id", "state", "unit", "department", "has_drift"),
        Index(None, "site_id", "search"),
        Index(None, "site_id", "sort_key", "holder"),
        Index(None, "site_id", "shown_number", "holder"),
        Index(None, "site_id", "since", "holder"),
    )
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    # The objectGUID, or "extension" and the id of one that is nobody's.
    holder: Mapped[str] = mapped_column(KEY, primary_key=True)
    state: Mapped[str] = mapped_column(Line(20))
    reason: Mapped[str] = mapped_column(Prose, default="")
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    # Where the directory has the person; empty of an extension that nobody stands for.
    presence: Mapped[str] = mapped_column(Line(20), default="")
    # NULL while the newest reading shows it.
    last_seen_at: Mapped[datetime | None]
    name: Mapped[str] = mapped_column(Line(300), default="")
    sort_key: Mapped[str] = mapped_column(Line(100), default="")
    # The extension's number, else the person's.
    shown_number: Mapped[str] = mapped_column(Line(20), default="")
    # What the directory says; empty of somebody who is not there. The keys are folded.
    number: Mapped[str] = mapped_column(Line(20), default="")
    email_key: Mapped[str] = mapped_column(Line(300), default="")
    name_key: Mapped[str] = mapped_column(Line(300), default="")
    unit: Mapped[str] = mapped_column(Line(400), default="")
    directory: Mapped[str | None] = mapped_column(Line(80))
    # What 3CX shows; NULL and empty without an extension.
    extension_id: Mapped[int | None]
    extension_number: Mapped[str] = mapped_column(Line(20), default="")
    extension_email_key: Mapped[str] = mapped_column(Line(300), default="")
    extension_name_key: Mapped[str] = mapped_column(Line(300), default="")
    department: Mapped[str] = mapped_column(Line(255), default="")
    has_drift: Mapped[bool] = mapped_column(default=False)
    # The words it is found by, each after a blank.
    search: Mapped[str] = mapped_column(Line(700), default="")
    person: Mapped[str | None] = mapped_column(Prose)
    extension: Mapped[str | None] = mapped_column(Prose)
    drift: Mapped[str | None] = mapped_column(Prose)
    # Of all that the row says but its times: rows that say the same are not written.
    digest: Mapped[str] = mapped_column(Line(32))


class RollReading(Base):
    """The reading that a site's roll was rebuilt by last; without one the roll knows nothing yet."""

    __tablename__ = "roll_readings"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    run_id: Mapped[int]
    read_at: Mapped[datetime]
    # How many rows it found otherwise than they were kept; 0 of the first.
    differences: Mapped[int] = mapped_column(default=0)


class CommandRow(HasSentences, Base):
    """One command of a plan and what became of it."""

    __tablename__ = "commands"
    __table_args__ = (
        _one_of("state", [*CommandState]),
        UniqueConstraint("run_id", "sequence"),
        Index(None, "run_id", "state", "wave", "stage"),
        Index(None, "person_guid"),
        Index(None, "extension_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    sequence: Mapped[int]
    wave: Mapped[int]
    stage: Mapped[str] = mapped_column(Line(20))
    kind: Mapped[str] = mapped_column(Line(40))
    number: Mapped[str] = mapped_column(Line(20), default="")
    person_guid: Mapped[str | None] = mapped_column(KEY)
    person_name: Mapped[str] = mapped_column(Line(300), default="")
    extension_id: Mapped[int | None]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    requires: Mapped[list[int]]
    unit: Mapped[str] = mapped_column(Prose, default="")
    reason: Mapped[str] = mapped_column(Prose)
    reason_sentence: Mapped[dict[str, Any] | None] = beside()
    evidence: Mapped[str] = mapped_column(Prose, default="")
    evidence_sentence: Mapped[dict[str, Any] | None] = beside()
    state: Mapped[str] = mapped_column(Line(20), default=CommandState.PENDING.value)
    attempts: Mapped[int] = mapped_column(default=0)
    # The command of an undone run that this one takes back.
    undoes: Mapped[int | None]
    # Encrypted: all settings of what it deleted, from just before; not read along with the row.
    kept_settings: Mapped[str | None] = mapped_column(Prose, deferred=True)
    # What the execution learnt (the new extension's id, the archive's receipt).
    result: Mapped[dict[str, Any]]
    error_code: Mapped[str | None] = mapped_column(Line(60))
    error_message: Mapped[str | None] = mapped_column(Prose)
    error_message_sentence: Mapped[dict[str, Any] | None] = beside()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class FindingRow(HasSentences, Base):
    """One finding of a run's plan."""

    __tablename__ = "findings"
    __table_args__ = (
        _one_of("severity", [*Severity]),
        Index(None, "run_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    code: Mapped[str] = mapped_column(Line(40))
    severity: Mapped[str] = mapped_column(Line(20))
    message: Mapped[str] = mapped_column(Prose)
    message_sentence: Mapped[dict[str, Any] | None] = beside()
    number: Mapped[str] = mapped_column(Line(20), default="")
    person_guids: Mapped[list[str]]
    person_names: Mapped[list[str]]


class Event(Base):
    """One entry of the Log a person reads."""

    __tablename__ = "events"
    __table_args__ = (
        _one_of("level", [*EventLevel]),
        Index(None, "site_id", "id"),
        Index(None, "site_id", "level", "id"),
        Index(None, "site_id", "code", "id"),
        Index(None, "site_id", "run_id", "id"),
        Index(None, "site_id", "number", "id"),
        Index(None, "site_id", "occurred_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"))
    run_id: Mapped[int | None]
    occurred_at: Mapped[datetime]
    level: Mapped[str] = mapped_column(Line(20))
    # "run.planned", "extension.created", "settings.changed": what happened, stable, for filters.
    code: Mapped[str] = mapped_column(Line(60))
    message: Mapped[str] = mapped_column(Prose)
    # Template and parameters of the message, to show it in another language; NULL: there is its English alone.
    sentence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    actor: Mapped[str] = mapped_column(Line(200), default="")
    number: Mapped[str | None] = mapped_column(Line(20))
    person_guid: Mapped[str | None] = mapped_column(KEY)


class AuditEntry(Base):
    """Who changed or approved what; append-only, each entry carries the hash of the one before."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(KEY)
    occurred_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(Line(200))
    action: Mapped[str] = mapped_column(Line(60))
    details: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(Line(64))
    # Of writers at once each waits for the one before (see ``events.audit``); unique, to notice if one did not.
    hash: Mapped[str] = mapped_column(Line(64), unique=True)
    # NULL: written by a version without seals.
    seal: Mapped[str | None] = mapped_column(Line(64))


class AuditHead(Base):
    """The newest entry of the audit and how many there are, sealed; one row. ``lost`` is a head whose entry was gone when
    the next one was written.
    """

    __tablename__ = "audit_heads"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entries: Mapped[int]
    hash: Mapped[str] = mapped_column(Line(64))
    lost: Mapped[str] = mapped_column(Line(200))
    seal: Mapped[str] = mapped_column(Line(64))


class Refusal(Base):
    """How often something that came over the broker was refused, because nobody with the key had sent it."""

    __tablename__ = "refusals"
    what: Mapped[str] = mapped_column(KEY, primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime]


class ApiToken(Base):
    """A bearer token of the API; only its SHA-256 is kept. ``site_id`` is the one site it is good for, NULL all."""

    __tablename__ = "api_tokens"
    __table_args__ = (_one_of("role", [*AccountRole]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Line(200))
    role: Mapped[str] = mapped_column(Line(20), default=AccountRole.MANAGER.value, server_default="manager")
    site_id: Mapped[str | None] = mapped_column(KEY)
    token_hash: Mapped[str] = mapped_column(Line(64), unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Account(Base):
    """Somebody who may sign in to the console. ``name`` is kept in lower case: it is what one types."""

    __tablename__ = "accounts"
    __table_args__ = (_one_of("role", [*AccountRole]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(KEY, unique=True)
    display_name: Mapped[str] = mapped_column(Line(200))
    # The role at all sites; where ``site_roles`` says more, the highest of those.
    role: Mapped[str] = mapped_column(Line(20))
    # The role by id of the site, "*" for all of them; NULL: the one above at all sites.
    site_roles: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    source: Mapped[str] = mapped_column(Line(20), default=AccountSource.OWN.value, server_default="own")
    # Who it is at the source, whatever they are called: the objectGUID, or a hash of issuer and subject. NULL for the
    # sources that know people by their extension, and for own accounts.
    external_id: Mapped[str | None] = mapped_column(Line(64))
    # Argon2id in PHC form; NULL for somebody whose password is kept elsewhere.
    password_hash: Mapped[str | None] = mapped_column(Line(255))
    # How this person likes dates to be written; NULL for the default of the console.
    date_format: Mapped[str | None] = mapped_column(Line(40))
    created_at: Mapped[datetime]
    last_signed_in_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


class ConsoleSession(Base):
    """One browser that is signed in; only the SHA-256 of its token is kept."""

    __tablename__ = "console_sessions"
    __table_args__ = (Index(None, "account_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(Line(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    address: Mapped[str] = mapped_column(Line(64))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    # When a second factor was shown (or the identity provider answered for it); NULL when none was.
    second_factor_at: Mapped[datetime | None]
    # What the identity provider said, and what it is asked again with, encrypted.
    proof: Mapped[str | None] = mapped_column(Prose)


class SecondFactor(Base):
    """What an account must show besides its password: one row for each app, passkey and recovery code."""

    __tablename__ = "second_factors"
    __table_args__ = (Index(None, "account_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(Line(20))
    label: Mapped[str] = mapped_column(Line(100))
    # Of an app the shared secret, encrypted; of a passkey its public key; of a recovery code its SHA-256.
    secret: Mapped[str] = mapped_column(Prose)
    # Of a passkey: its name for itself, and the host name it is good for.
    credential_id: Mapped[str | None] = mapped_column(Prose)
    host: Mapped[str | None] = mapped_column(Line(255))
    # Only growing: of an app the last time step used, of a passkey its signature counter.
    counter: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class SignInChallenge(Base):
    """A sign-in, or a new second factor, that waits for its next step in one browser; the SHA-256 of its token is kept.

    ``content`` is encrypted JSON: what the next step is compared with.
    """

    __tablename__ = "sign_in_challenges"
    token_hash: Mapped[str] = mapped_column(Line(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(Line(20))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    content: Mapped[str] = mapped_column(Prose)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class NotifiedState(Base):
    """What was last seen of one kind of notification at a site, so that each change is told once."""

    __tablename__ = "notified_states"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    # A kind of notification, or "syslog".
    kind: Mapped[str] = mapped_column(Line(40), primary_key=True)
    # What was told and lasts.
    lasting: Mapped[list[str]]
    # How far something that only grows was read: an id of the Log or the audit, or of a run.
    cursor: Mapped[int] = mapped_column(default=0)
    # Why the last attempt to send the audit did not work.
    error_message: Mapped[str | None] = mapped_column(Prose)


class OutboxRow(HasSentences, Base):
    """A notification for one channel, until it has been sent and for some time after that."""

    __tablename__ = "outbox"
    __table_args__ = (_one_of("state", [*MessageState]), Index(None, "site_id", "state", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"))
    channel: Mapped[str] = mapped_column(Line(20))
    kind: Mapped[str] = mapped_column(Line(40))
    severity: Mapped[str] = mapped_column(Line(20))
    # The same in every copy, so that a receiver can tell a second one.
    message_id: Mapped[str] = mapped_column(Line(64))
    title: Mapped[str] = mapped_column(Prose)
    title_sentence: Mapped[dict[str, Any] | None] = beside()
    # Lines below the title.
    lines: Mapped[list[str]]
    # The page of the console that shows more, below that of the site.
    path: Mapped[str] = mapped_column(Line(200), default="")
    state: Mapped[str] = mapped_column(Line(20), default=MessageState.PENDING.value)
    attempts: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(Line(60))
    error_message: Mapped[str | None] = mapped_column(Prose)
    error_message_sentence: Mapped[dict[str, Any] | None] = beside()
    created_at: Mapped[datetime]
    # Not sent before: quiet hours, the daily summary, a receiver that did not answer.
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """Failed sign-ins of one subject: an account's name or an address, each as it was given."""

    __tablename__ = "sign_in_attempts"
    subject: Mapped[str] = mapped_column(KEY, primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class SetupLink(Base):
    """A link that makes one manager, once; only the SHA-256 of its token is kept."""

    __tablename__ = "setup_links"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(Line(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Asset(Base):
    """A picture of a site's console, re-encoded by us; ``kind`` says what it is for, ``title`` what its file was called."""

    __tablename__ = "assets"
    site_id: Mapped[str] = mapped_column(KEY, ForeignKey("sites.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Line(20), primary_key=True)
    media_type: Mapped[str] = mapped_column(Line(40))
    width: Mapped[int]
    height: Mapped[int]
    title: Mapped[str | None] = mapped_column(Line(80))
    sha256: Mapped[str] = mapped_column(Line(64))
    content: Mapped[bytes]
    updated_at: Mapped[datetime]


class Lease(Base):
    """Exclusive work: who holds it until when."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    holder: Mapped[str] = mapped_column(Line(200))
    expires_at: Mapped[datetime]


class PhoneSystemToken(Base):
    """The one access token of a phone system's API client, encrypted, shared by all workers."""

    __tablename__ = "phone_system_tokens"
    name: Mapped[str] = mapped_column(Line(255), primary_key=True)
    token: Mapped[str] = mapped_column(Prose)
    obtained_at: Mapped[datetime]
    renew_at: Mapped[datetime]
