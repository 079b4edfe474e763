"""The file of a backup: one line that says what it is, then everything else, compressed and encrypted.

A passphrase protects it (scrypt and AES-256-GCM), because it holds the secrets readable, so that it can be restored
where the key of the deployment is lost. The line is authenticated too: whatever is changed in the file is noticed.
"""

import base64
import json
import os
import secrets
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.distribution import installed_version
from shared.errors import BackupUnusable, Conflict, SettingsInvalid, StorageUnavailable
from shared.language import phrase

FORMAT = "rollcall-backup"
VERSION = 1
MIN_PASSPHRASE = 12
# Of version 1. 128 MiB and some tenths of a second for each passphrase that somebody tries.
_SCRYPT = {"length": 32, "n": 2**17, "r": 8, "p": 1}
_LONGEST_HEADER = 1000
# A file that unpacks to more was not made by us.
_MOST_BYTES = 1024**3


class Header(BaseModel):
    """What the file says of itself; readable without the passphrase."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: str
    version: int
    rollcall: str
    made_at: datetime
    salt: str
    nonce: str


def write(path: Path, content: Any, passphrase: str, *, overwrite: bool = False) -> int:
    """Write the content (JSON values) to a new file that only its owner may read; its size.

    :raises SettingsInvalid: the passphrase is too short.
    :raises Conflict: there is such a file already.
    :raises StorageUnavailable: the file cannot be written; nothing was left behind.
    """
    check_passphrase(passphrase)
    if path.exists() and not overwrite:
        raise Conflict(
            phrase("There is a file {path} already. Choose another name, or use --overwrite.", path=path)
        )
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    header = Header(
        format=FORMAT,
        version=VERSION,
        rollcall=installed_version(),
        made_at=datetime.now(UTC),
        salt=base64.b64encode(salt).decode(),
        nonce=base64.b64encode(nonce).decode(),
    )
    line = header.model_dump_json().encode()
    packed = zlib.compress(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, packed, line)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(line + b"\n" + sealed)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageUnavailable(
            phrase(
                "The backup {path} cannot be written ({reason}). Choose another place.",
                path=path,
                reason=error.strerror,
            )
        ) from error
    return path.stat().st_size


def read(path: Path, passphrase: str) -> tuple[Header, Any]:
    """The header and the content of a file whose every byte was proven to be as it was written.

    :raises BackupUnusable: it is no backup, was damaged, needs another passphrase or a newer Rollcall.
    :raises StorageUnavailable: the file cannot be read.
    """
    try:
        line, found, sealed = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise StorageUnavailable(
            phrase("The backup {path} cannot be read ({reason}).", path=path, reason=error.strerror)
        ) from error
    header = _header(path, line if found and len(line) <= _LONGEST_HEADER else b"")
    try:
        salt, nonce = base64.b64decode(header.salt), base64.b64decode(header.nonce)
        packed = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, line)
    except (InvalidTag, ValueError) as error:
        raise BackupUnusable(
            phrase(
                (
                    "The backup {path} cannot be opened: the passphrase is wrong, or the file is damaged or "
                    "incomplete. Nothing was changed. Enter the passphrase again. If it is right, use another "
                    "copy of the file."
                ),
                path=path,
            )
        ) from error
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, _MOST_BYTES)
    if not unpacker.eof:
        raise BackupUnusable(
            phrase("The backup {path} is larger than any Rollcall backup. Nothing was changed.", path=path)
        )
    return header, json.loads(text)


def check_passphrase(passphrase: str) -> None:
    """Check that the passphrase may protect a backup.

    :raises SettingsInvalid: it is too short.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise SettingsInvalid(
            phrase(
                (
                    "A backup's passphrase needs {min_passphrase} characters or more, because the backup "
                    "contains every secret."
                ),
                min_passphrase=MIN_PASSPHRASE,
            )
        )


def _header(path: Path, line: bytes) -> Header:
    try:
        header = Header.model_validate_json(line)
    except ValidationError as error:
        raise BackupUnusable(
            phrase(
                "{path} is not a Rollcall backup, or its beginning is damaged. Nothing was changed.",
                path=path,
            )
        ) from error
    if header.format != FORMAT:
        raise BackupUnusable(phrase("{path} is not a Rollcall backup. Nothing was changed.", path=path))
    if header.version > VERSION:
        raise BackupUnusable(
            phrase(
                "The backup {path} was made by Rollcall {rollcall} in a newer format (version {version}; "
                "this Rollcall reads up to {newest_version}). Restore it with that Rollcall. Nothing was changed.",
                path=path,
                rollcall=header.rollcall,
                version=header.version,
                newest_version=VERSION,
            )
        )
    return header


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, **_SCRYPT).derive(passphrase.encode())
