"""Reads the phone system for a run: extensions in pages, departments, numbers in use, the licence."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from services.relay_client.advice import advice_on, advice_on_losses
from services.relay_client.trial import try_settings
from services.relay_client.xapi import READINGS, Xapi
from shared.database.columns import DEPARTMENT, PEER, written_beside
from shared.database.pages import forget_pages
from shared.database.tables import PartKind
from shared.domain.extension import Extension
from shared.errors import IncompleteSnapshot, LeaseHeld, RollcallError
from shared.runs import parts
from shared.runs.doubtful import turn_of_part
from shared.settings import store
from shared.worker.context import Context

_ROWS_PER_PAGE = 1000


def snapshot_extensions(context: Context, part_id: int) -> None:
    """Read and store the part if it waits to be read.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    with turn_of_part(context, part_id) as has_turn:
        if has_turn:
            _take(context, part_id)


def _take(context: Context, part_id: int) -> None:
    part = parts.claim_part(context.database, part_id, PartKind.EXTENSIONS, context.settings.lease_seconds)
    if part is None:
        return
    countdown: float | None = 0.0
    try:
        with context.database.read() as session:
            settings = store.read(session, part.site_id, context.encryption).settings.phone_system
        with Xapi(settings, context.database, context.encryption) as xapi:
            _read(context, part, xapi)
    except LeaseHeld:
        raise
    except RollcallError as error:
        countdown = parts.fail_part(context.database, part, error)
    context.publish_after_part(part.run_id, part.id, countdown or 0.0)


def _read(context: Context, part: parts.ClaimedPart, xapi: Xapi) -> None:
    began = time.monotonic()
    about, asked_at = xapi.about(), datetime.now(UTC)
    licence = xapi.licence()
    missing = try_settings(xapi)
    departments = xapi.departments()
    peers = xapi.peers()
    pages, items = _store_extensions(context, part, xapi)
    parts.complete_part(
        context.database,
        part,
        pages=pages,
        items=items,
        source=xapi.settings.base_url,
        proof={
            "version": about.version,
            "advice": [
                *advice_on(about, xapi.settings.base_url, asked_at),
                *advice_on_losses(licence, missing),
            ],
            "used_extensions": licence.used,
            "max_extensions": licence.most,
            "total": items,
            "seconds": round(time.monotonic() - began, 3),
        }
        | written_beside("departments", DEPARTMENT, departments)
        | written_beside("peers", PEER, peers),
    )


def _store_extensions(context: Context, part: parts.ClaimedPart, xapi: Xapi) -> tuple[int, int]:
    """Store what is read as it comes, so that memory stays flat; (pages, extensions) of a complete reading.

    :raises IncompleteSnapshot: the extensions kept changing.
    """
    for reading in range(READINGS):
        pages = items = 0
        try:
            for extensions in _stored_pages(xapi):
                parts.store_page(context.database, part, pages, extensions, context.settings.lease_seconds)
                pages, items = pages + 1, items + len(extensions)
            return pages, items
        except IncompleteSnapshot:
            if reading == READINGS - 1:
                raise
            with context.database.begin() as session:
                forget_pages(session, part.id, part.attempt)
    raise AssertionError("unreachable")


def _stored_pages(xapi: Xapi) -> Iterator[list[Extension]]:
    extensions: list[Extension] = []
    for page in xapi.extension_pages():
        extensions += page
        if len(extensions) >= _ROWS_PER_PAGE:
            yield extensions
            extensions = []
    if extensions:
        yield extensions
