"""The first set-up, step by step: each tried before it is saved, a preview before anything is done."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from services.api.console.rendering import link, page
from services.api.console.settings import editing, steps, tabs
from services.api.console.settings.editing import Shown
from services.api.console.settings.fields import read_form, value_at
from services.api.console.settings.tabs import Tab
from services.api.console.visit import FormDep, ManagerDep, text_of
from services.api.dependencies import ContextDep
from services.api.use_cases import questions, runs
from services.api.use_cases.settings import read_section, read_settings
from shared.database.tables import Run, RunKind
from shared.errors import NotFound, RollcallError
from shared.runs.start import ACTIVE_STATES, WAITING_STATES
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

router = APIRouter(prefix="/wizard")
Slug = Annotated[str, Path(max_length=40)]


@router.get("")
def take_up(context: ContextDep, _visitor: ManagerDep) -> Response:
    """Go to the first step that is still to be done."""
    stored = read_settings(context, DEFAULT_SITE)
    slug = steps.where_one_stands(stored, has_plan=_newest_plan(context) is not None)
    return RedirectResponse(link(f"/wizard/{slug}" if slug else "/"), HTTPStatus.SEE_OTHER)


@router.get("/preview")
def show_preview(request: Request, context: ContextDep, _visitor: ManagerDep) -> Response:
    """The run that is going, or its plan."""
    run = _newest_run(context)
    is_active = run is not None and run.state in ACTIVE_STATES
    return page(
        request,
        "wizard_preview.html",
        tab=steps.BY_STEP[steps.PREVIEW],
        steps=steps.STEPS,
        run=run,
        is_active=is_active,
        is_waiting=run is not None and run.state in WAITING_STATES,
        progress=runs.progress(context, run.id) if run is not None and is_active else None,
    )


@router.post("/preview")
def start_preview(context: ContextDep, visitor: ManagerDep) -> Response:
    """Read both ends and plan."""
    runs.start(context, DEFAULT_SITE, RunKind.PREVIEW, visitor.actor)
    return RedirectResponse(link("/wizard/preview"), HTTPStatus.SEE_OTHER)


@router.get("/{slug}")
def show_step(request: Request, context: ContextDep, _visitor: ManagerDep, slug: Slug) -> Response:
    """One step with what is stored, and what an end offers to choose from."""
    step = _step(slug)
    values, version = read_section(context, DEFAULT_SITE, step.section)
    shown = Shown(values, version)
    _offer(context, step, shown)
    return _page(request, step, shown)


@router.post("/{slug}")
def use_step(
    request: Request, context: ContextDep, visitor: ManagerDep, slug: Slug, form: FormDep
) -> Response:
    """Try what is filled in, save it and go on; or do with it whatever the button says."""
    step = _step(slug)
    stored, version = read_section(context, DEFAULT_SITE, step.section)
    shown = Shown(read_form(form, step.fields, stored), editing.given_version(form, version))
    action, _, argument = text_of(form, "action").partition(":")
    if action not in ("", "next", "anyway"):
        editing.do(context, step, shown, action, argument)
        return _page(request, step, shown)
    is_good = action == "anyway" or _try(context, step, shown)
    if is_good and editing.save(context, step, shown, visitor.actor) is not None:
        following = steps.next_step(slug)
        return RedirectResponse(link(f"/wizard/{following}" if following else "/"), HTTPStatus.SEE_OTHER)
    return _page(request, step, shown, may_save_anyway=not is_good and not shown.errors)


def _try(context: Context, step: Tab, shown: Shown) -> bool:
    """Whether the step may be saved: an end that it asks has answered."""
    if step.slug == "units" and not any(row.get("dn") for row in value_at(shown.values, "units") or ()):
        shown.errors = {"units": "Take one unit at least: without any, nobody would be read."}
        return False
    if step.question:
        editing.do(context, step, shown, "test", "")
    return not shown.errors and not shown.refused


def _offer(context: Context, step: Tab, shown: Shown) -> None:
    """What there is to choose from; where an end does not answer, the step can be filled in all the same."""
    try:
        if step.slug == "units" and not value_at(shown.values, "units"):
            shown.units = questions.browse_units(context, DEFAULT_SITE)
        elif step.slug == "number":
            shown.attributes = questions.list_attributes(context, DEFAULT_SITE)
        elif step.slug == "templates":
            shown.extensions = questions.list_extensions(context, DEFAULT_SITE)
    except RollcallError as error:
        shown.refused = error.message


def _page(request: Request, step: Tab, shown: Shown, *, may_save_anyway: bool = False) -> Response:
    return page(
        request,
        "wizard.html",
        shown.status,
        tab=step,
        steps=steps.STEPS,
        shown=shown,
        is_last=steps.next_step(step.slug) is None,
        may_save_anyway=may_save_anyway,
        label=tabs.label,
        choice=tabs.choice,
        value_at=value_at,
    )


def _step(slug: str) -> Tab:
    step = steps.BY_STEP.get(slug)
    if step is None:
        raise NotFound(f"The set-up has no step '{slug[:40]}'.")
    return step


def _newest_run(context: Context) -> Run | None:
    with context.database.read() as session:
        return session.scalar(
            select(Run)
            .where(Run.site_id == DEFAULT_SITE, Run.kind != RunKind.PERSON.value)
            .order_by(Run.id.desc())
            .limit(1)
        )


def _newest_plan(context: Context) -> Run | None:
    run = _newest_run(context)
    return run if run is not None and run.planned_at is not None else None
