"""Encrypts the secrets that the database holds (passwords, client secrets, access tokens).

The key is given by ``ROLLCALL_SECRET_KEY`` or, embedded, made once in the data folder. A database without its
key gives no secret away; a key without its database neither.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from shared.errors import SecretUnreadable, SettingsInvalid, StorageUnavailable
from shared.settings.process import ProcessSettings

KEY_FILE = "secret.key"


class Encryption:
    """Encrypts and decrypts texts with one key."""

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key)
        except ValueError as error:
            raise SettingsInvalid(
                "ROLLCALL_SECRET_KEY is not a key: 44 characters of url-safe base64. "
                "Make one with `rollcall token --new-key`."
            ) from error

    def encrypt(self, text: str) -> str:
        """The text, readable only with the key."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text back.

        :raises SecretUnreadable: it was encrypted with another key.
        """
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable(
                "A stored secret cannot be read with this key. Start with the ROLLCALL_SECRET_KEY (or the "
                f"{KEY_FILE} of the data folder) it was saved with, or enter the secret again."
            ) from error


def new_key() -> str:
    """A fresh random key."""
    return Fernet.generate_key().decode()


def load(settings: ProcessSettings) -> Encryption:
    """The deployment's encryption; embedded, the key file is made on first use, readable by its owner only.

    :raises SettingsInvalid: the key is malformed.
    :raises StorageUnavailable: the key file cannot be read or made.
    """
    if settings.secret_key is not None:
        return Encryption(settings.secret_key.get_secret_value())
    path = settings.data / KEY_FILE
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        _make_once(path)
        return Encryption(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise StorageUnavailable(
            f"The key file {path} cannot be read or made ({error.strerror}). Give this user the right to write "
            "there, or choose another folder with ROLLCALL_DATA."
        ) from error


def _make_once(path: Path) -> None:
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(new_key())
    try:
        # link, not rename: of two processes that start at once the first one's key stays.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
