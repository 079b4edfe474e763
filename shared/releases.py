"""Which version of Rollcall is the newest, as a file says that the administrator chooses. Nothing is asked for by itself.

The file is JSON: ``{"version": "0.2.0", "notes": "https://…"}``.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from shared.distribution import installed_version
from shared.errors import SettingsInvalid
from shared.language import declared, phrase

_VERSION = re.compile(r"\d{1,5}(?:\.\d{1,5}){1,3}")
_MOST_BYTES = 65_536
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Release:
    """A version, and the page that says what is new in it (empty: none is told)."""

    version: str
    notes: str

    @property
    def is_newer(self) -> bool:
        """Whether it is newer than what runs here."""
        return _order(self.version) > _order(installed_version())


def known_release(file: Path | None) -> Release | None:
    """What the file says; ``None`` where there is no file, or it cannot be understood."""
    try:
        return None if file is None else parsed(_text(file), str(file))
    except (OSError, ValueError, SettingsInvalid):
        return None


def read_release(place: str) -> tuple[Release, str]:
    """The release of a file or an https address, and the text that says it.

    :raises SettingsInvalid: it cannot be read, or says no release.
    """
    # Only here: the API, which asks nobody, reads the file.
    from http.client import HTTPException
    from urllib.request import urlopen

    try:
        if "://" in place and not place.startswith("https://"):
            raise ValueError(declared("its address does not begin with https://"))
        if place.startswith("https://"):
            with urlopen(place, timeout=_SECONDS) as answer:  # noqa: S310  (https alone)
                if not answer.url.startswith("https://"):
                    raise ValueError(declared("it leads to an address that does not begin with https://"))
                text = answer.read(_MOST_BYTES).decode()
        else:
            text = _text(Path(place))
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise SettingsInvalid(
            phrase(
                "{place} cannot be read: {reason}. Name a file, or an address that begins with https://.",
                place=place[:200],
                reason=str(reason),
            )
        ) from error
    return parsed(text, place), text


def parsed(text: str, place: str) -> Release:
    """The release that a text says.

    :raises SettingsInvalid: it says none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    version = document.get("version") if isinstance(document, dict) else None
    notes = document.get("notes", "") if isinstance(document, dict) else ""
    if not (isinstance(version, str) and _VERSION.fullmatch(version) and isinstance(notes, str)) or (
        notes and not notes.startswith("https://")
    ):
        raise SettingsInvalid(
            phrase(
                'The text at {place} does not name a release. It must be like {{"version": "0.2.0", "notes": "https://…"}}.',
                place=place[:200],
            )
        )
    return Release(version, notes[:500])


def store(file: Path, text: str) -> None:
    """Write what was read to the file that the console looks at.

    :raises OSError: it cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    # It is no secret, and whoever fetches it need not be the user that serves the console.
    part.chmod(0o644)
    part.replace(file)


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES).decode()


def _order(version: str) -> tuple[int, ...]:
    found = _VERSION.match(version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    # 1.0 and 1.0.0 are the same version.
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
