"""The archive: where voicemails and recordings of leavers go."""

from pydantic import model_validator

from shared.language import declared
from shared.settings.declaration import Document, Group, setting, wrong
from shared.settings.sections.types import ExtensionNumber

ARCHIVE = Group("")
ADVANCED = Group("Advanced", is_folded=True)


class ArchiveSettings(Document):
    """Voicemails and recordings of a leaver go to another extension before theirs is deleted."""

    is_enabled: bool = setting(
        False,
        "Archive before deleting",
        "Extensions are deleted only after their archive is verified.",
        ARCHIVE,
    )
    extension: ExtensionNumber | None = setting(
        None,
        "Archive extension",
        "Receives what is archived; never removed. Not required without a relay.",
        ARCHIVE,
    )
    voicemails: bool = setting(True, "Voicemails", "Archive voicemails. Requires the relay.", ARCHIVE)
    recordings: bool = setting(
        True, "Recordings", "Without a relay they are downloaded to Rollcall's host.", ARCHIVE
    )
    keep_backup: bool = setting(
        False, "Keep a backup", "A dated one, on the phone system's host. Requires the relay.", ADVANCED
    )
    accept_missing: bool = setting(
        False, "Accept missing audio files", "Delete even if some audio files were already lost.", ADVANCED
    )

    @model_validator(mode="after")
    def _has_something_to_archive(self) -> "ArchiveSettings":
        if self.is_enabled and not (self.voicemails or self.recordings):
            raise wrong(
                "voicemails", declared("Archiving needs voicemails, recordings or both; or turn it off.")
            )
        return self
