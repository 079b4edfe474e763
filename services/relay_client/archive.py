"""The seam to the relay on the phone system's host, which moves what XAPI cannot: voicemails and recordings."""

from dataclasses import dataclass
from typing import Protocol

from shared.errors import RelayUnavailable


@dataclass(frozen=True, slots=True)
class ArchiveReceipt:
    """What was moved. ``is_verified`` only when every item was compared at its destination after the move."""

    is_verified: bool
    items: int = 0
    size_bytes: int = 0


class Archiver(Protocol):
    """Moves everything an extension has to the archive extension.

    Idempotent: archiving again what was archived before moves nothing and gives a verified receipt. Raises
    ``RelayUnavailable`` when the relay does not answer; the extension then stays disabled and is not deleted.
    """

    def archive(self, extension_id: int, number: str, archive_number: str) -> ArchiveReceipt:
        """Move and verify."""


class NoRelay:
    """The archiver of a site without a relay: archives nothing, so that nothing is deleted either."""

    def archive(self, extension_id: int, number: str, archive_number: str) -> ArchiveReceipt:
        """Always refuses.

        :raises RelayUnavailable: always.
        """
        raise RelayUnavailable(
            f"Extension {number} is disabled but not deleted: archiving is on and no relay is configured on the "
            "phone system's host. Configure the relay, or turn archiving off."
        )
