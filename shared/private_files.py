"""Files of a deployment that only the user it runs as may read, whatever that user's umask is."""

import os
import stat
from pathlib import Path

OWNER_ONLY = 0o077
"""The umask under which whatever is made belongs to its owner alone."""


def private_folder(folder: Path) -> None:
    """Make the folder, or close one that others may enter, for its owner alone.

    A folder of another user, or one that everybody may write to as ``/tmp``, is left as it is: it is not ours to close.

    :raises OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    is_ours = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
    if is_ours and found.st_mode & OWNER_ONLY:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~OWNER_ONLY)


def write_private(path: Path, text: str) -> None:
    """Write a text that only its owner may read; one that is there is replaced.

    :raises OSError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
