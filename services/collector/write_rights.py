"""Whether the account may write given numbers to the directory, as the controller itself says. Called by ``questions``."""

from uuid import UUID

from services.collector.active_directory import ActiveDirectory
from services.collector.reader import Search, first_value
from shared.language import phrase
from shared.settings.documents import DirectorySettings

_SAMPLE = 10


def write_advice(settings: DirectorySettings, attribute: str) -> list[str]:
    """A sentence for each unit in which the attribute of somebody may not be written; nobody there proves nothing."""
    # A session of its own for each, because a sample leaves it in the middle of a page.
    samples = {unit.dn: _somebody(settings, unit.dn) for unit in settings.units}
    with ActiveDirectory(settings) as directory:
        return [
            phrase(
                "{user} may not write {attribute} of people in {unit}, so numbers given there are not "
                "written (docs/numbers.md says how to give this right alone). Extensions are created all the "
                "same.",
                user=settings.user,
                attribute=attribute,
                unit=unit,
            )
            for unit, guid in samples.items()
            if guid and not directory.may_write(guid, attribute)
        ]


def _somebody(settings: DirectorySettings, unit: str) -> str:
    with ActiveDirectory(settings) as directory:
        search = Search(unit, directory.people_filter(), ("objectGUID",), page_size=_SAMPLE)
        for entry in directory.reader.entries(search):
            guid = first_value(entry, "objectGUID")
            if len(guid) == 16:
                return str(UUID(bytes_le=guid))
    return ""
