"""Remembers what no reading shows any more: what was taken off a former extension until the new one has it, and the settings
of a deleted extension in case the run is undone.

Both are encrypted: a phone's settings hold a password.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import select, update

from shared.database import owed
from shared.database.engine import Database
from shared.database.tables import CommandRow
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


@dataclass(frozen=True, slots=True)
class DeletedSettings:
    """The settings of what this run deletes, kept with the commands that do."""

    database: Database
    encryption: Encryption
    run_id: int

    def keep(self, sequence: int, values: Json) -> None:
        """Remember what the command is about to delete."""
        with self.database.begin() as session:
            session.execute(
                update(CommandRow)
                .where(CommandRow.run_id == self.run_id, CommandRow.sequence == sequence)
                .values(kept_settings=self.encryption.encrypt(json.dumps(values)))
                .execution_options(synchronize_session=False)
            )

    def kept(self, command_id: int) -> Json:
        """What the stored command of an earlier run deleted; empty when it is not kept any more.

        :raises SecretUnreadable: it was encrypted with a key that is gone.
        """
        with self.database.read() as session:
            text = session.scalar(select(CommandRow.kept_settings).where(CommandRow.id == command_id))
        found: Json = json.loads(self.encryption.decrypt(text)) if text else {}
        return found
