"""Makes the folder tree and fills the tables; the same seed makes the same bytes."""

import os
import random
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from services.sandbox.relay_data.tables import CREATE_TABLES

VOICEMAILS = "Data/Ivr/Voicemail/Extensions"
RECORDINGS = "Data/Recordings"
_FIRST_CALL = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
# What real displays hold and file systems allow; every one of them has broken some program.
_CALLERS = (
    "Berg, Anna", "Müller (Büro)", "O'Brien", 'Bo "Boss" Li', "[Sales] 50% off", "née Ångström", "a\\b$HOME`x`",
    "-rf *", "日本 📞", "two  spaces ", "{curly};semi&amp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One user extension and how much it has."""

    number: str
    first_name: str
    last_name: str
    voicemails: int = 0
    recordings: int = 0
    is_voicemail_on: bool = True


def build(
    instance: Path, conninfo: str, mailboxes: Sequence[Mailbox], seed: int = 1, largest: int = 24_000
) -> None:
    """Make everything below ``instance`` and in the empty database. ``largest`` bounds the bytes of a file."""
    source = random.Random(seed)  # noqa: S311 - data for tests
    with psycopg.connect(conninfo) as connection:
        connection.execute(CREATE_TABLES)
        for folder in (VOICEMAILS, RECORDINGS):
            (instance / folder).mkdir(parents=True)
        for mailbox in mailboxes:
            _add_user(connection, mailbox)
            _add_voicemails(instance, connection, mailbox, source, largest)
            _add_recordings(instance, connection, mailbox, source, largest)


def wave(source: random.Random, size: int) -> bytes:
    """A WAV file of noise: 8,000 samples a second, mono, 16 bits."""
    noise = source.randbytes(size - size % 2)
    header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(noise), b"WAVEfmt ", 16, 1, 1, 8000, 16000, 2, 16,
                         b"data", len(noise))  # fmt: skip
    return header + noise


def _add_user(connection: "psycopg.Connection[Any]", mailbox: Mailbox) -> None:
    dn = _first(connection, "INSERT INTO dn (value) VALUES (%s) RETURNING iddn", mailbox.number)
    connection.execute("INSERT INTO extension VALUES (%s)", (dn,))
    user = _first(
        connection,
        "INSERT INTO users (firstname, lastname, fkidextension) VALUES (%s, %s, %s) RETURNING iduser",
        mailbox.first_name, mailbox.last_name, dn,
    )  # fmt: skip
    connection.execute(
        "INSERT INTO voicemail VALUES (%s, '1234', %s, %s)",
        (user, mailbox.is_voicemail_on, f"{mailbox.number}@example.test"),
    )


def _add_voicemails(
    instance: Path,
    connection: "psycopg.Connection[Any]",
    mailbox: Mailbox,
    source: random.Random,
    largest: int,
) -> None:
    rows = []
    for index in range(mailbox.voicemails):
        at = _FIRST_CALL + timedelta(minutes=7 * index)
        caller = str(source.randrange(10**9, 10**10))
        name = f"vmail_{caller}_{mailbox.number}_{at:%Y%m%d%H%M%S}"
        size = source.randrange(100, largest)
        _write(instance / VOICEMAILS / mailbox.number / f"{name}.wav", wave(source, size), at)
        rows.append(
            (
                f"{mailbox.number}/{name}", name, mailbox.number, caller, source.choice(_CALLERS), str(size // 16),
                f"{at:%Y%m%d%H%M%S}.00", source.choice(("", "0", "1")), uuid.UUID(int=source.getrandbits(128)),
            )
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO s_voicemail (__name, wav_file, callee, caller, caller_name, duration, created_time, heard,"
            " cdr_participant_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


def _add_recordings(
    instance: Path,
    connection: "psycopg.Connection[Any]",
    mailbox: Mailbox,
    source: random.Random,
    largest: int,
) -> None:
    for index in range(mailbox.recordings):
        at = _FIRST_CALL + timedelta(minutes=11 * index)
        caller, name = str(source.randrange(10**9, 10**10)), source.choice(_CALLERS)
        file = f"[{name}]_{mailbox.number}-{caller}_{at:%Y%m%d%H%M%S}({index}).wav"
        size = source.randrange(100, largest)
        _write(instance / RECORDINGS / mailbox.number / file, wave(source, size), at)
        participant = _first(
            connection,
            "INSERT INTO cl_participants (dn, caller_number, display_name) VALUES (%s, %s, %s) RETURNING id",
            mailbox.number, caller, name,
        )  # fmt: skip
        connection.execute(
            "INSERT INTO recordings (cl_participants_id, recording_url, start_time, end_time, call_type, sentiment_score,"
            " cdr_id) VALUES (%s, %s, %s, %s, 1, %s, %s)",
            (
                participant, f"{mailbox.number}/{file}", at, at + timedelta(seconds=size // 16000 + 1),
                round(source.random(), 3), uuid.UUID(int=source.getrandbits(128)),
            ),
        )  # fmt: skip


def _write(path: Path, content: bytes, at: datetime) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))


def _first(connection: "psycopg.Connection[Any]", query: str, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]
