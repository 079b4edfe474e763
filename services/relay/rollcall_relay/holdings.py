"""What an extension has: its audio files and the rows that name them, matched. Reads only.

A row leads to a file only if the listing of the extension's own folder has that name: what a row says is never
joined to a folder.
"""

from dataclasses import dataclass, field

from rollcall_relay.changes import Kind, Row, audio_names, is_set
from rollcall_relay.errors import Problem, RelayError
from rollcall_relay.files import Signature, list_files
from rollcall_relay.host import Host


@dataclass(frozen=True, slots=True)
class Holding:
    """One item. ``file`` is its name inside the extension's folder; without one only rows are left of it."""

    kind: Kind
    file: str | None
    signature: Signature | None
    rows: tuple[Row, ...]

    @property
    def size(self) -> int:
        """Bytes of audio."""
        return self.signature[1] if self.signature else 0

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.file or str(self.rows[0].get("__name", self.rows[0].get("recording_url")))


@dataclass(slots=True)
class Holdings:
    """All of one extension, of the kinds that were asked for."""

    number: str
    items: list[Holding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def holdings_of(host: Host, number: str, kinds: frozenset[Kind], *, accept_missing: bool = False) -> Holdings:
    """Everything the extension has now.

    :raises RelayError: where a folder cannot be read in full: a part must not pass for the whole.
    """
    found = Holdings(number)
    for kind in sorted(kinds):
        folder = host.layout.folders[kind] / number
        try:
            files, strange = list_files(folder)
        except OSError as error:
            raise RelayError(
                "folder_not_readable",
                f"The folder {folder} cannot be read ({error.strerror}). Nothing was changed. Let the relay run as "
                "the user that owns 3CX's files (phonesystem).",
            ) from error
        found.problems += [
            Problem(
                "not_a_file", name, f"{folder} holds a link or a special file, which the relay leaves alone."
            )
            for name in strange
        ]
        rows = host.database.rows_of(kind, number)
        match = _match_voicemails if kind is Kind.VOICEMAIL else _match_recordings
        match(found, files, rows, accept_missing)
    return found


def _match_voicemails(
    found: Holdings, files: dict[str, Signature], rows: list[Row], accept_missing: bool
) -> None:
    by_file: dict[str, list[Row]] = {}
    for row in rows:
        label = str(row["__name"])
        if not label.startswith(f"{found.number}/"):
            found.problems.append(
                Problem(
                    "owner_unclear",
                    label,
                    f"This voicemail lies in another extension's folder but is addressed to {found.number}. It was "
                    "left alone; correct it in 3CX.",
                )
            )
            continue
        name = next((name for name in audio_names(row, found.number) if name in files), None)
        if name is not None:
            by_file.setdefault(name, []).append(row)
        elif is_set(row.get("removed")) or accept_missing:
            # What was thrown away has no audio any more; its row goes along so that nothing is lost.
            found.items.append(Holding(Kind.VOICEMAIL, None, None, (row,)))
        if name is None and not is_set(row.get("removed")):
            found.problems.append(_missing(label, accept_missing))
    _add_files(found, Kind.VOICEMAIL, files, by_file)


def _match_recordings(
    found: Holdings, files: dict[str, Signature], rows: list[Row], accept_missing: bool
) -> None:
    by_file: dict[str, list[Row]] = {}
    for row in rows:
        url = str(row["recording_url"])
        name = url.removeprefix(f"{found.number}/")
        if name in files:
            by_file.setdefault(name, []).append(row)
        elif not is_set(row.get("archived")):
            # A recording that 3CX itself moved to its remote archive has no file here, and needs none.
            found.problems.append(_missing(url, accept_missing))
            if accept_missing:
                found.items.append(Holding(Kind.RECORDING, None, None, (row,)))
    _add_files(found, Kind.RECORDING, files, by_file)


def _add_files(
    found: Holdings, kind: Kind, files: dict[str, Signature], by_file: dict[str, list[Row]]
) -> None:
    found.items += [
        Holding(kind, name, signature, tuple(by_file.get(name, ())))
        for name, signature in sorted(files.items())
    ]


def _missing(label: str, accept_missing: bool) -> Problem:
    advice = (
        "Its row is kept along."
        if accept_missing
        else "Look for the file, or allow rows without audio (accept_missing)."
    )
    return Problem(
        "audio_missing",
        label,
        f"The database has it, but there is no such audio file. {advice}",
        not accept_missing,
    )
