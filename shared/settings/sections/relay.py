"""The relay on the phone system's host, which moves voicemails and recordings (docs/relay.md)."""

import base64
import re

from pydantic import SecretStr, ValidationInfo, field_validator

from shared.language import declared
from shared.settings.declaration import Destination, Document, Group, setting
from shared.settings.sections.types import WideText
from shared.values.hosts import is_host

RELAY = Group("")
ADVANCED = Group("Advanced", is_folded=True)


class RelaySettings(Document):
    """The small program on the phone system's host that moves voicemails and recordings. It prints its public key
    and a pairing code when it first starts."""

    host: str = setting("", "Host", "Name or address of the phone system's host.", RELAY, max_length=253)
    port: int = setting(8801, "Port", "The relay's port.", RELAY, ge=1, le=65535)
    public_key: WideText = setting(
        "", "Public key of the relay", "As rollcall-relay prints it when it starts.", RELAY
    )
    signing_key: SecretStr = setting(
        SecretStr(""), "Signing key", "Rollcall's own key, created by pairing. Do not enter it by hand."
    )
    timeout_seconds: float = setting(
        30.0, "Response timeout", "Maximum wait for one response.", ADVANCED, unit="seconds", gt=0, le=300
    )

    @property
    def destinations(self) -> frozenset[Destination]:
        """The public key alone: nothing is sent but to the one host that proves to have its private half."""
        return frozenset([Destination("the relay's public key", self.public_key)] if self.public_key else [])

    @property
    def is_configured(self) -> bool:
        """Whether there is a relay to ask."""
        return bool(self.host and self.public_key)

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str, info: ValidationInfo) -> str:
        value = value.strip()
        # What an earlier release has stored stays readable, so that it can be corrected.
        is_stored = (info.context or {}).get("is_stored")
        if value and not (re.fullmatch(r"[A-Za-z0-9._:-]+", value) and (is_stored or is_host(value))):
            raise ValueError(declared("Enter a name or an address alone, e.g. pbx.example.com."))
        return value

    @field_validator("public_key")
    @classmethod
    def _is_a_public_key(cls, value: str) -> str:
        value = "".join(value.split())
        if not value:
            return value
        # Slow to import, and most processes have no key to check.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            load_der_public_key(base64.b64decode(value, validate=True))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError(
                declared("This is not a public key. Paste the line that rollcall-relay prints.")
            ) from error
        return value
