"""Passkeys (WebAuthn): a key that stays in the device and signs for one host name only, so that no copy of our page can
use it. Pure but for the randomness of a challenge.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

from shared.language import declared

_NAME = "Rollcall"
_LONGEST = 20_000


class PasskeyRefused(Exception):
    """What the browser sent proves nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the console is for the browser: its host name, and scheme, name and port."""

    host: str
    origin: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as it is kept: its name for itself and its public key (base64url), and its counter."""

    credential_id: str
    public_key: str
    counter: int


def new_challenge() -> str:
    """Random bytes in base64url: each is signed once."""
    return secrets.token_urlsafe(32)


def options_to_create(
    challenge: str, place: Place, account_id: int, name: str, display_name: str, known: Iterable[str]
) -> str:
    """What the browser needs to make a passkey, as JSON; none where one of the ``known`` is already."""
    return options_to_json(
        generate_registration_options(
            rp_id=place.host,
            rp_name=_NAME,
            user_id=str(account_id).encode(),
            user_name=name,
            user_display_name=display_name,
            challenge=base64url_to_bytes(challenge),
            exclude_credentials=_described(known),
        )
    )


def created(credential: str, challenge: str, place: Place) -> Passkey:
    """The passkey that the browser made.

    :raises PasskeyRefused: for another challenge or place, or not signed.
    """
    try:
        made = verify_registration_response(
            credential=_short(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=place.host,
            expected_origin=place.origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused from error
    return Passkey(
        bytes_to_base64url(made.credential_id),
        bytes_to_base64url(made.credential_public_key),
        made.sign_count,
    )


def options_to_show(challenge: str, place: Place, known: Iterable[str]) -> str:
    """What the browser needs to show one of the ``known`` passkeys, as JSON."""
    return options_to_json(
        generate_authentication_options(
            rp_id=place.host,
            challenge=base64url_to_bytes(challenge),
            allow_credentials=_described(known),
            user_verification=UserVerificationRequirement.PREFERRED,
        )
    )


def shown(credential: str, challenge: str, place: Place, passkey: Passkey) -> int:
    """The passkey's counter now; one that does not count says 0 for ever.

    :raises PasskeyRefused: it is another one, for another challenge or place, not signed, or its counter went back: then
        there are two of it.
    """
    try:
        found = verify_authentication_response(
            credential=_short(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=place.host,
            expected_origin=place.origin,
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.counter,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise PasskeyRefused from error
    if bytes_to_base64url(found.credential_id) != passkey.credential_id:
        raise PasskeyRefused
    return found.new_sign_count


def _short(credential: str) -> str:
    if len(credential) > _LONGEST:
        raise ValueError(declared("too long"))
    return credential


def _described(known: Iterable[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known]
