"""Reads the phone system for a run: extensions in pages, departments, numbers in use, the licence."""

import time

from services.relay_client.xapi import Xapi
from shared.database.pages import extension_row
from shared.domain.extension import Extension
from shared.errors import LeaseHeld, RollcallError
from shared.runs import parts
from shared.settings import store
from shared.worker.context import Context

_ROWS_PER_PAGE = 1000


def snapshot_extensions(context: Context, part_id: int) -> None:
    """Read and store the part if it waits to be read.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    part = parts.claim_part(context.database, part_id, context.settings.lease_seconds)
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
    context.publish_due_later(part.run_id, countdown or 0.0)


def _read(context: Context, part: parts.ClaimedPart, xapi: Xapi) -> None:
    began = time.monotonic()
    version = xapi.version()
    used, most = xapi.system_status()
    departments = xapi.departments()
    peers = xapi.peers()
    extensions = sorted(xapi.extensions(), key=_by_id)
    pages = [
        extensions[start : start + _ROWS_PER_PAGE] for start in range(0, len(extensions), _ROWS_PER_PAGE)
    ]
    for number, page in enumerate(pages):
        rows = [extension_row(extension) for extension in page]
        parts.store_page(context.database, part, number, rows, context.settings.lease_seconds)
    parts.complete_part(
        context.database,
        part,
        pages=len(pages),
        items=len(extensions),
        source=xapi.settings.base_url,
        proof={
            "version": version,
            "used_extensions": used,
            "max_extensions": most,
            "departments": [[item.id, item.name, item.number, item.is_default] for item in departments],
            "peers": [[peer.number, peer.kind, peer.name] for peer in peers],
            "total": len(extensions),
            "seconds": round(time.monotonic() - began, 3),
        },
    )


def _by_id(extension: Extension) -> int:
    return extension.id
