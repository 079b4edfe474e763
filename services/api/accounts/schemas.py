"""Tokens and the audit on the wire."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from services.api.accounts.queries import message_of
from services.api.web.schemas import Answer, Request, example
from shared.audit_words import audit_changes
from shared.database.tables import AccountRole, AuditEntry

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
    "message": "The token “monitoring” changed the limits settings (version 4).",
    "changes": [{"setting": "Deletions", "before": "5", "after": "9"}],
    "details": {
        "section": "limits",
        "version": 4,
        "fields": ["removals"],
        "changes": [["removals", "5", "9"]],
        "changes_in_all": 1,
    },
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


class AuditChange(Answer):
    """A changed setting by its label; of a secret, only that it was changed."""

    setting: str
    before: str | None
    after: str | None


class AuditEntryOut(Answer):
    """Who changed or approved what: a sentence, the changes of settings, and what was sealed."""

    model_config = example(**_ENTRY)
    id: int
    site_id: str
    occurred_at: datetime
    actor: str
    action: str
    message: str
    changes: list[AuditChange]
    details: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """The entry in words, in English."""
        return cls(
            id=entry.id,
            site_id=entry.site_id,
            occurred_at=entry.occurred_at,
            actor=entry.actor,
            action=entry.action,
            message=message_of(entry),
            changes=[
                AuditChange(setting=label, before=was, after=becomes)
                for label, was, becomes in audit_changes(entry.details)
            ],
            details=entry.details,
            hash=entry.hash,
        )


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
