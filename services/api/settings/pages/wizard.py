"""The set-up wizard: step by step from an empty site to its first run and its schedule.

A step is a form of settings that is tested before it is saved; what fails its test is saved only when the
administrator says so.
"""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import ManagerDep, SiteDep, run_of_site, site_of
from services.api.runs.plan_words import KIND_TONES
from services.api.runs.use_cases import runs
from services.api.settings.forms import proposals
from services.api.settings.forms.fields import put, value_at
from services.api.settings.forms.form import (
    Form,
    above,
    act,
    directories_of,
    directory_of,
    save,
    sent_form,
    stored_form,
)
from services.api.settings.forms.proposals import Offer
from services.api.settings.forms.steps import BY_SLUG, STEPS, Step, neighbours, next_step, steps_done
from services.api.settings.forms.tabs import Tab
from services.api.settings.queries.first_plan import FirstPlan, has_ended_well, read_first_plan
from services.api.web.dependencies import ContextDep
from shared.database.tables import RunKind
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.language import declared, phrase
from shared.settings.fields import label_of
from shared.values.digits import whole_number
from shared.worker.context import Context

router = APIRouter(prefix="/wizard")
Slug = Annotated[str, Path(max_length=40)]
DirectoryName = Annotated[str, Query(max_length=80)]
# So many are offered as a list to choose from; beyond, a number is typed and the field makes suggestions.
_LONGEST_CHOICE = 300


@router.get("")
def to_the_next_step(context: ContextDep, site: SiteDep, _visitor: ManagerDep) -> Response:
    """Go on where somebody left off."""
    step = next_step(_done(context, site))
    return _to(step) if step is not None else RedirectResponse(link("/"), HTTPStatus.SEE_OTHER)


@router.get("/preview")
def show_first_plan(request: Request, context: ContextDep, site: SiteDep, _visitor: ManagerDep) -> Response:
    """The first plan: begun, going, to be approved, or carried out."""
    return _page(request, context, BY_SLUG["preview"], plan=read_first_plan(context, site))


@router.post("/preview")
def use_first_plan(context: ContextDep, site: SiteDep, visitor: ManagerDep, sent: FormDep) -> Response:
    """Start the preview, or approve what it showed."""
    if text_of(sent, "action") == "approve":
        run_id = whole_number(text_of(sent, "run"), 9)
        if run_id is None:
            raise NotFound(declared("There is no such run. Open the step again to see the newest."))
        run_of_site(context, site, run_id)
        runs.approve(context, run_id, text_of(sent, "plan_hash"), visitor.actor)
        # The run needs nobody to look on; the last step says how far it is.
        return _to(BY_SLUG["schedule"])
    runs.start(context, site, RunKind.PREVIEW, visitor.actor)
    return _to(BY_SLUG["preview"])


@router.get("/{slug}")
def show_step(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    _visitor: ManagerDep,
    slug: Slug,
    directory: DirectoryName = "",
) -> Response:
    """One step, with what the ends offer to choose from."""
    step, tab = _step(slug)
    form = stored_form(context, site, tab, directory_of(tab, directory))
    if slug == "schedule" and form.version == 0:
        # Whoever comes here wants runs to start; the default is for a site that is not set up.
        form.values["is_enabled"] = True
    if slug == "units" and form.values["servers"]:
        act(context, form, "browse:")
        form.asked = ""
    return _form_page(request, context, step, form)


@router.post("/{slug}")
def use_step(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: ManagerDep,
    slug: Slug,
    sent: FormDep,
    directory: DirectoryName = "",
) -> Response:
    """Test and save the step and go on, or do with what is filled in whatever the button says."""
    step, tab = _step(slug)
    form = sent_form(context, site, tab, sent, directory_of(tab, directory))
    if slug == "number":
        _take_other_attribute(form, sent)
        proposals.take(form.values)
    action = text_of(sent, "action")
    is_trusted = action.startswith("trust:")
    if action not in ("", "next", "anyway"):
        act(context, form, action, visitor.actor, text_of(sent, "browsed") if "browsed" in sent else None)
        if not is_trusted or form.refused or form.errors:
            return _form_page(request, context, step, form)
    form.errors = _missing(form, step)
    if not form.errors and action != "anyway" and not is_trusted:
        _test(context, form, step, visitor.actor)
        form.asked = ""
        form.is_refused_by_test = bool(form.refused)
    if form.errors or form.refused or save(context, form, visitor.actor, is_confirmed=True) is None:
        return _form_page(request, context, step, form)
    following = neighbours(step)[1]
    if following is BY_SLUG["preview"] and read_first_plan(context, site).is_due:
        # What is still missing, or is going on already, the step itself says.
        with suppress(Conflict, SettingsInvalid):
            runs.start(context, site, RunKind.PREVIEW, visitor.actor)
    if following is None:
        return RedirectResponse(link("/"), HTTPStatus.SEE_OTHER)
    if not form.directory:
        return _to(following)
    # Of another domain; after its steps, on to whatever the set-up still needs.
    there = f"/wizard/{following.slug}" if following.is_of_a_directory else "/wizard"
    of = form.directory if following.is_of_a_directory else ""
    return RedirectResponse(link(there, directory=of), HTTPStatus.SEE_OTHER)


def _missing(form: Form, step: Step) -> dict[str, str]:
    """What must be filled in and is not, tested or not."""
    values = form.filled()
    return {
        name: declared("Select at least one OU.") if name == "units" else declared("This field is required.")
        for name in step.needs
        if not value_at(values, name)
    }


def _test(context: Context, form: Form, step: Step, actor: str) -> None:
    if step.slug == "number":
        act(context, form, "proposals", actor)
        if form.numbers is not None:
            form.refused = proposals.without_number(form.numbers["chosen"])
    elif form.tab.question:
        act(context, form, "test", actor)


def _take_other_attribute(form: Form, sent: FormData) -> None:
    other = text_of(sent, "other_attribute").strip()
    if other:
        put(form.values, "attributes.number", other)


def _form_page(request: Request, context: Context, step: Step, form: Form) -> Response:
    """The step's page, with what is offered to choose from. Whether the offers can be had decides nothing."""
    offers = Form(form.site_id, form.tab, form.values, form.version, directory=form.directory)
    # An end that has just refused is not made to be waited for once more.
    is_worth_asking = not form.refused and not form.errors
    if step.slug == "templates" and form.extensions is None and not form.refused:
        act(context, offers, "extensions")
        form.extensions = offers.extensions
    offered: list[Offer] = []
    if step.slug == "number":
        if form.numbers is None and is_worth_asking:
            act(context, offers, "proposals")
            form.numbers, form.attributes = offers.numbers, offers.attributes
        found = form.numbers or {"proposals": (), "attributes": (), "chosen": None}
        offered = proposals.offers(
            found["proposals"],
            found["attributes"],
            form.values,
            found["chosen"],
            is_sent=request.method == "POST",
        )
    return _page(
        request,
        context,
        step,
        form.status if request.method == "POST" else HTTPStatus.OK,
        shown=form,
        directories=directories_of(context, form),
        tab=form.tab,
        plan=read_first_plan(context, form.site_id) if step.slug == "schedule" else None,
        offers_refused=offers.refused,
        offered=offered,
        has_short_choice=form.extensions is not None and len(form.extensions) <= _LONGEST_CHOICE,
        label=label_of,
        value_at=value_at,
        above=above,
    )


def _page(
    request: Request,
    context: Context,
    step: Step,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    plan: FirstPlan | None = None,
    **values: Any,
) -> Response:
    previous, following = neighbours(step)
    return page(
        request,
        "wizard_plan.html" if step.tab is None else "wizard.html",
        status,
        step=step,
        steps=STEPS,
        done=_done(context, site_of(request)),
        previous=previous,
        following=following,
        plan=plan,
        KIND_TONES=KIND_TONES,
        **values,
    )


def _done(context: Context, site: str) -> frozenset[str]:
    stored = context.site_settings(site)
    return steps_done(stored, has_ended_well=has_ended_well(context, site))


def _step(slug: str) -> tuple[Step, Tab]:
    step = BY_SLUG.get(slug)
    if step is None or step.tab is None:
        raise NotFound(phrase("The set-up has no step '{slug}'.", slug=slug[:40]))
    return step, step.tab


def _to(step: Step) -> Response:
    return RedirectResponse(link(f"/wizard/{step.slug}"), HTTPStatus.SEE_OTHER)
