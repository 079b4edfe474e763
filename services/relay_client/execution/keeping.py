"""Remembers what was taken off a former extension until the new one has it, because by then no reading shows it.

It stands with the steps owed to the new extension, encrypted: a phone's settings hold a password.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from shared.database import owed
from shared.database.engine import Database
from shared.encryption import Encryption

Json = dict[str, Any]


class Keeper(Protocol):
    """Where it is kept, by the number of the new extension."""

    def keep(self, number: str, values: Json) -> None:
        """Remember before it is taken off; what was kept before is replaced."""

    def kept(self, number: str) -> Json:
        """What an earlier try had kept; empty when nothing was."""


@dataclass(frozen=True, slots=True)
class OwedKeeper:
    """Keeps it in the database, with what is owed to the extension."""

    database: Database
    encryption: Encryption
    site_id: str

    def keep(self, number: str, values: Json) -> None:
        """Remember; see ``Keeper``."""
        with self.database.begin() as session:
            owed.keep(session, self.site_id, number, self.encryption.encrypt(json.dumps(values)))

    def kept(self, number: str) -> Json:
        """What was kept; see ``Keeper``.

        :raises SecretUnreadable: it was encrypted with a key that is gone.
        """
        with self.database.read() as session:
            text = owed.kept(session, self.site_id, number)
        found: Json = json.loads(self.encryption.decrypt(text)) if text else {}
        return found
