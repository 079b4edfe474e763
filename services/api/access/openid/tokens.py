"""Is an ID token genuine, for us, of this sign-in and still good? (OpenID Connect Core 1.0, section 3.1.3.7.) Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from authlib.oidc.core.claims import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

# Signatures that only the provider can make: never "none", and nothing made with a secret that both know.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_CLOCKS_DIFFER_SECONDS = 60

Claims = Mapping[str, Any]


class TokenInvalid(Exception):
    """The token proves nothing; ``why`` says why, without anything of its content."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class KeyUnknown(TokenInvalid):
    """It is signed with a key that is not among the provider's; perhaps a new one."""


def verify(
    token: str, keys: Sequence[Key], *, issuer: str, client_id: str, nonce: str | None, now: int
) -> Claims:
    """The claims of a genuine token; ``nonce`` is ``None`` where none was sent (a token that was renewed).

    :raises KeyUnknown: none of these keys has signed it.
    :raises TokenInvalid: it is not genuine, not for us, of another sign-in, or over.
    """
    decoded = _decoded(token, keys)
    options: Any = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
    }
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        options,
        {"client_id": client_id, **({"nonce": nonce} if nonce else {})},
    )
    try:
        claims.validate(now, _CLOCKS_DIFFER_SECONDS)
    except JoseError as error:
        raise TokenInvalid(f"its claim {getattr(error, 'claim', '') or 'set'} is not as expected") from error
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise TokenInvalid("it names nobody")
    return dict(claims)


def usable_keys(key_set: Any) -> list[Key]:
    """The keys of a provider's list with which tokens can be signed; what is not understood is left out."""
    found: list[Key] = []
    for item in key_set.get("keys", ()) if isinstance(key_set, dict) else ():
        if (
            not isinstance(item, dict)
            or item.get("use", "sig") != "sig"
            or item.get("kty") not in ("RSA", "EC")
        ):
            continue
        try:
            found.append(JWKRegistry.import_key(item))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found


def _decoded(token: str, keys: Sequence[Key]) -> jwt.Token:
    try:
        kid = jws.extract_compact(token.encode()).headers().get("kid")
    except (JoseError, ValueError, TypeError) as error:
        raise TokenInvalid("it is no signed token") from error
    for key in keys:
        if kid is not None and key.kid is not None and key.kid != kid:
            continue
        try:
            return jwt.decode(token, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError):
            continue
    raise KeyUnknown("no key of the provider has signed it")
