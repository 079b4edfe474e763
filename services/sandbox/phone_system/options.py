"""What a sandbox phone system is like when it starts."""

from dataclasses import dataclass
from typing import Literal

from services.sandbox.phone_system.releases import NEWEST, VERSIONS

DepartmentsOfNew = Literal["taken", "ignored", "refused"]

# Roles an API client can have; the first may use nothing of the API, the second no recordings.
CLIENT_ROLES = ("users", "system_admins", "system_owners")


@dataclass(frozen=True, slots=True)
class PhoneSystemOptions:
    """``extensions`` numbered users are there from the start, from ``first_number`` on.

    ``last_number`` ends the range that numbers are generated from. ``role`` is that of the API clients.
    ``expires_in`` is the life of a token in seconds (0: none is ever good), ``latency_ms`` is added to every
    answer. ``other_clients`` are (id, secret) of further API clients; with ``is_token_per_client`` off a new
    token of any of them ends the tokens of all. ``operator_number`` and ``fax_server_number`` name extensions
    that cannot be deleted. ``departments_of_new`` says what becomes of departments in the body of a creation; no source
    tells it. ``mail_server_type`` and ``mail_server`` are the mail server it sends by: with ``Custom`` and no server it cannot
    send. ``emergency_numbers`` are dialled out for at once, ``dial_codes`` are (name, code) of dial codes of its own.
    ``release`` is the release of 3CX V20 whose fields and refusals it has.
    """

    extensions: int = 0
    first_number: int = 100
    last_number: int | None = None
    latency_ms: float = 0.0
    client_id: str = "rollcall"
    client_secret: str = "sandbox-secret"  # noqa: S105  (a sandbox has nothing to protect)
    other_clients: tuple[tuple[str, str], ...] = ()
    role: str = "system_owners"
    expires_in: int = 3600
    max_extensions: int = 100_000
    name_limit: int = 50
    text_limit: int = 255
    release: str = NEWEST
    departments_of_new: DepartmentsOfNew = "taken"
    fqdn: str = "sandbox.example.test"
    is_token_per_client: bool = True
    emergency_numbers: tuple[str, ...] = ("112", "911")
    dial_codes: tuple[tuple[str, str], ...] = ()
    mail_server_type: str = "Tcx"
    mail_server: str = ""
    operator_number: str = ""
    fax_server_number: str = ""

    @property
    def can_mail(self) -> bool:
        """Whether there is a mail server to send by."""
        return self.mail_server_type != "Custom" or bool(self.mail_server)

    @property
    def version(self) -> str:
        """The version that the phone system says it has."""
        return VERSIONS[self.release]

    def clients(self) -> dict[str, str]:
        """The secret of each API client."""
        return {self.client_id: self.client_secret, **dict(self.other_clients)}
