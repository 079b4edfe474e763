"""ID tokens that prove nothing are refused, and claims are read as the settings say."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey
from pydantic import SecretStr

from services.api.access.openid.claims import display_name_in, name_in, roles_of, values_at
from services.api.access.openid.tokens import KeyUnknown, TokenInvalid, usable_keys, verify
from services.api.access.site_roles import SiteRoles
from shared.database.tables import AccountRole
from shared.errors import SettingsInvalid
from shared.settings.candidate import candidate
from shared.settings.documents import Section, SingleSignOnSettings, SiteSettings
from shared.settings.store import StoredSettings

NOW = 1_796_000_000
ISSUER, CLIENT, NONCE = "https://idp.example", "rollcall", "n-1"
RSA = RSAKey.generate_key(2048, {"kid": "a", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "b", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "a", "use": "sig"})
GOOD: dict[str, Any] = {
    "iss": ISSUER, "sub": "anna", "aud": CLIENT, "exp": NOW + 300, "iat": NOW, "nonce": NONCE,
}  # fmt: skip


def _keys(*keys: Key) -> list[Key]:
    return usable_keys({"keys": [key.as_dict(private=False) for key in keys]})


def _signed(claims: dict[str, Any], key: Key = RSA, algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode({"alg": algorithm, "kid": key.kid, **header}, claims, key, algorithms=[algorithm])


def _verify(token: str, nonce: str | None = NONCE) -> Any:
    return verify(token, _keys(RSA, EC), issuer=ISSUER, client_id=CLIENT, nonce=nonce, now=NOW)


def test_a_genuine_token_is_taken_with_each_key_of_the_provider() -> None:
    assert _verify(_signed(GOOD))["sub"] == "anna"
    assert _verify(_signed(GOOD, EC, "ES256"))["sub"] == "anna"
    assert _verify(_signed(GOOD | {"aud": [CLIENT, "x"], "azp": CLIENT}))["sub"] == "anna"
    # A clock may differ by a minute, and what is renewed has no nonce.
    assert _verify(_signed(GOOD | {"exp": NOW - 30}))
    assert _verify(_signed({name: GOOD[name] for name in GOOD if name != "nonce"}), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": NOW - 3600},
        {"nbf": NOW + 3600},
        {"iat": NOW + 3600},
        {"nonce": "n-2"},
        {"nonce": None},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"exp": "never"},
        {"exp": None},
    ],
)
def test_a_claim_that_is_not_as_expected_refuses_the_token(changes: dict[str, Any]) -> None:
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(TokenInvalid) as caught:
        _verify(_signed(claims))
    assert "evil" not in caught.value.why


def test_a_signature_of_anybody_else_refuses_the_token() -> None:
    public = RSA.as_pem(private=False)
    head, body, signature = _signed(GOOD).split(".")
    forged = {
        "another key of the same name": _signed(GOOD, OTHER),
        "the public key as a secret": _keyed(public),
        "none": f"{_part({'alg': 'none'})}.{body}.",
        "no signature": f"{head}.{body}.",
        "another's signature": f"{head}.{body}.{_signed(GOOD | {'sub': 'eve'}).split('.')[2]}",
        "changed": f"{head}.{_part(GOOD | {'sub': 'eve'})}.{signature}",
        "unknown key": _signed(GOOD, kid="c"),
        "nothing": "",
        "words": "a.b.c",
    }
    for name, token in forged.items():
        with pytest.raises(TokenInvalid):
            pytest.fail(f"{name}: {_verify(token)}")
    with pytest.raises(KeyUnknown):
        _verify(_signed(GOOD, kid="c"))


def _keyed(secret: bytes) -> str:
    """A token with an HMAC instead of a signature."""
    signed = f"{_part({'alg': 'HS256', 'kid': 'a'})}.{_part(GOOD)}"
    made = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "said", [None, [], {}, {"keys": [None, {}, {"kty": "RSA"}, {"kty": "oct", "k": "eA"}]}]
)
def test_keys_that_are_none_are_left_out(said: Any) -> None:
    assert usable_keys(said) == []


def test_values_are_found_at_their_place() -> None:
    claims = {
        "roles": ["a", 1, "b"],
        "group": "c",
        "realm_access": {"roles": ["d"]},
        "https://x.example/r": ["e"],
    }
    assert values_at(claims, "roles") == ["a", "b"]
    assert values_at(claims, "group") == ["c"]
    assert values_at(claims, "realm_access.roles") == ["d"]
    assert values_at(claims, "https://x.example/r") == ["e"]
    assert values_at(claims, "realm_access.roles.x") == values_at(claims, "missing") == []


def test_a_name_is_the_claim_of_the_settings_or_the_next_best() -> None:
    assert (
        name_in({"preferred_username": " Anna@Corp.Example\x07", "sub": "1"}, "preferred_username")
        == "anna@corp.example"
    )
    assert name_in({"email": "a@b.example", "sub": "1"}, "preferred_username") == "a@b.example"
    assert name_in({"sub": "1"}, "preferred_username") == "1"
    assert display_name_in({"name": "Anna \u202eEve"}, "x") == "Anna Eve"
    assert display_name_in({}, "x") == "x"


def test_the_highest_role_counts_at_each_site() -> None:
    settings = SingleSignOnSettings.model_validate(
        {"roles": [{"value": "a", "role": "viewer"}, {"value": "b", "role": "operator"},
                   {"value": "c", "role": "manager", "site": "oslo"}]}
    )  # fmt: skip
    assert roles_of(settings, ["a", "b", "c"]) == SiteRoles(
        AccountRole.OPERATOR, {"oslo": AccountRole.MANAGER}
    )
    assert roles_of(settings, ["c"]) == SiteRoles(at={"oslo": AccountRole.MANAGER})
    assert roles_of(settings, ["A"]) is None


@pytest.mark.parametrize(
    "issuer",
    [
        "http://idp.example",
        "http://127.evil.example",
        "idp.example",
        "https://u@idp.example",
        "https://idp.example?x",
    ],
)
def test_an_issuer_is_an_encrypted_address(issuer: str) -> None:
    with pytest.raises(ValueError, match=r"address|https"):
        SingleSignOnSettings(issuer=issuer)


def test_the_client_secret_stays_with_its_issuer() -> None:
    stored = StoredSettings(
        SiteSettings(single_sign_on=SingleSignOnSettings(issuer=ISSUER, client_secret=SecretStr("s"))), {}
    )
    kept = candidate(stored, Section.SINGLE_SIGN_ON, {"issuer": ISSUER, "client_secret": "set"})
    assert isinstance(kept, SingleSignOnSettings)
    assert kept.client_secret.get_secret_value() == "s"
    for elsewhere in ({"issuer": "https://evil.example"}, {"issuer": ISSUER, "ca_certificate": "another"}):
        with pytest.raises(SettingsInvalid, match="Enter it again"):
            candidate(stored, Section.SINGLE_SIGN_ON, elsewhere)
