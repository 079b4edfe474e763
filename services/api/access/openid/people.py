"""Begins a sign-in at the identity provider, takes whoever comes back, and asks again while they are signed in.

PKCE, state and nonce bind the answer to the browser and to this sign-in (RFC 9700). A session goes on as long as the provider
renews its tokens; where it gives nothing to renew them with, until the ID token ends.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import select, update

from services.api.access import challenges
from services.api.access.challenges import Purpose
from services.api.access.external_identity import CannotAsk, ExternalIdentity, Source, let_in
from services.api.access.openid.claims import display_name_in, name_in, roles_of, values_at
from services.api.access.openid.provider import Provider, ProviderAway, ProviderRefused
from services.api.access.openid.tokens import Claims, KeyUnknown, TokenInvalid, verify
from services.api.access.rules import read_rules
from shared.database.tables import Account, AccountSource, ConsoleSession
from shared.errors import SecretUnreadable
from shared.language import declared, phrase
from shared.settings.documents import SingleSignOnSettings
from shared.work import leases
from shared.worker.context import Context

log = structlog.get_logger(__name__)

_NO_RIGHTS = declared("the settings give them no rights (Settings, Single sign-on)")
_OVER = declared("the sign-in at the identity provider has ended")
# Of two requests that find a session due, one asks; a token that is used twice would be taken for stolen. Longer than
# asking can take.
_LEASE_SECONDS = 60.0


class SignInFailed(Exception):
    """Nobody was signed in; ``message`` is for the person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody who came back. ``proof`` is kept with the session, encrypted; ``back`` is where they wanted to go.

    ``until`` is when the session ends, where the provider gives nothing to renew it with.
    """

    account: Account
    proof: str
    back: str
    until: datetime | None


def is_on(context: Context) -> bool:
    """Whether anybody may sign in this way."""
    return read_rules(context, SingleSignOnSettings).settings.is_enabled


def begin(context: Context, redirect_uri: str, back: str) -> tuple[str, str]:
    """The token of the challenge for this browser, and where it goes to sign in.

    :raises SignInFailed: the provider cannot be reached, or nobody signs in this way.
    """
    settings = _settings(context)
    content = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "redirect_uri": redirect_uri,
        "back": back[:2000],
    }
    try:
        address = Provider(settings).address_to_sign_in(
            {
                "response_type": "code",
                "client_id": settings.client_id,
                "redirect_uri": redirect_uri,
                "scope": settings.scopes,
                "state": content["state"],
                "nonce": content["nonce"],
                "code_challenge": create_s256_code_challenge(content["verifier"]),
                "code_challenge_method": "S256",
            }
        )
    except ProviderAway as error:
        raise _away(settings, error) from error
    return challenges.begin(context, Purpose.OPENID, content), address


def come_back(context: Context, token: str | None, answer: Mapping[str, str], address: str) -> Arrived:
    """Whoever comes back from the provider, proven by it.

    :raises SignInFailed: it is not the answer to a sign-in that this browser began, or the provider refused.
    :raises NotLetIn: they have no rights here.
    """
    settings = _settings(context)
    challenge = challenges.find(context, Purpose.OPENID, token)
    if (
        challenge is None
        or not hmac.compare_digest(challenge.content["state"].encode(), answer.get("state", "").encode())
        # RFC 9207: where the provider names itself, it is the one that was asked.
        or answer.get("iss", settings.issuer) != settings.issuer
        or not challenges.use_up(context, challenge)
    ):
        raise SignInFailed(
            declared(
                "This sign-in took too long, was already used, or was started in another browser. Start "
                "again."
            )
        )
    content = challenge.content
    if "error" in answer or not answer.get("code"):
        log.warning("openid_sign_in_refused", error=answer.get("error", "")[:60])
        raise SignInFailed(
            phrase("{name} did not sign you in. Try again, or ask your administrator.", name=settings.name)
        )
    values = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": content["redirect_uri"],
        "code_verifier": content["verifier"],
    }
    try:
        provider = Provider(settings)
        tokens = provider.tokens(values)
        claims = _claims(provider, settings, tokens, content["nonce"])
    except ProviderAway as error:
        raise _away(settings, error) from error
    except (ProviderRefused, TokenInvalid) as error:
        log.warning("openid_answer_refused", error=str(error))
        raise SignInFailed(
            phrase(
                "What {name} answered does not prove who you are. Try again. If it happens again, see the "
                "API's log.",
                name=settings.name,
            )
        ) from error
    held = values_at(claims, settings.role_claim)
    account = let_in(context, _identity(settings, claims, held), address, tells_reason=True)
    until = None if tokens.get("refresh_token") else datetime.fromtimestamp(int(claims["exp"]), UTC)
    return Arrived(account, _proof(context, tokens, claims, held, account.name), content["back"], until)


def address_to_leave(context: Context, back: str) -> str | None:
    """Where a browser signs out at the provider too, ``None`` when that is not possible."""
    settings = read_rules(context, SingleSignOnSettings).settings
    if not settings.is_enabled:
        return None
    try:
        return Provider(settings).address_to_sign_out(
            {"client_id": settings.client_id, "post_logout_redirect_uri": back}
        )
    except ProviderAway as error:
        log.warning("openid_provider_away", error=str(error))
        return None


def source() -> Source:
    """What is asked again of people who came in this way."""
    return Source(is_on, _since, _look_again)


def _since(context: Context) -> datetime | None:
    return read_rules(context, SingleSignOnSettings).changed_at


def _look_again(context: Context, row: ConsoleSession, account: Account, now: datetime) -> ExternalIdentity:
    settings = read_rules(context, SingleSignOnSettings).settings
    over = ExternalIdentity(
        account.name,
        account.display_name,
        None,
        _OVER,
        AccountSource.OPENID,
        account.external_id,
        ends_all=False,
    )
    try:
        kept = json.loads(context.encryption.decrypt(row.proof or ""))
    except SecretUnreadable:
        return over
    if not kept["refresh"]:
        until = datetime.fromtimestamp(kept["until"], UTC)
        return (
            over if now >= until else replace(_identity(settings, kept["claims"], kept["held"]), until=until)
        )
    lease, holder = f"openid session {row.id}", leases.new_holder()
    if not leases.take(context.database, lease, holder, _LEASE_SECONDS):
        raise CannotAsk
    try:
        with context.database.read() as session:
            proof = session.scalar(select(ConsoleSession.proof).where(ConsoleSession.id == row.id))
        if proof != row.proof:
            # Somebody else has just asked.
            raise CannotAsk
        return _renewed(context, settings, row, account, kept) or over
    finally:
        leases.give_back(context.database, lease, holder)


def _renewed(
    context: Context,
    settings: SingleSignOnSettings,
    row: ConsoleSession,
    account: Account,
    kept: Mapping[str, Any],
) -> ExternalIdentity | None:
    """What the provider says of somebody now, ``None`` when it renews nothing.

    :raises CannotAsk: it does not answer.
    """
    provider = Provider(settings)
    try:
        tokens = provider.tokens({"grant_type": "refresh_token", "refresh_token": kept["refresh"]})
        claims = _claims(provider, settings, tokens, None)
    except ProviderAway as error:
        log.warning("openid_provider_away", error=str(error))
        raise CannotAsk from error
    except (ProviderRefused, TokenInvalid) as error:
        log.warning("openid_session_over", account_id=account.id, error=str(error))
        return None
    held = values_at(claims, settings.role_claim)
    identity = _identity(settings, claims, held)
    if identity.external_id != account.external_id:
        return None
    proof = _proof(context, {"refresh_token": kept["refresh"], **tokens}, claims, held, identity.name)
    with context.database.begin() as session:
        session.execute(update(ConsoleSession).where(ConsoleSession.id == row.id).values(proof=proof))
    return identity


def _claims(
    provider: Provider, settings: SingleSignOnSettings, tokens: Mapping[str, Any], nonce: str | None
) -> Claims:
    token = tokens.get("id_token")
    if not isinstance(token, str):
        raise TokenInvalid(declared("there is none"))
    try:
        claims = _verified(provider, settings, token, nonce)
    except KeyUnknown:
        claims = _verified(provider, settings, token, nonce, again=True)
    if values_at(claims, settings.role_claim):
        return claims
    # Some providers say only there in which groups somebody is.
    more = provider.userinfo(tokens["access_token"])
    if more and more.get("sub") != claims["sub"]:
        raise TokenInvalid(declared("the provider speaks of somebody else beside it"))
    return {**more, **claims}


def _verified(
    provider: Provider, settings: SingleSignOnSettings, token: str, nonce: str | None, *, again: bool = False
) -> Claims:
    keys = provider.keys(again=again)
    return verify(
        token, keys, issuer=settings.issuer, client_id=settings.client_id, nonce=nonce, now=int(time.time())
    )


def _identity(settings: SingleSignOnSettings, claims: Mapping[str, Any], held: list[str]) -> ExternalIdentity:
    roles = roles_of(settings, held)
    name = name_in(claims, settings.name_claim)
    shown = display_name_in(claims, name)
    # The subject is who it is; names are passed on to others.
    who = hashlib.sha256(f"{settings.issuer}\n{claims['sub']}".encode()).hexdigest()
    return ExternalIdentity(
        name, shown, roles, "" if roles else _NO_RIGHTS, AccountSource.OPENID, who, f"{name} ({shown})"
    )


def _proof(context: Context, tokens: Mapping[str, Any], claims: Claims, held: list[str], name: str) -> str:
    kept = {
        "refresh": tokens.get("refresh_token"),
        "until": int(claims["exp"]),
        "held": held,
        "claims": {"sub": claims["sub"], "name": claims.get("name"), "email": name},
    }
    return context.encryption.encrypt(json.dumps(kept))


def _settings(context: Context) -> SingleSignOnSettings:
    settings = read_rules(context, SingleSignOnSettings).settings
    if not settings.is_enabled:
        raise SignInFailed(declared("This sign-in method is turned off. Use another one."))
    return settings


def _away(settings: SingleSignOnSettings, error: ProviderAway) -> SignInFailed:
    log.warning("openid_provider_away", error=str(error))
    return SignInFailed(
        phrase(
            (
                "{name} cannot be reached at the moment. Try again in a minute. Rollcall accounts can still "
                "sign in."
            ),
            name=settings.name,
        )
    )
