"""What a sandbox phone system is like when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhoneSystemOptions:
    """``extensions`` numbered users are there from the start, from ``first_number`` on.

    ``role`` is that of the API client: ``users`` may not even read users, ``system_admins`` may not read
    recordings. ``expires_in`` is the life of a token in seconds, ``latency_ms`` is added to every answer.
    """

    extensions: int = 0
    first_number: int = 100
    latency_ms: float = 0.0
    client_id: str = "rollcall"
    client_secret: str = "sandbox-secret"  # noqa: S105  (a sandbox has nothing to protect)
    role: str = "system_owners"
    expires_in: int = 3600
    max_extensions: int = 100_000
    name_limit: int = 50
    text_limit: int = 255
    version: str = "20.0.8.1109"
    fqdn: str = "sandbox.example.test"
    is_token_per_client: bool = True
