"""What waits for its next step in one browser: a sign-in that needs a second factor, a new factor, a visit to an
identity provider. Known by a token that only that browser has, good for minutes and used up by the step.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, select

from services.api.access.hashed import token_hash
from shared.database.rows import rows_of
from shared.database.tables import SignInChallenge
from shared.errors import SecretUnreadable
from shared.worker.context import Context

LASTS = timedelta(minutes=10)


class Purpose(StrEnum):
    """What the next step is for."""

    SECOND_FACTOR = "second_factor"
    NEW_FACTOR = "new_factor"
    OPENID = "openid"


@dataclass(frozen=True, slots=True)
class Challenge:
    """One that is still good. ``content`` is what the next step is compared with."""

    token: str
    purpose: Purpose
    account_id: int | None
    content: Mapping[str, Any]


def begin(
    context: Context, purpose: Purpose, content: Mapping[str, Any], account_id: int | None = None
) -> str:
    """The token of a new challenge."""
    now = datetime.now(UTC)
    token = secrets.token_urlsafe(32)
    with context.database.begin() as session:
        session.execute(delete(SignInChallenge).where(SignInChallenge.expires_at < now))
        session.add(
            SignInChallenge(
                token_hash=token_hash(token),
                purpose=purpose.value,
                account_id=account_id,
                content=context.encryption.encrypt(json.dumps(dict(content))),
                created_at=now,
                expires_at=now + LASTS,
            )
        )
    return token


def find(context: Context, purpose: Purpose, token: str | None) -> Challenge | None:
    """The challenge of this token, ``None`` when there is none (any more)."""
    if not token:
        return None
    with context.database.read() as session:
        row = session.scalar(
            select(SignInChallenge).where(
                SignInChallenge.token_hash == token_hash(token),
                SignInChallenge.purpose == purpose.value,
                SignInChallenge.expires_at > datetime.now(UTC),
            )
        )
    if row is None:
        return None
    try:
        content = json.loads(context.encryption.decrypt(row.content))
    except SecretUnreadable:
        return None
    return Challenge(token, purpose, row.account_id, content)


def use_up(context: Context, challenge: Challenge) -> bool:
    """Whether the step is this one's: of two that use one token at once, one goes on."""
    with context.database.begin() as session:
        gone = session.execute(
            delete(SignInChallenge).where(SignInChallenge.token_hash == token_hash(challenge.token))
        )
        return bool(rows_of(gone))
