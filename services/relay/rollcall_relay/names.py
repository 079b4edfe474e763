"""The words that come from the network or a manifest and could become part of a path, and how they are checked.

Pure. Everything else that becomes part of a path was read from a folder of the host by the relay itself.
"""

import re
from pathlib import PurePosixPath

from rollcall_relay.errors import RelayError

_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_IDENTIFIER = re.compile(r"[a-z0-9](?:[a-z0-9-]{6,62})[a-z0-9]", re.ASCII)


def checked_number(value: object) -> str:
    """An extension number: digits only.

    :raises RelayError: for anything else.
    """
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise RelayError("request_invalid", "An extension number has 1 to 15 digits and nothing else.")
    return value


def checked_identifier(value: object) -> str:
    """The id of an operation or an archive: 8 to 64 lower-case letters, digits and inner hyphens.

    :raises RelayError: for anything else.
    """
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise RelayError(
            "request_invalid",
            "An id has 8 to 64 lower-case letters, digits and hyphens, no hyphen at its ends.",
        )
    return value


def checked_relative(name: str) -> str:
    """A path below a folder, as a manifest names it.

    :raises RelayError: where it would lead out of the folder.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or str(path) != name:
        raise RelayError("manifest_invalid", f"The manifest names a file outside its folder: {name!r}.")
    return name


def numbered(name: str, count: int) -> str:
    """Another name for the same thing: ``a/b.wav`` becomes ``a/b_2.wav``."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}_{count}{path.suffix}"))
