"""The relay's settings: one small TOML file on the phone system's host, every key optional.

What is left out of the last block is discovered (``layout``); what is given there is believed.
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rollcall_relay.errors import RelayError

DEFAULT_FILE = Path("/etc/rollcall-relay/relay.toml")
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Built once when the program starts."""

    host: str = "0.0.0.0"  # noqa: S104 - the sync side is another machine; who may speak is decided by signatures
    port: int = 8801
    # The key pair, the pairing and the journals of operations.
    state_folder: str = "/var/lib/rollcall-relay"
    # Where backups go; may be another disk.
    store_folder: str = "/var/lib/rollcall-relay/archives"
    # Space that the relay never uses up: 3CX stops recording on a full disk.
    reserve_mib: int = 512
    # Of all backups together; 0 means no limit but the disk.
    quota_mib: int = 0
    # Backups older than this are removed before a new one is made; 0 keeps them for ever.
    retention_days: int = 0
    # Journals of operations that ended longer ago are forgotten at the start; 0 keeps them for ever.
    journal_days: int = 365
    # A file changed less than this ago may still be in use, and file times are too coarse to tell.
    settle_seconds: float = 2.0

    instance_folder: str = "/var/lib/3cxpbx/Instance1"
    voicemail_folder: str = ""
    recordings_folder: str = ""
    # A database name, or a libpq connection string where host or password are needed.
    database: str = ""

    @property
    def reserve_bytes(self) -> int:
        """What must stay free on a disk after an operation."""
        return self.reserve_mib * _MIB

    @property
    def quota_bytes(self) -> int:
        """The most that all backups together may have; 0 for no limit."""
        return self.quota_mib * _MIB


def load_settings(file: Path) -> Settings:
    """The settings in ``file``; the defaults where the default file does not exist.

    :raises RelayError: where the file cannot be read or holds a key or a value that means nothing.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if file == DEFAULT_FILE:
            return Settings()
        raise _invalid(file, "it does not exist") from None
    except (OSError, ValueError) as error:
        raise _invalid(file, str(error)) from error
    known = {field.name: field.type for field in fields(Settings)}
    for key, value in document.items():
        if key not in known:
            raise _invalid(file, f"{key!r} is no setting; there are {', '.join(sorted(known))}")
        document[key] = _checked(file, key, known[key], value)
    return Settings(**document)


def _checked(file: Path, key: str, kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise _invalid(file, f"{key!r} must be of the kind {kind.__name__}")
    if kind is not str and value < 0:
        raise _invalid(file, f"{key!r} must not be negative")
    if key.endswith("_folder") and value and not Path(value).is_absolute():
        raise _invalid(file, f"{key!r} must be an absolute path")
    if key == "port" and value > 65_535:
        raise _invalid(file, "'port' must be at most 65535")
    return value


def _invalid(file: Path, reason: str) -> RelayError:
    return RelayError("settings_invalid", f"The settings file {file} cannot be used: {reason}.")
