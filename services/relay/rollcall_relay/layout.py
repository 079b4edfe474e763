"""Finds out where this phone system keeps its audio files and its rows; changes nothing.

A folder is believed only when the rows of the database lead to files in it. What is not recognised is refused with a
list of what was seen; a setting overrides the finding.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rollcall_relay.changes import Kind, Row, audio_names, is_set
from rollcall_relay.errors import RelayError
from rollcall_relay.settings import Settings

_CANDIDATES = {
    Kind.VOICEMAIL: ("Data/Ivr/Voicemail/Extensions", "Data/Ivr/Voicemail/Data", "Data/Voicemail"),
    Kind.RECORDING: ("Data/Recordings",),
}
_SETTINGS = {Kind.VOICEMAIL: "voicemail_folder", Kind.RECORDING: "recordings_folder"}
_SAMPLE = 200


class Sampled(Protocol):
    """Where the rows to try come from."""

    def sample(self, kind: Kind, count: int) -> list[Row]:
        """Some rows that should have an audio file."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of each kind are, and in sentences what that is based on."""

    folders: dict[Kind, Path]
    saw: list[str] = field(default_factory=list)


def discover(settings: Settings, rows: Sampled) -> Layout:
    """The layout of this host.

    :raises RelayError: ``layout_not_recognised``, with all that was seen.
    """
    saw: list[str] = []
    folders: dict[Kind, Path] = {}
    for kind in Kind:
        given = getattr(settings, _SETTINGS[kind])
        if given:
            if Path(given).is_dir():
                folders[kind] = Path(given).resolve()
                saw.append(f"{kind}: {given}, as the settings say")
            else:
                saw.append(f"{kind}: the settings say {given}, but that is no folder")
            continue
        candidates = [Path(settings.instance_folder, name) for name in _CANDIDATES[kind]]
        found = _best(kind, candidates, rows.sample(kind, _SAMPLE), saw)
        if found is not None:
            folders[kind] = found.resolve()
    missing = [kind for kind in Kind if kind not in folders]
    if missing:
        keys = " and ".join(f"{_SETTINGS[kind]}" for kind in missing)
        raise RelayError(
            "layout_not_recognised",
            f"The relay does not recognise where this phone system keeps its {' and '.join(missing)}, and changes "
            f"nothing. It saw: {'; '.join(saw)}. Set {keys} in the relay's settings file.",
        )
    return Layout(folders, saw)


def _best(kind: Kind, candidates: list[Path], rows: list[Row], saw: list[str]) -> Path | None:
    rows = [row for row in rows if not is_set(row.get("removed")) and not is_set(row.get("archived"))]
    existing = [folder for folder in candidates if folder.is_dir()]
    saw += [f"{kind}: no folder {folder}" for folder in candidates if folder not in existing]
    if not existing:
        return None
    if not rows:
        saw.append(f"{kind}: {existing[0]}; no rows to try it with")
        return existing[0]
    hits = {folder: sum(_leads_to_file(kind, folder, row) for row in rows) for folder in existing}
    for folder, count in hits.items():
        saw.append(f"{kind}: {folder} has the files of {count} of {len(rows)} rows")
    best = max(existing, key=lambda folder: hits[folder])
    return best if hits[best] else None


def _leads_to_file(kind: Kind, folder: Path, row: Row) -> bool:
    return any(_is_file(folder, name) for name in _NAMES[kind](row))


def _voicemail_names(row: Row) -> list[str]:
    number = str(row["__name"]).partition("/")[0]
    return [f"{number}/{name}" for name in audio_names(row, number)]


_NAMES: dict[Kind, Callable[[Row], list[str]]] = {
    Kind.VOICEMAIL: _voicemail_names,
    Kind.RECORDING: lambda row: [str(row["recording_url"])],
}


def _is_file(folder: Path, name: str) -> bool:
    # Rows are the phone system's, yet a strange one must not make the relay look elsewhere.
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return False
    try:
        return (folder / path).is_file()
    except OSError:
        return False
