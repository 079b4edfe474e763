"""The other directories of a site: domains beside the one of the section ``directory``."""

from pydantic import field_validator

from shared.language import declared, phrase
from shared.settings.declaration import Destination, Document, setting
from shared.settings.sections.directory import DirectorySettings

# Each is read in turn and shown on a page of its own.
MOST = 20


class DirectoriesSettings(Document):
    """More Active Directory domains whose people have extensions, each with its own settings."""

    others: tuple[DirectorySettings, ...] = setting(
        (),
        "Other domains",
        "Each with a name, and the same settings as directory. A person found in two of them belongs to the first.",
    )

    @property
    def destinations(self) -> frozenset[Destination]:
        """Where the secrets of all of them go; each goes only to its own (``services.api``, ``candidate``)."""
        return frozenset().union(*(directory.destinations for directory in self.others))

    @field_validator("others")
    @classmethod
    def _each_name_once(cls, others: tuple[DirectorySettings, ...]) -> tuple[DirectorySettings, ...]:
        if len(others) > MOST:
            raise ValueError(
                phrase("A site can have {maximum} other domains. Use another site for more.", maximum=MOST)
            )
        seen: set[str] = set()
        for directory in others:
            if not directory.name:
                raise ValueError(declared("Each of the other domains needs a name, e.g. emea.example."))
            if directory.name.casefold() in seen:
                raise ValueError(
                    phrase(
                        "Two domains are named {name}. Give one of them another name.", name=directory.name
                    )
                )
            seen.add(directory.name.casefold())
        return others
