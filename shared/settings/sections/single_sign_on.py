"""Signing in at an identity provider by OpenID Connect: Entra ID, Keycloak, AD FS."""

from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import SecretStr, StringConstraints, field_validator, model_validator

from shared.language import declared
from shared.settings.declaration import REQUIRED, Destination, Document, ErrorWords, Group, setting, wrong
from shared.settings.sections.access import Role, SiteId
from shared.settings.sections.types import Certificate, Text
from shared.values.hosts import is_host, is_loopback

PROVIDER = Group("Identity provider")
ROLES = Group("Claims")
RULES = Group("Roles by claim")
ADVANCED = Group("Advanced", is_folded=True)

ClaimName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,200}$", strip_whitespace=True),
    ErrorWords("The name of a claim, e.g. roles, groups or realm_access.roles."),
]


class ClaimRole(Document):
    """What a value of the role claim gives."""

    value: Text = setting(REQUIRED, "Value of the claim", "As the provider sends it, e.g. Rollcall.Manager.")
    role: Role = setting(Role.VIEWER, "Role", "Operators may also start, approve and reject runs.")
    site: SiteId | None = setting(None, "Site (empty: all)", "ID of the only site the rule counts for.")


class SingleSignOnSettings(Document):
    """People sign in at the identity provider of the company, by OpenID Connect (Entra ID, Keycloak, AD FS and others).
    The values of one claim say which role they have. Register the address of the console with /console/sign-in/openid/back.
    The settings of the site default apply to all sites."""

    is_enabled: bool = setting(False, "Single sign-on", "Rollcall accounts always work as well.", PROVIDER)
    name: Text = setting("Single sign-on", "Name on the sign-in page", "E.g. Contoso account.", PROVIDER)
    issuer: str = setting(
        "",
        "Issuer",
        "E.g. https://login.microsoftonline.com/TENANT/v2.0 or https://idp.example/realms/corp.",
        PROVIDER,
    )
    client_id: str = setting("", "Client ID", "Of the application registered at the provider.", PROVIDER)
    client_secret: SecretStr = setting(
        SecretStr(""), "Client secret", "Stored encrypted and never shown again.", PROVIDER
    )
    client_secret_ends_on: str = setting(
        "",
        "Client secret expires on",
        "As the provider shows it, e.g. 2027-03-01. A notification is sent before. Empty: none.",
        PROVIDER,
    )
    role_claim: ClaimName = setting(
        "roles", "Role claim", "Entra ID: roles. Keycloak: realm_access.roles or groups.", ROLES
    )
    roles: tuple[ClaimRole, ...] = setting(
        (), "Roles by claim", "Of several values the highest role counts.", RULES
    )
    name_claim: ClaimName = setting(
        "preferred_username", "Name claim", "What the account is called here.", ADVANCED
    )
    scopes: str = setting(
        "openid profile email",
        "Scopes",
        "Add offline_access for Entra ID, so that it can be asked again.",
        ADVANCED,
    )
    console_address: str = setting(
        "",
        "Address of the console",
        "As in the browser, e.g. https://rollcall.corp.example, if a proxy hides it.",
        ADVANCED,
    )
    ca_certificate: Certificate = setting(
        "", "CA certificate", "In PEM format. When empty, the system's CAs are trusted.", ADVANCED
    )

    @property
    def destinations(self) -> frozenset[Destination]:
        """The issuer, whose own words say where its tokens are, and the CA that its certificate is checked against."""
        return frozenset([Destination(self.issuer, self.ca_certificate)] if self.issuer else [])

    @field_validator("issuer", "console_address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        value = value.strip()
        if not value:
            return value
        parts = urlsplit(value)
        if not is_host(parts.hostname or "") or parts.query or parts.fragment or parts.username:
            raise ValueError(
                declared("Enter an address without user name or query, e.g. https://idp.example/realms/corp.")
            )
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError(declared("The address must be https."))
        return value

    @field_validator("client_secret_ends_on")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        try:
            return date.fromisoformat(value.strip()).isoformat() if value.strip() else ""
        except ValueError:
            raise ValueError(declared("Enter a day, e.g. 2027-03-01.")) from None

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_identity(cls, value: str) -> str:
        scopes = value.split()
        if "openid" not in scopes:
            raise ValueError(declared("The scope openid is required, e.g. openid profile email."))
        return " ".join(scopes)

    @model_validator(mode="after")
    def _is_complete(self) -> "SingleSignOnSettings":
        if self.is_enabled:
            for name, value in (("issuer", self.issuer), ("client_id", self.client_id)):
                if not value:
                    raise wrong(name, declared("Required for single sign-on."))
            if not self.roles:
                raise wrong("roles", declared("Say which value of the claim gives which role."))
        return self
