"""People and extensions as they are now; and one of them: where they were found, which extension is theirs, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import language_of, link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep
from services.api.console.sending import sent_in_turn, when_made
from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.use_cases import bindings, roll, welcome
from services.api.people.use_cases.explain import explain
from services.api.people.use_cases.export_process import PeopleFile
from services.api.web.dependencies import ContextDep
from services.api.web.problems import status_of
from shared.domain.grace import is_nobodys
from shared.errors import Conflict, NotFound
from shared.language import declared, each_spoken
from shared.roll.entry import RollState
from shared.worker.context import Context

router = APIRouter()
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter and the order as the page's address has them."""

    values: dict[str, str]
    filter: PeopleFilter
    order: PeopleOrder


def _asked(
    text: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    unit: Annotated[str, Query(max_length=2048)] = "",
    department: Annotated[str, Query(max_length=300)] = "",
    differs: Annotated[str, Query(max_length=5)] = "",
    sort: Annotated[str, Query(max_length=20)] = "",
) -> Asked:
    chosen = PeopleFilter(
        text.strip(),
        RollState(state) if state in [*RollState] else None,
        unit or None,
        department or None,
        bool(differs) or None,
    )
    order = PeopleOrder(sort) if sort in [*PeopleOrder] else PeopleOrder.NAME
    values = {
        "text": text,
        "state": chosen.state or "",
        "unit": unit,
        "department": department,
        "differs": "yes" if differs else "",
        "sort": sort if sort in [*PeopleOrder] else "",
    }
    return Asked(values, chosen, order)


AskedDep = Annotated[Asked, Depends(_asked)]


@router.get("/people")
def show_people(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    _visitor: VisitorDep,
    asked: AskedDep,
    q: Annotated[str, Query(max_length=2048)] = "",
    after: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """People and extensions that fit the filter; with ``q`` what is known of the one whom it means."""
    if q.strip():
        return _one(request, context, site, q.strip())
    found = roll.list_people(context, site, asked.filter, asked.order, _SHOWN, after or None)
    return page(
        request,
        "people.html",
        found=found,
        asked=asked.values,
        is_filtered=any(value for name, value in asked.values.items() if name != "sort"),
        unit_names=_unit_names(found.counts.units),
        first=link("/people", asked.values) if after else None,
        further=link("/people", asked.values, after=found.next_after) if found.next_after else None,
    )


@router.get("/people/export")
async def export_people(
    request: Request,
    site: SiteDep,
    visitor: VisitorDep,
    asked: AskedDep,
    context: ContextDep,
    format: Literal["csv", "xlsx"] = "csv",
) -> Response:
    """The rows that fit as a file."""
    if format == "csv":
        pieces = each_spoken(
            language_of(request), roll.export_pieces(context.database, site, asked.filter, asked.order)
        )
        return sent_in_turn(request, visitor.actor, pieces, f"rollcall-{site}-people.csv")
    order = PeopleFile(site, asked.filter, asked.order, language_of(request))
    back = link("/people", asked.values)
    return await when_made(request, visitor.actor, order, "Excel", declared("people and extensions"), back)


def _one(request: Request, context: ContextDep, site: str, q: str) -> Response:
    told, problem, status = None, "", HTTPStatus.OK
    found = roll.find_row(context, site, q) if is_nobodys(q) else None
    if found is None:
        try:
            told = explain(context, site, q)
            found = roll.find_row(context, site, told.guid)
        except (NotFound, Conflict) as error:
            problem, status = error.message, status_of(error)
    return page(
        request,
        "person.html",
        status,
        q=q,
        told=told,
        found=found,
        directory=_directory(context, site, found),
        problem=problem,
        now=datetime.now(UTC),
    )


def _directory(context: Context, site: str, found: roll.OneRow | None) -> str:
    """What the directory of the row's person is called, where a site has several and it is known."""
    key = found.row.entry.directory if found is not None else None
    return context.directory_titles(site).get(key, "") if key is not None else ""


def _unit_names(units: Iterable[str]) -> dict[str, str]:
    """What to call each unit: its own name, or its whole DN where several have that name."""
    names = {unit: unit.partition(",")[0].partition("=")[2] or unit for unit in units}
    told = Counter(names.values())
    return {unit: name if told[name] == 1 else unit for unit, name in names.items()}


@router.post("/people/release")
def release_link(context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep) -> Response:
    """End the link of a person to their extension."""
    guid = text_of(form, "person")
    bindings.release(context, site, guid, visitor.actor)
    return RedirectResponse(link("/people", q=guid), HTTPStatus.SEE_OTHER)


@router.post("/people/welcome")
def send_welcome_message(context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep) -> Response:
    """Let 3CX mail its welcome message again, to a person or to chosen rows; the Log has what became of it."""
    numbers = list(dict.fromkeys(value for value in form.getlist("number") if isinstance(value, str)))
    welcome.send(context, site, numbers, visitor.actor)
    shown = {"number": numbers[0]} if len(numbers) == 1 else {}
    return RedirectResponse(link("/log", **shown), HTTPStatus.SEE_OTHER)
