"""Brings a backup into the database, in one transaction: all of it or nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.api.operations.use_cases.backup import TABLES, Backup
from shared.database import events, locks
from shared.database.tables import (
    Account,
    ApiToken,
    Asset,
    Base,
    BindingRow,
    ConsoleSession,
    Run,
    SecondFactor,
    SettingsVersion,
    SignInChallenge,
    Site,
)
from shared.encryption import Encryption
from shared.errors import BackupUnusable, Conflict, RowRefused, StorageRefused
from shared.language import declared, phrase
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.settings import store
from shared.settings.documents import Document, Section
from shared.settings.store import DEFAULT_SITE
from shared.work.moves import move_run
from shared.work.transitions import RunEvent
from shared.worker.context import Context

# What is replaced as a whole; the sites stay, because their runs and Logs refer to them.
_REPLACED = ("bindings", "graces", "given_numbers", "assets", "accounts", "tokens")
_INSERT_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Restored:
    """How much was brought back."""

    sites: int
    settings: int
    bindings: int
    accounts: int
    tokens: int


def restore(context: Context, backup: Backup, actor: str, *, replace: bool = False) -> Restored:
    """Make the configuration, the bindings and who may sign in what the backup says.

    An empty database takes it as it is. With ``replace`` another one gives up its own; its runs, Log, audit and older
    versions of settings stay, plans that wait are cancelled, everybody is signed out.

    :raises Conflict: the database is in use already and ``replace`` was not said, a run is going, or there is a site
        that the backup does not know.
    :raises BackupUnusable: the database does not take a value of it.
    """
    try:
        with context.database.begin() as session:
            locks.exclusive(session, "restore")
            _check_target(session, backup, replace=replace)
            return _restore(session, context.encryption, backup, actor)
    except (RowRefused, StorageRefused) as error:
        raise BackupUnusable(
            declared(
                "The backup cannot be stored in the database: two of its rows contradict each other, or "
                "another change came in between. Nothing was changed; try again, or take another backup."
            )
        ) from error


def _check_target(session: Session, backup: Backup, *, replace: bool) -> None:
    # As start_run does: no run begins while it goes on.
    session.execute(update(Site).values(name=Site.name))
    active = session.scalar(select(Run.id).where(Run.state.in_(ACTIVE_STATES)).limit(1))
    if active is not None:
        raise Conflict(
            phrase(
                "Run {active} is still active. Wait until it ends or cancel it, then restore. Nothing was "
                "changed.",
                active=active,
            )
        )
    present = set(session.scalars(select(Site.id)))
    held = [name for name, table in _kept_things() if session.scalar(select(func.count()).select_from(table))]
    if present - {DEFAULT_SITE}:
        held.append(declared("other sites"))
    if held and not replace:
        raise Conflict(
            phrase(
                "The database is in use already: it has {held}. Restore into an empty database, or use "
                "--replace to overwrite its contents. Nothing was changed.",
                held=", ".join(held),
            )
        )
    extra = sorted(present - backup.site_ids - {DEFAULT_SITE})
    if extra:
        raise Conflict(
            phrase(
                "The database has the site '{extra}', which the backup does not know. Remove it first "
                "(`rollcall site remove {extra}`) if it is not needed. Nothing was changed.",
                extra=extra[0],
            )
        )


def _kept_things() -> Iterable[tuple[str, type[Base]]]:
    return (
        ("settings", SettingsVersion),
        ("bindings", BindingRow),
        ("runs", Run),
        ("accounts", Account),
        ("tokens", ApiToken),
        ("pictures", Asset),
    )


def _restore(session: Session, encryption: Encryption, backup: Backup, actor: str) -> Restored:
    sentence = declared("A backup was restored; the plan no longer applies.")
    for run_id in session.scalars(select(Run.id).where(Run.state.in_(WAITING_STATES))).all():
        move_run(
            session,
            run_id,
            RunEvent.CANCELLED,
            sentence=sentence,
            error_code="cancelled",
            error_message=sentence,
        )
    replaced: list[type[Base]] = [
        ConsoleSession,
        SignInChallenge,
        SecondFactor,
        *(TABLES[name] for name in _REPLACED),
    ]
    for table in replaced:
        session.execute(delete(table))
    _restore_sites(session, backup.rows["sites"])
    for name in _REPLACED:
        _insert(session, TABLES[name], [_now_again(name, row) for row in backup.rows[name]])
    changed = _restore_settings(session, encryption, backup, actor)
    counts = Restored(
        sites=len(backup.rows["sites"]),
        settings=changed,
        bindings=len(backup.rows["bindings"]),
        accounts=len(backup.rows["accounts"]),
        tokens=len(backup.rows["tokens"]),
    )
    for site_id in sorted(backup.site_ids):
        message = declared(
            "A backup was restored: settings, links and pictures are as they were in the backup."
        )
        events.record(session, site_id, events.LogEntry("backup.restored", message, actor=actor))
    details = {
        "sites": counts.sites, "settings": counts.settings, "bindings": counts.bindings,
        "accounts": counts.accounts, "tokens": counts.tokens,
    }  # fmt: skip
    events.audit(session, DEFAULT_SITE, actor=actor, action="backup.restored", details=details)
    return counts


def _now_again(name: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as it is restored. Nobody knows whether people were back since, so their days of grace begin anew."""
    return row if name != "graces" else {**row, "began_at": None, "ends_at": None}


def _restore_sites(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        site = session.get(Site, row["id"])
        if site is None:
            session.add(Site(**row))
        else:
            # What was never saved means what it meant there.
            site.name, site.beginning = row["name"], row["beginning"]
    session.flush()


def _restore_settings(session: Session, encryption: Encryption, backup: Backup, actor: str) -> int:
    """Store what the backup says as the next version of each section; how many sections that is."""
    newest = {
        (row.site_id, row.section): row.version
        for row in session.execute(
            select(
                SettingsVersion.site_id,
                SettingsVersion.section,
                func.max(SettingsVersion.version).label("version"),
            ).group_by(SettingsVersion.site_id, SettingsVersion.section)
        )
    }
    wanted: dict[tuple[str, str], tuple[Document, int]] = {
        (item.site_id, item.section.value): (item.document, item.version) for item in backup.settings
    }
    begun = {row["id"]: row["beginning"] for row in backup.rows["sites"]}
    for site_id, section in newest:
        # Saved after the backup was made: then it had its defaults.
        if section in [*Section]:
            archive = wanted.get((site_id, Section.ARCHIVE.value))
            counts = store.initial_values(begun.get(site_id), archive[0] if archive else None)
            wanted.setdefault((site_id, section), (store.unsaved(Section(section), counts), 1))
    now = datetime.now(UTC)
    rows = [
        {
            "site_id": site_id,
            "section": section,
            "version": max(version, newest.get((site_id, section), 0) + 1),
            "document": store.seal_secrets(document, encryption),
            "actor": actor,
            "created_at": now,
        }
        for (site_id, section), (document, version) in wanted.items()
    ]
    _insert(session, SettingsVersion, rows)
    return len(rows)


def _insert(session: Session, table: type[Base], rows: Any) -> None:
    for start in range(0, len(rows), _INSERT_BATCH):
        session.execute(insert(table), list(rows[start : start + _INSERT_BATCH]))
