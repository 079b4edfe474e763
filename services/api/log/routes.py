"""The Log: read, export, clear."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from services.api.access.bearer import ActorDep, CallerDep
from services.api.console.sending import exports_of, finished
from services.api.log.schemas import EVENT_EXAMPLE, LogCleared, LogOut
from services.api.log.sending import flowing
from services.api.log.use_cases import log
from services.api.log.use_cases.export_process import Order
from services.api.log.use_cases.formats import MEDIA_TYPES
from services.api.log.use_cases.log import ExportFormat, LogFilter
from services.api.web.dependencies import Before, ContextDep, Limit, Moment, SiteId, context_of_request
from services.api.web.documented import documented
from services.api.web.large_answers import written
from shared.database.tables import EventLevel
from shared.errors import Conflict

router = APIRouter(prefix="/sites/{site_id}/log", tags=["log"], responses=documented(404))

_HEADER = "id,occurred_at,level,code,message,actor,run_id,number,person_guid"
_BINARY = {"schema": {"type": "string", "format": "binary"}, "example": "(the file)"}
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The entries as a file.",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": f"{_HEADER}\r\n1,2026-11-23T12:00:00+00:00,info,run.started,Run 7 started.,anna,7,,\r\n",
            },
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/EventOut"}},
                "example": [EVENT_EXAMPLE],
            },
            MEDIA_TYPES[ExportFormat.XLSX]: _BINARY,
            MEDIA_TYPES[ExportFormat.PDF]: _BINARY,
        },
    }
}


async def _filter(
    level: EventLevel | None = None,
    code: Annotated[str | None, Query(max_length=60, description="What happened: run.planned, ...")] = None,
    run_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    number: Annotated[str | None, Query(max_length=20, description="Extension number.")] = None,
    text: Annotated[str | None, Query(max_length=200, description="Part of the message.")] = None,
    since: Annotated[Moment | None, Query(description="Inclusive, with time zone.")] = None,
    until: Annotated[Moment | None, Query(description="Exclusive, with time zone.")] = None,
) -> LogFilter:
    return LogFilter(level, code, run_id, number, text, since, until)


FilterDep = Annotated[LogFilter, Depends(_filter)]


@router.get("", summary="A page of the Log", response_model=LogOut)
def read_log(
    request: Request, site_id: SiteId, filter: FilterDep, limit: Limit = 50, before: Before = None
) -> Response:
    """Entries that fit the filter, newest first."""
    page = log.read_log(context_of_request(request), site_id, filter, limit, before)
    return written(LogOut.model_validate({"items": page.entries, "next_before": page.next_before}))


@router.get("/export", summary="The Log as a file", response_class=StreamingResponse, responses=_EXPORTED)
async def export_log(
    request: Request,
    context: ContextDep,
    caller: CallerDep,
    site_id: SiteId,
    filter: FilterDep,
    format: ExportFormat = ExportFormat.CSV,
) -> Response:
    """All entries that fit the filter, newest first: csv (safe to open in a spreadsheet) and json for programs, with
    every column and times in UTC; xlsx and pdf for people, with the columns of the console's page and dates in the time
    zone of the schedule. A pdf has at most 10,000 entries and says so when there are more.

    One file is made at a time for each token; two more may wait.
    """
    dates = await run_in_threadpool(log.dates_of, context, site_id, format, None)
    if dates is None or format not in log.HEAVY:
        return flowing(request, caller.actor, site_id, filter, format, dates)
    exports, order = exports_of(request), Order(site_id, filter, format, dates)
    file = await asyncio.shield(exports.order(caller.actor, order))
    return finished(exports, caller.actor, order, file)


@router.delete("", summary="Clear the Log", responses=documented(409))
def clear_log(
    context: ContextDep,
    actor: ActorDep,
    site_id: SiteId,
    confirm: Annotated[
        str, Query(max_length=120, description="The site's id once more: this cannot be undone.")
    ],
) -> LogCleared:
    """Remove every entry up to now. The audit stays, and says who cleared the Log."""
    if confirm != site_id:
        raise Conflict(
            f"Clearing the Log of site '{site_id}' cannot be undone and needs confirm={site_id}. Nothing was removed."
        )
    return LogCleared(removed=log.clear_log(context, site_id, actor))
