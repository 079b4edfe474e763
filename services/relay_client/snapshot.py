"""Reads the phone system for a run: extensions in pages, departments, numbers in use, the licence."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from services.relay_client.advice import advice_on, advice_on_losses
from services.relay_client.execution.readback import read_back
from services.relay_client.trial import try_settings
from services.relay_client.xapi.client import READINGS, Xapi
from shared.database.columns import DEPARTMENT, PEER, written_beside
from shared.database.tables import PartKind, SnapshotPart
from shared.domain.asked import Asked
from shared.domain.extension import Extension
from shared.errors import IncompleteSnapshot
from shared.values.digits import is_digits
from shared.work.deadline import Deadline
from shared.work.parts import PartWork, read_part
from shared.worker.context import Context

_ROWS_PER_PAGE = 1000


def snapshot_extensions(context: Context, part_id: int) -> None:
    """Read and store the part if it waits to be read.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    read_part(context, part_id, PartKind.EXTENSIONS, _read)


def read_some_extensions(context: Context, part_id: int) -> None:
    """Read and store the extensions that a change run is about, if the part waits to be read. Each question is answered, or
    the part fails.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    read_part(context, part_id, PartKind.SOME_EXTENSIONS, _read_some)


def _xapi(part: PartWork) -> Xapi:
    site, context = part.settings(), part.context
    return Xapi(site.phone_system, context.database, context.encryption, further=site.further())


def _read_some(part: PartWork) -> None:
    with part.context.database.read() as session:
        told = session.get_one(SnapshotPart, part.id).proof
    asked = Asked.from_document(told["asked"])
    with _xapi(part) as xapi:
        if told["is_first"]:
            read_back(part.context, part.site_id, xapi)
        found = xapi.find_by_ids(asked.extensions)
        by_number = xapi.find_by_numbers(asked.numbers)
        found |= {extension.id: extension for extension in by_number.values()}
        found |= {extension.id: extension for extension in xapi.find_by_emails(asked.emails)}
        peers = xapi.peers_with(asked.numbers - by_number.keys())
        if found:
            part.store(list(found.values()))
        proof = {**told, "total": part.items} | written_beside("peers", PEER, peers)
        if told["is_first"]:
            proof |= _of_all(xapi)
        part.complete(source=xapi.settings.base_url, proof=proof)


def _of_all(xapi: Xapi) -> dict[str, Any]:
    """What holds for the phone system as a whole."""
    licence, numbering = xapi.licence(), xapi.numbering()
    return {
        "version": xapi.about().version,
        "used_extensions": licence.used,
        "max_extensions": licence.most,
        "number_lengths": list(numbering.lengths),
        "emergency_numbers": list(numbering.emergency),
        "dial_codes": list(numbering.dial_codes),
    } | written_beside("departments", DEPARTMENT, xapi.departments())


def _read(part: PartWork) -> None:
    with _xapi(part) as xapi:
        read_back(part.context, part.site_id, xapi)
        _read_all(part, xapi)


def _read_all(part: PartWork, xapi: Xapi) -> None:
    about, asked_at = xapi.about(), datetime.now(UTC)
    licence = xapi.licence()
    missing = try_settings(xapi)
    departments = xapi.departments()
    peers = xapi.peers()
    numbering = xapi.numbering()
    shown = _store_extensions(part, xapi)
    part.complete(
        source=xapi.settings.base_url,
        proof={
            "version": about.version,
            "certificate_ends_at": about.certificate_ends_at.isoformat()
            if about.certificate_ends_at
            else None,
            "advice": [
                *advice_on(about, xapi.settings.base_url, asked_at),
                *advice_on_losses(licence, missing),
            ],
            "used_extensions": licence.used,
            "max_extensions": licence.most,
            "total": part.items,
            "number_lengths": list(numbering.lengths),
            # A change run reads a few extensions, and needs to know what all of them show.
            "lengths_shown": sorted(shown),
            "emergency_numbers": list(numbering.emergency),
            "dial_codes": list(numbering.dial_codes),
            "edits": [[edit.number, edit.by, edit.at] for edit in xapi.edits()],
        }
        | written_beside("departments", DEPARTMENT, departments)
        | written_beside("peers", PEER, peers),
    )


def _store_extensions(part: PartWork, xapi: Xapi) -> set[int]:
    """Store what is read as it comes, so that memory stays flat; how many digits the extensions have.

    :raises IncompleteSnapshot: the extensions kept changing.
    """
    for reading in range(1, READINGS + 1):
        shown: set[int] = set()
        try:
            for extensions in _stored_pages(xapi, part.deadline):
                part.store(extensions)
                shown |= {len(extension.number) for extension in extensions if is_digits(extension.number)}
            return shown
        except IncompleteSnapshot:
            if reading == READINGS:
                raise
            part.start_over()
    raise AssertionError("the last reading is stored or raised")


def _stored_pages(xapi: Xapi, deadline: Deadline) -> Iterator[list[Extension]]:
    extensions: list[Extension] = []
    for page in xapi.extension_pages():
        deadline.check()
        extensions += page
        if len(extensions) >= _ROWS_PER_PAGE:
            yield extensions
            extensions = []
    if extensions:
        yield extensions
