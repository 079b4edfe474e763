"""What is to become of rows: values that the plan of an operation holds, and that ``database`` carries out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Row = Mapping[str, Any]
"""One row as PostgreSQL writes it as JSON: every column there is, whichever version of 3CX made the table."""


class Kind(StrEnum):
    """What an extension has. The value names it in requests, answers and manifests."""

    VOICEMAIL = "voicemails"
    RECORDING = "recordings"


TABLES = {Kind.VOICEMAIL: "s_voicemail", Kind.RECORDING: "recordings"}


@dataclass(frozen=True, slots=True)
class Change:
    """One row that gets new values (``row`` is None), or a whole row that is put back.

    ``found_by`` are the values the row must have now, ``becomes`` those it has afterwards: a row that already has
    them was changed by an earlier, interrupted try.
    """

    kind: Kind
    found_by: Row
    becomes: Row
    row: Row | None = None

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        row = None if self.row is None else dict(self.row)
        return {
            "kind": self.kind, "found_by": dict(self.found_by), "becomes": dict(self.becomes), "row": row,
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Change":
        """What :meth:`as_json` made."""
        return cls(Kind(document["kind"]), document["found_by"], document["becomes"], document["row"])


def rehomed_voicemail(row: Row, number: str, new_number: str, old_file: str, new_file: str) -> Change:
    """The voicemail ``number``/``old_file`` becomes ``new_number``/``new_file``; everything else of the row stays."""
    return Change(
        Kind.VOICEMAIL,
        {name: row[name] for name in ("__name", "wav_file", "callee")},
        voicemail_values(row, number, new_number, old_file, new_file),
    )


def voicemail_values(row: Row, number: str, new_number: str, old_file: str, new_file: str) -> dict[str, Any]:
    """The three columns that say whose voicemail it is, in the form this row writes them."""
    wav_file = str(row["wav_file"])
    has_folder = wav_file.startswith(f"{number}/")
    new_wav_file = _renamed(wav_file.removeprefix(f"{number}/"), old_file, new_file)
    return {
        "__name": f"{new_number}/{_renamed(str(row['__name']).removeprefix(f'{number}/'), old_file, new_file)}",
        "wav_file": f"{new_number}/{new_wav_file}" if has_folder else new_wav_file,
        "callee": new_number if row["callee"] == number else row["callee"],
    }


def rehomed_recording(row: Row, url: str) -> Change:
    """The recording gets another place; its participants, and so the call history, stay."""
    key = {"id_recording": row["id_recording"]}
    return Change(Kind.RECORDING, key | {"recording_url": row["recording_url"]}, key | {"recording_url": url})


def audio_names(row: Row, number: str) -> tuple[str, str]:
    """The file names that a voicemail's row may mean, the likelier first."""
    name = str(row["wav_file"] or "").removeprefix(f"{number}/")
    return f"{name}.wav", name


def without_wav(name: str) -> str:
    """``vmail_1.wav`` is ``vmail_1`` in the columns of a voicemail."""
    return name.removesuffix(".wav")


def is_set(value: object) -> bool:
    """3CX writes yes as ``'1'`` or true, and no as ``''``, ``'0'``, false or nothing."""
    return str(value).lower() in {"1", "t", "true"}


def _renamed(text: str, old_file: str, new_file: str) -> str:
    """Columns name the file with or without its .wav, or something else altogether, which then stays."""
    for old, new in ((old_file, new_file), (without_wav(old_file), without_wav(new_file))):
        if text == old:
            return new
    return text
