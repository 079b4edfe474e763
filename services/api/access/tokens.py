"""API tokens: made, listed, revoked and checked. A token is shown once; the database keeps only its SHA-256."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import bindparam, select, update

from services.api.access.hashed import token_hash
from shared.database import events
from shared.database.locks import exclusive
from shared.database.tables import AccountRole, ApiToken, Site
from shared.errors import Conflict, NotFound, SettingsInvalid, StorageUnavailable
from shared.language import declared, phrase
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

log = structlog.get_logger(__name__)

PREFIX = "rc_"
# Whoever makes or ends tokens waits for others who do.
TOKENS = "tokens"
_USE_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_DAYS = 3650


class ValidToken(NamedTuple):
    """What a request may do by its token: ``site_id`` is ``None`` for all sites."""

    id: int
    name: str
    role: str
    site_id: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


# Built once: every request asks it, and making the statement takes as long as reading the row.
_BY_HASH = select(*(ApiToken.__table__.c[name] for name in ValidToken._fields)).where(
    ApiToken.__table__.c.token_hash == bindparam("hash")
)


def create_token(
    context: Context,
    name: str,
    expires_in_days: int | None = None,
    actor: str = "system",
    *,
    role: AccountRole = AccountRole.MANAGER,
    site_id: str | None = None,
) -> str:
    """A new token with the rights of the role, for one site or all, valid until revoked or expired. This is the only
    time it can be seen.

    :raises NotFound: there is no such site.
    :raises SettingsInvalid: the name is empty, too long or not printable, or the days are not between 1 and 3650.
    :raises Conflict: a valid token has this name already.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise SettingsInvalid(
            declared("A token needs a name of 1 to 100 printable characters that says who uses it.")
        )
    if expires_in_days is not None and not 1 <= expires_in_days <= _LONGEST_DAYS:
        raise SettingsInvalid(
            phrase(
                "A token may be valid for 1 to {longest_days} days, or without expiry.",
                longest_days=_LONGEST_DAYS,
            )
        )
    now = datetime.now(UTC)
    token = PREFIX + secrets.token_urlsafe(32)
    with context.database.begin() as session:
        exclusive(session, TOKENS)
        if site_id is not None and session.get(Site, site_id) is None:
            raise NotFound(
                phrase(
                    (
                        "There is no site '{site_id}'. Leave the site empty for a token that is valid at all sites."
                    ),
                    site_id=site_id[:80],
                )
            )
        same = session.scalars(select(ApiToken).where(ApiToken.name == name))
        if any(_is_valid(row, now) for row in same):
            raise Conflict(
                phrase(
                    "There is a token named '{name}' already. Revoke it first, or choose another name.",
                    name=name,
                )
            )
        row = ApiToken(
            name=name,
            role=role.value,
            site_id=site_id,
            token_hash=token_hash(token),
            created_at=now,
            expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
        )
        session.add(row)
        session.flush()
        details = {
            "id": row.id,
            "name": name,
            "role": role.value,
            "site": site_id,
            "expires_in_days": expires_in_days,
        }
        events.audit(session, DEFAULT_SITE, actor=actor, action="token.created", details=details)
    return token


def list_tokens(context: Context) -> list[ApiToken]:
    """All tokens ever made, oldest first, without anything one could sign in with."""
    with context.database.read() as session:
        return list(session.scalars(select(ApiToken).order_by(ApiToken.id)))


def revoke_token(context: Context, token_id: int, actor: str = "system") -> ApiToken:
    """End a token now; ending it twice is not an error.

    :raises NotFound: there is no such token.
    """
    with context.database.begin() as session:
        row = session.get(ApiToken, token_id)
        if row is None:
            raise NotFound(phrase("There is no token {token_id}.", token_id=token_id))
        if row.revoked_at is None:
            row.revoked_at = datetime.now(UTC)
            details = {"id": token_id, "name": row.name}
            events.audit(session, DEFAULT_SITE, actor=actor, action="token.revoked", details=details)
    return row


def valid_token(context: Context, token: str) -> ValidToken | None:
    """The token that the text is, ``None`` when it is none (any more); notes its use at most once a minute."""
    # Looked up by hash: how long it takes says nothing about the token itself.
    now = datetime.now(UTC)
    with context.database.rows() as connection:
        found = connection.execute(_BY_HASH, {"hash": token_hash(token)}).first()
    row = None if found is None else ValidToken(*found)
    if row is None or not _is_valid(row, now):
        return None
    if row.last_used_at is None or row.last_used_at <= now - _USE_NOTED_EVERY:
        _note_use(context, row.id, now)
    return row


def _note_use(context: Context, token_id: int, now: datetime) -> None:
    try:
        with context.database.begin() as session:
            session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))
    except StorageUnavailable as error:
        # A full disk must not keep anyone from reading what went wrong.
        log.warning("token_use_not_noted", token_id=token_id, error=error.message)


def _is_valid(row: ApiToken | ValidToken, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)
