"""Small files that hold secrets or state: written whole or not at all, for the relay's user only."""

import os
import secrets
from pathlib import Path

from rollcall_relay.errors import RelayError
from rollcall_relay.files import sync_folder


def write_private(path: Path, content: bytes) -> None:
    """Replace the file; on return it is on the disk.

    :raises RelayError: where the state folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise RelayError(
            "state_not_writable",
            f"The state folder {path.parent} cannot be written ({error.strerror}). Make it and give it to the user the "
            "relay runs as.",
        ) from error
