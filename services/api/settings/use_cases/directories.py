"""One of the other directories of a site: read, saved and removed by its name, as one form has it."""

from collections.abc import Mapping
from typing import Any

from services.api.settings.use_cases.sections import read_section, replace_section
from shared.errors import NotFound
from shared.language import phrase
from shared.settings import store
from shared.settings.candidate import keeping_secrets
from shared.settings.documents import DirectorySettings, Section
from shared.worker.context import Context


def read_directory(context: Context, site_id: str, name: str) -> tuple[dict[str, Any], int]:
    """The directory as anyone may see it, and the version of the list; the defaults of one that is not there yet.

    :raises NotFound: there is no such site.
    """
    values, version = read_section(context, site_id, Section.DIRECTORIES)
    found = next((row for row in values["others"] if row["name"] == name), None)
    return found or store.public(DirectorySettings(name=name)), version


def replace_directory(
    context: Context,
    site_id: str,
    name: str,
    values: Mapping[str, Any],
    actor: str,
    expected_version: int | None = None,
) -> int:
    """Make ``values`` the whole directory, a new one at the end of the list, and return the version of the list.

    :raises SettingsInvalid: a value is wrong, at its place in a directory; nothing was saved.
    :raises Conflict: ``expected_version`` is no longer the current one; nothing was saved.
    """
    known = {item.name: item for item in context.site_settings(site_id).settings.directories.others}
    document = keeping_secrets(
        Section.DIRECTORY, known.get(name, DirectorySettings()), {**values, "name": name}
    )
    rows = {key: store.public(item) for key, item in known.items()} | {name: store.dumped(document, str)}
    others = {"others": list(rows.values())}
    return replace_section(context, site_id, Section.DIRECTORIES, others, actor, expected_version)


def remove_directory(context: Context, site_id: str, name: str, actor: str) -> None:
    """Take the directory out of the list; its people are treated as those who left the units (a run is held for it).

    :raises NotFound: there is no such directory.
    """
    values, version = read_section(context, site_id, Section.DIRECTORIES)
    rows = [row for row in values["others"] if row["name"] != name]
    if len(rows) == len(values["others"]):
        raise NotFound(phrase("There is no directory '{name}'.", name=name[:80]))
    replace_section(context, site_id, Section.DIRECTORIES, {"others": rows}, actor, version)
