"""The plan of a run: its rows as they are read and filtered, one row with everything about it, and all of it on paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from services.api.console.rendering import (
    COMFORTABLE,
    COMPACT,
    DENSITY_COOKIE,
    clock_of,
    language_of,
    link,
    page,
)
from services.api.console.request import console_request, cookie_options
from services.api.console.scope import VisitorDep
from services.api.console.sending import when_made
from services.api.runs.plan_words import (
    HOLDS,
    KIND_TONES,
    apply_words,
    facts_of,
    holds_in_words,
    kinds_in_order,
    short_reason,
)
from services.api.runs.queries.plan_filter import PlanFilter
from services.api.runs.queries.plan_page import (
    MOST_PRINTED,
    count_rows,
    fitting_rows,
    keeping_only,
    leaving_out,
    read_plan,
    read_row,
    read_subjects,
)
from services.api.runs.row_numbers import parse_rows, show_rows
from services.api.runs.use_cases.plan_file import PlanFile
from services.api.runs.use_cases.undo import view_undo
from services.api.web.dependencies import ContextDep, RunId
from shared.database.tables import Run, RunKind, RunState
from shared.domain.command import CommandState
from shared.language import declared
from shared.runs.start import WAITING_STATES
from shared.runs.verdict import hold_reasons

router = APIRouter(prefix="/runs")

Rows = Annotated[list[int], Query(alias="row")]
Text = Annotated[str, Query(max_length=200)]
Long = Annotated[str, Query(max_length=4_000)]
LeaveOut = Annotated[str, Query(max_length=60_000)]
# More than that page takes at once, and no more than an address has room for.
_MOST_IN_ADDRESS = 300


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter, and as the form holds it."""

    filter: PlanFilter
    kept: dict[str, str]


def _asked(
    kind: Annotated[str, Query(max_length=40)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    unit: Long = "",
    why: Long = "",
    hold: Annotated[str, Query(max_length=60)] = "",
    q: Text = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Asked:
    # An empty choice of a form is sent as an empty text.
    chosen = CommandState(state) if state in [*CommandState] else None
    return Asked(
        PlanFilter(kind, chosen, unit, why, hold, q.strip(), after),
        {"kind": kind, "state": state, "unit": unit, "why": why, "hold": hold, "q": q},
    )


AskedDep = Annotated[Asked, Depends(_asked)]


@router.get("/{run_id}/plan")
def show_plan(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    run_id: RunId,
    asked: AskedDep,
    leave_out: LeaveOut = "",
    row: Rows = [],  # noqa: B006  (FastAPI makes a new one for each request)
    do: str = "",
    which: str = "",
    rows: str = "",
) -> Response:
    """The plan's rows. ``do`` changes which rows are to be left out and comes back without it."""
    left_out = leaving_out(context, run_id, parse_rows(leave_out, count_rows(context, run_id)))
    here, after = f"/runs/{run_id}/plan", asked.filter.after
    if do:
        chosen = fitting_rows(context, run_id, asked.filter) if which == "all" else row
        if do == "exclude":
            who, theirs = read_subjects(context, run_id, chosen)
            texts = [f"{number}:{name}" for number, name in who[:_MOST_IN_ADDRESS]]
            then = show_rows(left_out | theirs)
            return RedirectResponse(
                link("/exclusions", who=texts, run=run_id, leave_out=then), HTTPStatus.SEE_OTHER
            )
        changed = show_rows(_changed(context, run_id, do, left_out, chosen))
        return RedirectResponse(
            link(here, asked.kept, after=after or None, leave_out=changed), HTTPStatus.SEE_OTHER
        )
    seen = read_plan(context.database, run_id, asked.filter, left_out)
    reasons = hold_reasons(seen.run)
    is_waiting = seen.run.state in WAITING_STATES
    rows_text = show_rows(left_out)
    density = rows or request.cookies.get(DENSITY_COOKIE, COMPACT)
    density = COMFORTABLE if density == COMFORTABLE else COMPACT
    answer = page(
        request,
        "plan.html",
        run=seen.run,
        seen=seen,
        facts=facts_of(reasons) if reasons else [],
        why=holds_in_words(reasons),
        is_held=seen.run.state == RunState.HELD,
        undo=view_undo(context, run_id) if seen.run.kind == RunKind.UNDO else None,
        apply=apply_words(seen.waiting - len(left_out), seen.deletions),
        left_out=left_out,
        leave_out=rows_text,
        kept=asked.kept,
        is_filtered=any(asked.kept.values()),
        after=after,
        density=density,
        other_density=COMPACT if density == COMFORTABLE else COMFORTABLE,
        is_waiting=is_waiting,
        has_result=_has_result(seen.run, seen.states, seen.holds),
        short_reason=short_reason,
        kinds_read=kinds_in_order(seen.kinds),
        HOLDS=HOLDS,
        KIND_TONES=KIND_TONES,
        newest=link(here, asked.kept, leave_out=rows_text) if after else None,
        older=link(here, asked.kept, leave_out=rows_text, after=seen.next_after) if seen.next_after else None,
    )
    if rows:
        answer.set_cookie(DENSITY_COOKIE, density, max_age=31_536_000, **cookie_options(request))
    return answer


@router.get("/{run_id}/plan/row")
def show_row(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    run_id: RunId,
    row: Annotated[int, Query(ge=1, le=2**31 - 1)],
) -> Response:
    """One row: before and after, the reason, what it rests on, and what became of it."""
    run, found = read_row(context, run_id, row)
    return page(request, "plan_row.html", run=run, row=found, HOLDS=HOLDS, KIND_TONES=KIND_TONES)


@router.get("/{run_id}/plan/print")
def print_plan(
    request: Request, context: ContextDep, _visitor: VisitorDep, run_id: RunId, asked: AskedDep
) -> Response:
    """The rows that fit on one page, to be printed or saved as PDF by the browser."""
    seen = read_plan(context.database, run_id, asked.filter, most=MOST_PRINTED)
    reasons = hold_reasons(seen.run)
    return page(
        request,
        "plan_print.html",
        run=seen.run,
        seen=seen,
        facts=facts_of(reasons) if reasons else [],
        kept=asked.kept,
        is_filtered=any(asked.kept.values()),
        KIND_TONES=KIND_TONES,
    )


@router.get("/{run_id}/plan/pdf")
async def export_plan(request: Request, visitor: VisitorDep, run_id: RunId, asked: AskedDep) -> Response:
    """The rows that fit as a PDF; a page that asks again until it is made."""
    current = console_request(request)
    clock, site = await run_in_threadpool(lambda: (clock_of(request), current.shown_site))
    name = site.name if site is not None and site.is_named else ""
    order = PlanFile(run_id, asked.filter, clock, name, language_of(request))
    back = link(f"/runs/{run_id}/plan", asked.kept)
    return await when_made(request, visitor.actor, order, "PDF", declared("the plan"), back)


def _has_result(run: Run, states: Mapping[str, int], holds: Mapping[str, int]) -> bool:
    """Whether what became of rows, or why they wait, differs from row to row."""
    if run.kind == RunKind.WHAT_IF:
        return False
    return run.state not in WAITING_STATES or len(states) > 1 or len(holds) > 1


def _changed(context: ContextDep, run_id: int, do: str, left_out: set[int], chosen: list[int]) -> set[int]:
    match do:
        case "leave":
            return leaving_out(context, run_id, left_out | set(chosen))
        case "only":
            return keeping_only(context, run_id, chosen)
        case "back":
            # What a row requires comes back with it.
            return left_out & keeping_only(context, run_id, chosen)
    return set()
