"""The 3CX phone system: its address, the API client, and how many requests it gets."""

from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator

from shared.language import declared, phrase
from shared.settings.declaration import Destination, Document, Group, sent_to, setting
from shared.settings.sections.types import Certificate
from shared.values.hosts import is_host, is_loopback

API_CLIENT = Group("Connection")
OWN_CERTIFICATE = Group("Certificate", is_folded=True)
ADVANCED = Group("Advanced", is_folded=True)


class PhoneSystemSettings(Document):
    """The 3CX V20 phone system, and the API client that Rollcall uses."""

    base_url: str = setting(
        "", "Address", "Only the address, as in the browser: https://pbx.example.com:5001", API_CLIENT
    )
    client_id: str = setting(
        "", "Client ID", "Of the API client created in 3CX under Integrations > API.", API_CLIENT
    )
    client_secret: SecretStr = setting(
        SecretStr(""), "Client secret (API key)", "Shown once by 3CX. Stored encrypted.", API_CLIENT
    )
    ca_certificate: Certificate = setting(
        "", "CA certificate", "In PEM format. When empty, the system's CAs are trusted.", OWN_CERTIFICATE
    )
    timeout_seconds: float = setting(
        30.0, "Response timeout", "Maximum wait for one response.", ADVANCED, unit="seconds", gt=0, le=300
    )
    concurrency: int = setting(
        8, "Parallel requests", "Lowered automatically when 3CX is busy.", ADVANCED, ge=1, le=32
    )
    allowed_roles: tuple[str, ...] = setting(
        ("users",), "Roles allowed in templates", "A template's other roles become “users”.", ADVANCED
    )

    @property
    def destinations(self) -> frozenset[Destination]:
        """The address, and the CA that its certificate is checked against."""
        return frozenset([sent_to(self.base_url.lower(), self.ca_certificate)] if self.base_url else [])

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str, info: ValidationInfo) -> str:
        value = value.strip()
        if not value:
            return value
        # As it was copied from the browser: what stands after the address is left out.
        parts = urlsplit(value if "://" in value else f"https://{value}")
        is_stored = (info.context or {}).get("is_stored")
        # Asked for here, a port that is none is refused here.
        has_address = (
            bool(parts.hostname) and parts.port != 0 and (is_stored or is_host(parts.hostname or ""))
        )
        if (
            parts.scheme not in ("https", "http")
            or not has_address
            or ("@" in parts.netloc and not is_stored)
        ):
            raise ValueError(
                declared("Enter the address as in the browser, e.g. https://pbx.example.com:5001.")
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError(
                declared("The address must be https; http would send the client secret readable.")
            )
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("client_id")
    @classmethod
    def _without_pasted_blanks(cls, value: str) -> str:
        return value.strip()

    @field_validator("client_secret")
    @classmethod
    def _secret_without_pasted_blanks(cls, value: SecretStr) -> SecretStr:
        # 3CX makes it, and never with blanks.
        return SecretStr(value.get_secret_value().strip())

    @field_validator("allowed_roles")
    @classmethod
    def _no_internal_roles(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        for role in roles:
            if role in ("system", "observers"):
                raise ValueError(
                    phrase("'{role}' is an internal role of 3CX and cannot be given to people.", role=role)
                )
        return roles
