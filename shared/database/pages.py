"""Snapshot pages: domain values as compressed JSON, written page by page and read back one at a time.

Memory holds one page of a part, however many people a site has. The codec is the contract between the
services that read both ends and the reconciler.
"""

import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from shared.database.engine import Database
from shared.database.tables import SnapshotPage, SnapshotPart
from shared.domain.extension import Extension, Membership
from shared.domain.person import AbsentPerson, AccountState, Person

# Level 1: measured three times as fast as the default for a tenth more bytes.
_COMPRESSION = 1

Row = list[Any]


def pack(rows: Sequence[Row]) -> bytes:
    """Rows of JSON values as stored."""
    return zlib.compress(json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode(), _COMPRESSION)


def unpack(payload: bytes) -> list[Row]:
    """The rows of a stored page."""
    rows: list[Row] = json.loads(zlib.decompress(payload))
    return rows


def person_row(person: Person) -> Row:
    """A person as JSON values, in the order of the dataclass."""
    return [
        person.guid, person.distinguished_name, person.unit, person.first_name, person.last_name,
        person.display_name, person.email, person.mobile, person.number, person.number_text,
        person.number_problem, person.departments, person.account_state, person.login, person.usn,
    ]  # fmt: skip


def row_person(row: Row) -> Person:
    """The person of a row just unpacked (the row is used up)."""
    row[11] = tuple(row[11])
    row[12] = AccountState(row[12])
    return Person(*row)


def extension_row(extension: Extension) -> Row:
    """An extension as JSON values."""
    return [
        extension.id, extension.number, extension.first_name, extension.last_name, extension.email,
        extension.mobile, extension.enabled,
        [[item.department_id, item.department, item.role] for item in extension.memberships],
        extension.primary_department_id,
    ]  # fmt: skip


def row_extension(row: Row) -> Extension:
    """The extension of a row just unpacked (the row is used up)."""
    row[7] = tuple(Membership(*item) for item in row[7])
    return Extension(*row)


def absent_row(absent: AbsentPerson) -> Row:
    """An absent person as JSON values."""
    return [absent.guid, absent.found, absent.distinguished_name]


def row_absent(row: Row) -> AbsentPerson:
    """The absent person of a row."""
    return AbsentPerson(*row)


def write_page(session: Session, part_id: int, attempt: int, page: int, rows: Sequence[Row]) -> None:
    """Store one page of an attempt at a part."""
    session.execute(
        insert(SnapshotPage).values(
            part_id=part_id, attempt=attempt, page=page, item_count=len(rows), payload=pack(rows)
        )
    )


def forget_other_attempts(session: Session, part_id: int, attempt: int) -> None:
    """Remove what earlier attempts at the part had written."""
    session.execute(
        delete(SnapshotPage).where(SnapshotPage.part_id == part_id, SnapshotPage.attempt != attempt)
    )


def forget_pages(session: Session, part_id: int, attempt: int) -> None:
    """Remove what an attempt has written so far, to begin again within it."""
    session.execute(
        delete(SnapshotPage).where(SnapshotPage.part_id == part_id, SnapshotPage.attempt == attempt)
    )


def read_rows(database: Database, part_id: int, any_of: Collection[str] = ()) -> Iterator[Row]:
    """All rows of the attempt that completed the part, in order, one page in memory at a time.

    With ``any_of``, pages none of whose values can hold the words of one of these texts (in lower case) are passed
    over without being decoded: measured, a tenth of the time. Whoever asks looks at the rows all the same.

    :raises LookupError: pages of the part were forgotten.
    """
    wanted = [[_as_stored(word) for word in text.split()] for text in any_of]
    with database.read() as session:
        attempt, pages = session.execute(
            select(SnapshotPart.attempt, SnapshotPart.page_count).where(SnapshotPart.id == part_id)
        ).one()
    for page in range(pages):
        with database.read() as session:
            payload = session.scalar(
                select(SnapshotPage.payload).where(
                    SnapshotPage.part_id == part_id,
                    SnapshotPage.attempt == attempt,
                    SnapshotPage.page == page,
                )
            )
        if payload is None:
            raise LookupError(f"page {page} of part {part_id} is missing")
        if not any_of or _holds_one(zlib.decompress(payload).decode().lower(), wanted):
            yield from unpack(payload)


def _as_stored(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)[1:-1]


def _holds_one(stored: str, texts: Sequence[Sequence[str]]) -> bool:
    return any(all(word in stored for word in words) for words in texts)
