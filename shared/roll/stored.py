"""Entries between plain values and their rows in the database."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from shared.database.columns import EXTENSION, PERSON, Columns
from shared.database.tables import RollRow
from shared.domain.extension import Extension
from shared.domain.person import Person, Presence
from shared.language import read_back
from shared.roll.entry import Drift, Entry, RollState, Row
from shared.values.keys import email_key, name_key, plain_text

T = TypeVar("T", Person, Extension)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_MOST_SEARCH, _MOST_SORT = 700, 100
# As plain rows: 100,000 of them shall not be remembered by a session.
COLUMNS = tuple(
    column
    for column in RollRow.__table__.columns
    if column.name in (
        "holder", "state", "reason", "since", "until", "presence", "last_seen_at", "name", "directory", "extension_id",
        "person", "extension", "drift",
    )
)  # fmt: skip


def digests_of(entries: Sequence[Entry]) -> Iterator[str]:
    """Of all that each entry says, but of what it knows of the past only: who reads both ends does not know that."""
    people = _parts(PERSON, [entry.person if entry.is_there else None for entry in entries])
    extensions = _parts(EXTENSION, [entry.extension for entry in entries])
    for entry, person, extension in zip(entries, people, extensions, strict=True):
        told = (
            entry.state,
            entry.reason,
            entry.until and entry.until.isoformat(),
            entry.presence,
            entry.directory,
            person,
            extension,
            [_drift_fields(item) for item in entry.drift],
        )
        yield hashlib.blake2b(_encode(told).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def values_of(entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """The column values of these entries but the site and the times, one after the other."""
    people = _documents(PERSON, [entry.person for entry in entries])
    extensions = _documents(EXTENSION, [entry.extension or entry.last_extension for entry in entries])
    for entry, person, extension, digest in zip(
        entries, people, extensions, digests_of(entries), strict=True
    ):
        yield _indexed(entry) | {
            "holder": entry.holder,
            "state": entry.state.value,
            "reason": str(entry.reason),
            "until": entry.until,
            "presence": entry.presence.value if entry.presence is not None else "",
            "directory": entry.directory,
            "has_drift": bool(entry.drift),
            "person": person,
            "extension": extension,
            "drift": _encode([[*_drift_fields(item), *_told_of(item)] for item in entry.drift])
            if entry.drift
            else None,
            "digest": digest,
        }


def row_of(row: Any) -> Row:
    """A row of ``COLUMNS`` as a plain value.

    :raises NewerVersionNeeded: it holds what only a newer Rollcall can mean.
    """
    extension = _value(EXTENSION, row.extension)
    entry = Entry(
        row.holder,
        # One that only a newer Rollcall knows asks for a look.
        RollState(row.state) if row.state in [*RollState] else RollState.CONFLICT,
        _value(PERSON, row.person),
        Presence(row.presence) if row.presence in [*Presence] else None,
        extension if row.extension_id is not None else None,
        read_back(row.reason, None),
        row.until,
        tuple(Drift(*fields) for fields in json.loads(row.drift)) if row.drift else (),
        row.directory,
        row.name,
        extension if row.extension_id is None else None,
    )
    return Row(entry, row.since, row.last_seen_at)


def _indexed(entry: Entry) -> dict[str, Any]:
    person, extension = entry.person, entry.extension
    there = person if entry.is_there else None
    return {
        "name": entry.name[:300],
        "sort_key": _sort_key(entry)[:_MOST_SORT],
        "shown_number": entry.number[:20],
        "number": (there.number or "")[:20] if there else "",
        "email_key": email_key(there.email)[:300] if there and there.email else "",
        "name_key": key_of_name(there.first_name, there.last_name) if there else "",
        "unit": person.unit[:400] if person else "",
        "extension_id": extension.id if extension else None,
        "extension_number": extension.number[:20] if extension else "",
        "extension_email_key": email_key(extension.email)[:300] if extension and extension.email else "",
        "extension_name_key": key_of_name(extension.first_name, extension.last_name) if extension else "",
        "department": entry.department[:255],
        "search": _search(entry)[:_MOST_SEARCH],
    }


def key_of_name(first_name: str, last_name: str) -> str:
    """By what a name is looked up: its words in order of the alphabet, without case and accents."""
    return " ".join(name_key(first_name, last_name))[:300]


def _sort_key(entry: Entry) -> str:
    if entry.person is not None and (entry.person.last_name or entry.person.first_name):
        name = f"{entry.person.last_name} {entry.person.first_name}"
    elif (
        entry.person is None
        and (extension := entry.extension or entry.last_extension)
        and extension.last_name
    ):
        name = f"{extension.last_name} {extension.first_name}"
    else:
        name = entry.name
    return " ".join(plain_text(name).split()) or name.casefold()


def _search(entry: Entry) -> str:
    """Each word by which somebody may be looked for once, with a blank before it."""
    person, extension = entry.person, entry.extension or entry.last_extension
    texts = [entry.number, entry.name, entry.guid or ""]
    if person is not None:
        texts += [
            person.first_name, person.last_name, person.display_name, person.number or person.number_text, person.login,
            person.email,
        ]  # fmt: skip
    if extension is not None:
        texts += [extension.first_name, extension.last_name, extension.number, extension.email]
    return "".join(f" {word}" for word in dict.fromkeys(words_of(" ".join(texts))))


def words_of(text: str) -> list[str]:
    """The words of a text as they are looked for: letters and digits, without case and accents; else what it is."""
    return plain_text(text).split() or text.casefold().split()


def _documents(columns: Columns[T], values: Sequence[T | None]) -> list[str | None]:
    """Each value as JSON: the row of the first release, and by name what came later."""
    return [_encode(part) if part is not None else None for part in _parts(columns, values)]


def _parts(columns: Columns[T], values: Sequence[T | None]) -> list[list[Any] | None]:
    rows, added = columns.write([value for value in values if value is not None])
    fields: list[str] = list(added["fields"]) if added is not None else []
    lines = added["rows"] if added is not None else [()] * len(rows)
    made = iter([[row, dict(zip(fields, line, strict=True))] for row, line in zip(rows, lines, strict=True)])
    return [next(made) if value is not None else None for value in values]


def _value(columns: Columns[T], document: str | None) -> T | None:
    if document is None:
        return None
    read: list[Any] = json.loads(document)
    later: dict[str, Any] = read[1]
    added = {"fields": [*later], "rows": [[*later.values()]]} if later else None
    return columns.read([read[0]], added)[0]


def _drift_fields(item: Drift) -> list[str | None]:
    return [item.field, item.shown, item.wanted, item.written]


def _told_of(item: Drift) -> list[str]:
    """Not in the digest: the audit log of 3CX forgets."""
    return [item.changed_by, item.changed_at] if item.changed_by else []
