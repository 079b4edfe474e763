"""Removes a site with everything that belongs to it. The audit stays.

The first transaction takes the settings away: from then on no run of the site can start, whatever happens. What is
big follows in bounded batches; the site's row goes last. Killed in between, asking again goes on.
"""

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.api.access.accounts import ACCOUNTS
from services.api.access.rules import read_rules
from services.api.access.tokens import TOKENS
from shared.database import events
from shared.database.found import site_of
from shared.database.locks import exclusive
from shared.database.rows import rows_of
from shared.database.tables import (
    Account,
    ApiToken,
    Asset,
    BindingRow,
    ChangeRow,
    Event,
    GivenNumberRow,
    GraceRow,
    NotifiedState,
    OutboxRow,
    OwedSteps,
    RollReading,
    RollRow,
    Run,
    SettingsVersion,
    Site,
    WatchRow,
)
from shared.errors import Conflict, SettingsInvalid
from shared.language import declared, phrase
from shared.runs.controllers import remember
from shared.runs.retention import BATCH, delete_events, delete_runs
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.settings import store
from shared.settings.documents import DirectoryGroupsSettings, SingleSignOnSettings
from shared.settings.store import DEFAULT_SITE
from shared.work import leases
from shared.work.moves import move_run
from shared.work.transitions import RunEvent
from shared.worker.context import Context


def remove_site(
    context: Context, site_id: str, actor: str, *, confirm: str, even_default: bool = False
) -> dict[str, int]:
    """Remove the site; how many runs, entries of the Log, bindings and tokens went with it.

    The site called ``default`` is what the console and the command line begin with: it is emptied, not removed, and
    only when asked for with ``even_default``. Nothing is changed on the phone system.

    :raises NotFound: there is no such site.
    :raises SettingsInvalid: ``confirm`` is not the site's id, or the default site is not named as such.
    :raises Conflict: a run of the site is going, or a rule of signing in gives a role there.
    :raises LeaseHeld: another process is removing it.
    """
    if confirm != site_id:
        raise SettingsInvalid(
            phrase(
                "Removing the site '{site_id}' must be confirmed by typing its id. Nothing was removed.",
                site_id=site_id,
            )
        )
    if site_id == DEFAULT_SITE and not even_default:
        raise SettingsInvalid(
            declared(
                "The site 'default' is the one that the console and the command line use first. To empty it "
                "anyway, use `rollcall site remove default --even-default` or even_default=true. Nothing was "
                "removed."
            )
        )
    with leases.hold(
        context.database,
        f"site removal:{site_id}",
        leases.new_holder(),
        context.settings.lease_seconds,
    ):
        _check_rules(context, site_id)
        gone = _stop(context, site_id, actor)
        with context.database.read() as session:
            runs = session.scalars(select(Run.id).where(Run.site_id == site_id).order_by(Run.id)).all()
        gone["runs"] = delete_runs(context.database, runs)
        gone["bindings"] = _forget(context, BindingRow.person_guid, BindingRow.site_id == site_id)
        _forget(context, RollRow.holder, RollRow.site_id == site_id)
        gone["events"] = delete_events(context.database, Event.site_id == site_id)
        _end(context, site_id, actor, gone)
    return gone


def _stop(context: Context, site_id: str, actor: str) -> dict[str, int]:
    """Take away what a run or a caller of the API would need, and write down that it begins."""
    with context.database.begin() as session:
        _lock_rights(session)
        # As start_run does: a run that is being started waits, and then finds no settings.
        session.execute(update(Site).where(Site.id == site_id).values(name=Site.name))
        site = site_of(session, site_id)
        active = session.scalar(
            select(Run.id).where(Run.site_id == site_id, Run.state.in_(ACTIVE_STATES)).limit(1)
        )
        if active is not None:
            raise Conflict(
                phrase(
                    "Run {active} of the site '{site_id}' is still active. Wait until it ends or cancel it, then "
                    "remove the site.",
                    active=active,
                    site_id=site_id,
                ),
                run_id=active,
            )
        waiting = select(Run.id).where(Run.site_id == site_id, Run.state.in_(WAITING_STATES))
        for run_id in session.scalars(waiting).all():
            move_run(session, run_id, RunEvent.CANCELLED)
        session.execute(delete(SettingsVersion).where(SettingsVersion.site_id == site_id))
        session.execute(delete(Asset).where(Asset.site_id == site_id))
        session.execute(delete(OwedSteps).where(OwedSteps.site_id == site_id))
        session.execute(delete(GraceRow).where(GraceRow.site_id == site_id))
        session.execute(delete(GivenNumberRow).where(GivenNumberRow.site_id == site_id))
        _forget_what_follows(session, site_id)
        tokens = _end_rights(session, site_id)
        details = {"name": site.name, "tokens": tokens}
        events.audit(session, site_id, actor=actor, action="site.removal_begun", details=details)
    return {"tokens": tokens}


def _forget_what_follows(session: Session, site_id: str) -> None:
    """What the watcher and the notifier keep."""
    for table in (ChangeRow, WatchRow, NotifiedState, OutboxRow):
        session.execute(delete(table).where(table.site_id == site_id))


def _check_rules(context: Context, site_id: str) -> None:
    """Refuse while a rule of signing in gives a role at the site: it would give it at a later site of this id."""
    groups = read_rules(context, DirectoryGroupsSettings).settings.groups
    claims = read_rules(context, SingleSignOnSettings).settings.roles
    for place, rules in ((declared("AD accounts"), groups), (declared("single sign-on"), claims)):
        if site_id != DEFAULT_SITE and any(rule.site == site_id for rule in rules):
            raise Conflict(
                phrase(
                    "A rule of {place} gives roles at the site '{site_id}'. Remove the rule from the settings "
                    "({place}), then remove the site.",
                    place=place,
                    site_id=site_id,
                )
            )


def _lock_rights(session: Session) -> None:
    """Nobody is given a token or a role while those of the site end."""
    exclusive(session, TOKENS)
    exclusive(session, ACCOUNTS)


def _end_rights(session: Session, site_id: str) -> int:
    """Nobody has a role or token at a later site of this id for it; how many tokens ended.

    An account without any other role comes in no more.
    """
    tokens = rows_of(session.execute(delete(ApiToken).where(ApiToken.site_id == site_id)))
    if site_id == DEFAULT_SITE:
        return tokens
    for account in session.scalars(select(Account).where(Account.site_roles.is_not(None))):
        held = account.site_roles or {}
        if site_id in held:
            account.site_roles = {other: role for other, role in held.items() if other != site_id}
    return tokens


def _forget(context: Context, key: InstrumentedAttribute[str], mine: ColumnElement[bool]) -> int:
    """Delete the site's rows of a table by the key they have within the site; how many are gone."""
    gone = 0
    while True:
        with context.database.begin() as session:
            keys = session.scalars(select(key).where(mine).limit(BATCH)).all()
            session.execute(delete(key.class_).where(mine, key.in_(keys)))
        gone += len(keys)
        if len(keys) < BATCH:
            return gone


def _end(context: Context, site_id: str, actor: str, gone: dict[str, int]) -> None:
    with context.database.begin() as session:
        _lock_rights(session)
        session.execute(update(Site).where(Site.id == site_id).values(name=Site.name))
        # Given while it was being removed.
        gone["tokens"] += _end_rights(session, site_id)
        if any(_has(session, table, site_id) for table in (Run, SettingsVersion, BindingRow, Asset)):
            raise Conflict(
                phrase(
                    (
                        "The settings of the site '{site_id}' were changed while it was being removed. Check whether "
                        "it is still needed. To remove it, try again."
                    ),
                    site_id=site_id,
                )
            )
        session.execute(delete(Event).where(Event.site_id == site_id))
        session.execute(delete(RollReading).where(RollReading.site_id == site_id))
        remember(session, site_id, None)
        # They may have stored something meanwhile; without settings they have ended by now.
        _forget_what_follows(session, site_id)
        if site_id == DEFAULT_SITE:
            begun = store.new_site(site_id)
            session.execute(
                update(Site).where(Site.id == site_id).values(name=site_id, beginning=begun.beginning)
            )
        else:
            session.execute(delete(Site).where(Site.id == site_id))
        events.audit(session, site_id, actor=actor, action="site.removed", details=gone)


def _has(
    session: Session, table: type[Run] | type[SettingsVersion] | type[BindingRow] | type[Asset], site_id: str
) -> bool:
    return bool(session.scalar(select(func.count()).select_from(table).where(table.site_id == site_id)))
