"""Encrypts the secrets that the database holds (passwords, client secrets, access tokens).

The keys are given by ``ROLLCALL_SECRET_KEY`` or, embedded, kept in the data folder, one on each line. The first key
encrypts, all of them decrypt, so that a key can be replaced while processes with the old and the new one work side by
side (docs/security.md, "Another key"). A database without its key gives no secret away; a key without its database
neither.
"""

import base64
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import SecretUnreadable, SettingsInvalid, StorageUnavailable
from shared.language import declared, phrase
from shared.private_files import private_folder
from shared.process_settings import ProcessSettings

KEY_FILE = "secret.key"


class Encryption:
    """Encrypts with the first of its keys and decrypts with any of them."""

    def __init__(self, *keys: str) -> None:
        if not keys:
            raise SettingsInvalid(declared("There is no key. Create one with `rollcall token --new-key`."))
        self._keys = tuple(keys)
        try:
            fernets = [Fernet(key) for key in keys]
        except ValueError as error:
            raise SettingsInvalid(
                declared(
                    "ROLLCALL_SECRET_KEY is not a key: 44 characters of url-safe base64 (several keys are "
                    "separated by commas, the newest first). Create one with `rollcall token --new-key`."
                )
            ) from error
        self._newest, self._all = fernets[0], MultiFernet(fernets)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, the one that encrypts first."""
        return self._keys

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """A key of 32 bytes of each key, for this purpose alone (HKDF, RFC 5869): who knows one of them knows neither
        the key nor those of other purposes. In the order of ``keys``.
        """
        return tuple(
            HKDF(SHA256(), length=32, salt=None, info=f"rollcall {purpose}".encode()).derive(
                base64.urlsafe_b64decode(key)
            )
            for key in self.keys
        )

    def encrypt(self, text: str) -> str:
        """The text, readable only with the first key."""
        return self._newest.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text back.

        :raises SecretUnreadable: it was encrypted with another key.
        """
        try:
            return self._all.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable(
                phrase(
                    "A stored secret cannot be read with this key. Start with the ROLLCALL_SECRET_KEY (or the "
                    "{key_file} of the data folder) it was saved with, or enter the secret again.",
                    key_file=KEY_FILE,
                )
            ) from error

    def is_current(self, token: str) -> bool:
        """Whether the first key alone can read it."""
        try:
            self._newest.decrypt(token.encode())
        except InvalidToken:
            return False
        return True


class FileEncryption(Encryption):
    """The keys of a file, read again when it was replaced: another process may exchange the key meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._seen = _stamp(path)
        super().__init__(*read_key_file(path))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, the one that encrypts first."""
        self._refresh()
        return super().keys

    def encrypt(self, text: str) -> str:
        """The text, readable only with the first key of the file as it is now."""
        self._refresh()
        return super().encrypt(text)

    def decrypt(self, token: str) -> str:
        """The text back.

        :raises SecretUnreadable: it was encrypted with a key that is not in the file.
        """
        self._refresh()
        return super().decrypt(token)

    def is_current(self, token: str) -> bool:
        """Whether the first key of the file alone can read it."""
        self._refresh()
        return super().is_current(token)

    def _refresh(self) -> None:
        with self._mutex:
            try:
                stamp = _stamp(self._path)
                if stamp != self._seen:
                    super().__init__(*read_key_file(self._path))
                    self._seen = stamp
            except OSError:
                # The keys in memory are still right; a start without the file fails and says so.
                return


def new_key() -> str:
    """A fresh random key."""
    return Fernet.generate_key().decode()


def load(settings: ProcessSettings) -> Encryption:
    """The deployment's encryption; embedded, the key file is made on first use, readable by its owner only.

    :raises SettingsInvalid: a key is malformed, or there is none and other processes need the same.
    :raises StorageUnavailable: the key file cannot be read or made.
    """
    if settings.secret_key is not None:
        given = settings.secret_key.get_secret_value()
        return Encryption(*[key.strip() for key in given.replace("\n", ",").split(",") if key.strip()])
    if not settings.is_embedded:
        raise SettingsInvalid(
            declared(
                "ROLLCALL_SECRET_KEY is required with a real broker, because every process must share it; "
                "create one with `rollcall token --new-key`."
            )
        )
    path = key_file(settings)
    try:
        private_folder(settings.data)
        if not path.exists():
            _make_once(path)
        return FileEncryption(path)
    except OSError as error:
        raise StorageUnavailable(
            phrase(
                (
                    "The key file {path} cannot be read or created ({reason}). Give this user the right to "
                    "write there, or choose another folder with ROLLCALL_DATA."
                ),
                path=path,
                reason=error.strerror,
            )
        ) from error


def key_file(settings: ProcessSettings) -> Path:
    """Where the keys of an embedded deployment are kept."""
    return settings.data / KEY_FILE


def read_key_file(path: Path) -> list[str]:
    """The keys of the file, the one that encrypts first."""
    return path.read_text(encoding="ascii").split()


def replace_key_file(path: Path, keys: Sequence[str]) -> None:
    """Put these keys in the file: after a crash at any moment it holds either the old ones or these."""
    draft = _draft(path, keys)
    draft.replace(path)
    _sync_folder(path.parent)


def _make_once(path: Path) -> None:
    draft = _draft(path, [new_key()])
    try:
        # link, not rename: of two processes that start at once the first one's key stays.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _draft(path: Path, keys: Sequence[str]) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    # What a process with our number left behind when it was killed.
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        # There a folder cannot be opened, and a rename is written through.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
