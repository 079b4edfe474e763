"""The Log: filtered, paged, exported, cleared."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from services.api.console.rendering import clock_of, language_of, link, page
from services.api.console.request import FormDep, console_request, text_of
from services.api.console.scope import ManagerDep, SiteDep, VisitorDep
from services.api.console.sending import when_made
from services.api.console.words import moment_at
from services.api.log.sending import flowing
from services.api.log.use_cases import log
from services.api.log.use_cases.export_process import Order
from services.api.log.use_cases.formats import Dates
from services.api.log.use_cases.log import ExportFormat, LogFilter
from services.api.web.dependencies import Before, ContextDep
from shared.database.tables import EventLevel
from shared.language import declared, phrase
from shared.values.digits import whole_number

router = APIRouter(prefix="/log")

_SHOWN = 50
# What a database searches within 50 ms.
_REACH = 50_000
_CONFIRMATION = "clear"
_LARGEST_RUN = 2**31 - 1
_FORMATS = {
    ExportFormat.CSV: "CSV",
    ExportFormat.XLSX: "Excel",
    ExportFormat.PDF: "PDF",
    ExportFormat.JSON: "JSON",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as the form holds it; ``problems`` names, by field, what of it cannot be used."""

    values: dict[str, str]
    filter: LogFilter
    problems: dict[str, str]


def _asked(
    request: Request,
    level: Annotated[str, Query(max_length=20)] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    number: Annotated[str, Query(max_length=20)] = "",
    run: Annotated[str, Query(max_length=20)] = "",
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
) -> Asked:
    zone = console_request(request).zone
    problems: dict[str, str] = {}
    run_id = None
    if run.strip():
        run_id = whole_number(run.strip(), 10)
        if run_id is None or not 0 < run_id <= _LARGEST_RUN:
            run_id = None
            problems["run"] = declared("A run is a number, such as 7.")
    moments: dict[str, datetime | None] = {}
    for name, given in (("since", since), ("until", until)):
        moments[name] = moment_at(given, zone)
        if given.strip() and moments[name] is None:
            problems[name] = declared("A time is written like 2026-11-23T14:30.")
    chosen = LogFilter(
        level=EventLevel(level) if level in [*EventLevel] else None,
        run_id=run_id,
        number=number.strip() or None,
        text=text.strip() or None,
        since=moments["since"],
        until=moments["until"],
    )
    values = {"level": level, "text": text, "number": number, "run": run, "since": since, "until": until}
    return Asked(values, chosen, problems)


AskedDep = Annotated[Asked, Depends(_asked)]


@router.get("")
def show_log(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    _visitor: VisitorDep,
    asked: AskedDep,
    before: Before = None,
) -> Response:
    """A page of entries, newest first."""
    found = log.read_log(context, site, asked.filter, _SHOWN, before, _REACH)
    return page(
        request,
        "log.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if asked.problems else HTTPStatus.OK,
        entries=found.entries,
        searched_to=found.searched_to,
        asked=asked.values,
        problems=asked.problems,
        is_filtered=any(asked.values.values()),
        formats=_FORMATS,
        newest=link("/log", asked.values) if before is not None else None,
        older=link("/log", asked.values, before=found.next_before) if found.next_before else None,
    )


@router.get("/export")
async def export(
    request: Request,
    site: SiteDep,
    visitor: VisitorDep,
    asked: AskedDep,
    format: ExportFormat = ExportFormat.CSV,
) -> Response:
    """The entries that fit, as a file with dates as the page shows them; a page that asks again until it is made."""
    if asked.problems:
        # A file of everything, when something was asked for, would be taken for what was asked for.
        return RedirectResponse(link("/log", asked.values), HTTPStatus.SEE_OTHER)
    clock = await run_in_threadpool(clock_of, request)
    dates = Dates(clock.zone, clock.pattern)
    if format not in log.HEAVY:
        return flowing(request, visitor.actor, site, asked.filter, format, dates, language_of(request))
    order = Order(site, asked.filter, format, dates, language_of(request))
    back = link("/log", asked.values)
    return await when_made(request, visitor.actor, order, _FORMATS[format], declared("the Log"), back)


@router.get("/clear")
def ask_to_clear(request: Request, _visitor: ManagerDep) -> Response:
    """Ask once more: it cannot be undone."""
    return page(request, "log_clear.html", word=_CONFIRMATION, problem="")


@router.post("/clear")
def clear(
    request: Request, context: ContextDep, site: SiteDep, visitor: ManagerDep, form: FormDep
) -> Response:
    """Remove every entry up to now; the audit stays."""
    if text_of(form, "confirm").strip().lower() != _CONFIRMATION:
        problem = phrase("Nothing was deleted. Type {confirmation} to continue.", confirmation=_CONFIRMATION)
        return page(
            request, "log_clear.html", HTTPStatus.UNPROCESSABLE_ENTITY, word=_CONFIRMATION, problem=problem
        )
    log.clear_log(context, site, visitor.actor)
    return RedirectResponse(link("/log"), HTTPStatus.SEE_OTHER)
