"""Tokens and the audit on the wire."""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.api.web.schemas import Answer, Request, example
from shared.database.tables import AccountRole

_TOKEN = {
    "id": 1,
    "name": "monitoring",
    "role": "viewer",
    "site_id": None,
    "created_at": "2026-11-23T08:00:00Z",
    "last_used_at": "2026-11-23T12:00:00Z",
    "expires_at": None,
    "revoked_at": None,
}
_ENTRY = {
    "id": 12,
    "site_id": "default",
    "occurred_at": "2026-11-23T12:00:00Z",
    "actor": "token:monitoring",
    "action": "settings.changed",
    "details": {"section": "limits", "version": 4, "fields": ["removals"]},
    "hash": "5d41402abc4b2a76b9719d911017c592ae2b1c3d4e5f60718293a4b5c6d7e8f9",
}


class TokenOut(Answer):
    """A token, without what one signs in with."""

    model_config = example(**_TOKEN)
    id: int
    name: str
    role: AccountRole
    site_id: str | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenList(Answer):
    """All tokens ever made."""

    model_config = example(items=[_TOKEN])
    items: list[TokenOut]


class NewToken(Request):
    """A token to be made."""

    model_config = example(name="monitoring", role="viewer", site_id=None, expires_in_days=90)
    name: str = Field(
        description="Who uses it. Shown in the Log and the audit.",
        # Told in the description of the API, and checked where a sentence says what is wrong.
        json_schema_extra={"minLength": 1, "maxLength": 100},
    )
    role: AccountRole = Field(
        AccountRole.MANAGER,
        description="A viewer looks; an operator also starts, approves, rejects and cancels runs; a manager may do all.",
    )
    site_id: str | None = Field(
        None, max_length=120, description="The only site it is valid for. Omit for all sites."
    )
    expires_in_days: int | None = Field(
        None,
        description="Without, it is valid until revoked.",
        json_schema_extra={"minimum": 1, "maximum": 3650},
    )


class TokenMade(Answer):
    """The new token. It is shown this once."""

    model_config = example(**{"name": "monitoring", "token": "rc_(shown once)"})
    name: str
    token: str


class AuditEntryOut(Answer):
    """Who changed or approved what."""

    model_config = example(**_ENTRY)
    id: int
    site_id: str
    occurred_at: datetime
    actor: str
    action: str
    details: dict[str, Any]
    hash: str


class AuditOut(Answer):
    """A page of the audit, newest first."""

    model_config = example(items=[_ENTRY], next_before=None)
    items: list[AuditEntryOut]
    next_before: int | None


class AuditVerified(Answer):
    """Whether the chain of the audit is whole."""

    model_config = example(is_whole=True, first_broken_id=None)
    is_whole: bool
    first_broken_id: int | None
