"""A made-up phone system host for the relay, and an account of every byte and every row on it."""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from rollcall_relay import faults
from rollcall_relay.operations import Answer, Operations
from rollcall_relay.settings import Settings
from services.sandbox.relay_data.build import RECORDINGS, VOICEMAILS, Mailbox, build
from tests.support import forked
from tests.support.forked import Process

LEAVER, COLLEAGUE, ARCHIVE = "104", "105", "900"
STAFF = (
    Mailbox(LEAVER, "Zoë", "O'Brien", voicemails=12, recordings=13),
    Mailbox(COLLEAGUE, "Bo", "Li", voicemails=3, recordings=3),
    Mailbox(ARCHIVE, "Archive", ""),
)


@dataclass(slots=True)
class Phones:
    """One host. Paths and rows as 3CX has them; the relay works on it in this process or in one of its own."""

    folder: Path
    conninfo: str
    settings: Settings = field(default_factory=Settings)
    _processes: int = 0

    def __post_init__(self) -> None:
        self.settings = Settings(
            state_folder=str(self.folder / "state"), store_folder=str(self.folder / "store"), reserve_mib=0,
            settle_seconds=0.05, instance_folder=str(self.folder / "Instance1"), database=self.conninfo,
        )  # fmt: skip

    @property
    def voicemails(self) -> Path:
        return self.folder / "Instance1" / VOICEMAILS

    @property
    def recordings(self) -> Path:
        return self.folder / "Instance1" / RECORDINGS

    def set(self, **changes: Any) -> None:
        """Change settings of the relay."""
        self.settings = replace(self.settings, **changes)

    def operate(self, operation: str, /, **request: Any) -> Answer:
        """Ask the relay, in this process."""
        with Operations(self.settings) as operations:
            operations.accept(operation, request)
            return operations.run(operation)

    def start(
        self, operation: str, /, fault: str = "", prefix: Sequence[str] = (), **request: Any
    ) -> Process:
        """Ask the relay in a process of its own, which may be killed or frozen."""
        file = self.folder / "relay.toml"
        file.write_text(
            "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(self.settings).items())
        )
        self._processes += 1
        output = self.folder / f"relay-{self._processes}.out"
        return forked.start(
            ["--settings", str(file), "operate", operation, json.dumps(request)],
            os.environ | {faults.VARIABLE: fault}, output, errors=output.with_suffix(".err"),
            program=forked.RELAY, prefix=prefix,
        )  # fmt: skip

    def sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database says."""
        with psycopg.connect(self.conninfo) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def lose(self, number: str) -> None:
        """What deleting an extension may take with it, at worst: its files and its rows."""
        for folder in (self.voicemails, self.recordings):
            shutil.rmtree(folder / number)
        self.sql("DELETE FROM s_voicemail WHERE callee = %s", number)
        self.sql("DELETE FROM recordings WHERE recording_url LIKE %s", f"{number}/%")

    def account(self) -> "Account":
        """Every byte and row there is now."""
        return Account(
            voicemails=_sums(self.voicemails), recordings=_sums(self.recordings),
            voicemail_rows=[row for (row,) in self.sql("SELECT to_jsonb(t) FROM s_voicemail t ORDER BY key")],
            recording_rows=[row for (row,) in self.sql("SELECT to_jsonb(t) FROM recordings t ORDER BY id_recording")],
        )  # fmt: skip


def make_phones(folder: Path, conninfo: str, staff: Sequence[Mailbox] = STAFF) -> Phones:
    """A host with the sandbox's data."""
    phones = Phones(folder, conninfo)
    build(folder / "Instance1", conninfo, staff)
    return phones


@dataclass(frozen=True, slots=True)
class Account:
    """Checksums by relative path, and rows whole."""

    voicemails: Mapping[str, str]
    recordings: Mapping[str, str]
    voicemail_rows: list[dict[str, Any]]
    recording_rows: list[dict[str, Any]]

    def contents(self) -> Counter[str]:
        """How often each content is there, wherever it lies."""
        return Counter([*self.voicemails.values(), *self.recordings.values()])

    def audio_by_row(self) -> dict[Any, str | None]:
        """For each row, known by what never changes, the checksum of the audio it leads to."""
        audio = {
            ("voicemail", row["key"]): self.voicemails.get(
                f"{row['__name'].split('/')[0]}/{row['wav_file']}.wav"
            )
            for row in self.voicemail_rows
        }
        return audio | {
            ("recording", row["id_recording"]): self.recordings.get(row["recording_url"])
            for row in self.recording_rows
        }

    def of(self, number: str) -> Counter[str]:
        """The contents in one extension's folders."""
        return Counter(
            sha256
            for files in (self.voicemails, self.recordings)
            for name, sha256 in files.items()
            if name.startswith(f"{number}/")
        )


def _sums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
