"""Which directories of a site to ask about somebody, and in which order. Pure."""

from collections.abc import Mapping

from shared.settings.documents import DirectorySettings
from shared.settings.sections.directory import domain_of

Directories = Mapping[str, DirectorySettings]


def asked_about(
    directories: Directories, name: str = "", home: str | None = None
) -> dict[str, DirectorySettings]:
    """By key: the directory that somebody is known to be in, else the one their login names, else all of them.

    A login names a domain as ``EMEA\\login`` or ``login@emea.example``. What names none of them may be a suffix of its own,
    so everybody is asked then; only looking somebody up is ever done in several directories, never trying a password.
    """
    if home is not None and home in directories:
        return {home: directories[home]}
    prefix, has_prefix, _login = name.rpartition("\\")
    _login, _at, suffix = name.rpartition("@") if not has_prefix else ("", "", "")
    named = {
        key: settings
        for key, settings in directories.items()
        if (has_prefix and prefix.casefold() in _short_names(settings))
        or (suffix and suffix.casefold() in _domains(settings))
    }
    return named or dict(directories)


def _domains(settings: DirectorySettings) -> set[str]:
    found = {domain_of(unit.dn) for unit in settings.units} | {settings.name.casefold()}
    return {*found, settings.user.rpartition("@")[2].casefold()} - {""}


def _short_names(settings: DirectorySettings) -> set[str]:
    short = {domain.partition(".")[0] for domain in _domains(settings)}
    return {*short, settings.user.rpartition("\\")[0].casefold()} - {""}
