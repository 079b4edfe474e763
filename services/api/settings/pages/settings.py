"""The settings, one tab at a time: shown, tested before they are saved, saved, and taken back to an earlier version."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.connections.use_cases import questions
from services.api.console.live import Live, live_changes
from services.api.console.rendering import link, page, shown_to_scripts
from services.api.console.request import FormDep, console_request, text_of
from services.api.console.scope import ManagerDep, SiteDep, VisitorDep, section_site
from services.api.settings.forms import tabs
from services.api.settings.forms.fields import value_at
from services.api.settings.forms.form import (
    Form,
    above,
    act,
    corrections,
    directories_of,
    directory_of,
    pair,
    save,
    sent_form,
    stored_form,
    what_if,
)
from services.api.settings.forms.tabs import Tab
from services.api.settings.queries.history import read_history, values_of
from services.api.settings.use_cases.directories import remove_directory
from services.api.settings.use_cases.sections import read_section, replace_section
from services.api.web.dependencies import Before, ContextDep
from shared.database.tables import AccountRole
from shared.database.watches import watch_statuses
from shared.errors import NotFound, RollcallError
from shared.language import declared, phrase
from shared.settings.documents import Section
from shared.settings.fields import label_of
from shared.settings.neighbours import read_sharing
from shared.settings.what_if import TRIED_SECTIONS
from shared.values.digits import whole_number
from shared.worker.context import Context

router = APIRouter(prefix="/settings")
Slug = Annotated[str, Path(max_length=40)]
DirectoryName = Annotated[str, Query(max_length=80)]
VersionNumber = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get("")
def to_the_first_tab(_visitor: VisitorDep, directory: DirectoryName = "") -> Response:
    """Begin where one begins; ``directory`` is one that is to be added."""
    there = link(f"/settings/{tabs.TABS[0].slug}", directory=directory.strip())
    return RedirectResponse(there, HTTPStatus.SEE_OTHER)


@router.get("/choices/extensions")
def offer_extensions(context: ContextDep, site: SiteDep, _visitor: ManagerDep) -> dict[str, Any]:
    """The phone system's extensions for the fields to offer, or why there are none, for the page's script."""
    try:
        found = questions.list_extensions(context, site)
    except RollcallError as error:
        return dict(shown_to_scripts({"items": [], "reason": error.message}))
    items = [{"value": item["number"], "text": item["name"]} for item in found]
    return dict(shown_to_scripts({"items": items, "reason": ""}))


@router.get("/choices/departments")
def offer_departments(context: ContextDep, site: SiteDep, _visitor: ManagerDep) -> dict[str, Any]:
    """The phone system's departments for the fields to offer, or why there are none, for the page's script."""
    try:
        found = questions.list_departments(context, site)
    except RollcallError as error:
        return dict(shown_to_scripts({"items": [], "reason": error.message}))
    return dict(
        shown_to_scripts({"items": [{"value": item["name"], "text": ""} for item in found], "reason": ""})
    )


@router.get("/choices/attributes")
def offer_attributes(
    context: ContextDep, site: SiteDep, _visitor: ManagerDep, directory: DirectoryName = ""
) -> dict[str, Any]:
    """The attributes that people have, each with some of its values, or why there are none, for the page's script."""
    try:
        found = questions.list_attributes(context, site, directory=directory)
    except RollcallError as error:
        return dict(shown_to_scripts({"items": [], "reason": error.message}))
    items = [{"value": item["name"], "text": " · ".join(item["samples"])} for item in found]
    return dict(shown_to_scripts({"items": items, "reason": ""}))


@router.get("/{slug}")
def show_tab(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    slug: Slug,
    saved: VersionNumber | None = None,
    paired: str = "",
    directory: DirectoryName = "",
    corrected: Annotated[str, Query(max_length=400)] = "",
    unasked: bool = False,
) -> Response:
    """One tab as it is stored."""
    tab = _tab(slug)
    form = stored_form(context, section_site(visitor, tab.section, site), tab, directory_of(tab, directory))
    form.is_paired_now = bool(paired)
    form.corrected = tuple(name for name in corrected.split(",") if name in tab.fields)
    return _page(request, form, saved, was_unasked=unasked)


@router.post("/{slug}")
def use_tab(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: ManagerDep,
    slug: Slug,
    sent: FormDep,
    directory: DirectoryName = "",
) -> Response:
    """Save the tab, or do with what is filled in whatever the button says."""
    tab = _tab(slug)
    of, site = directory_of(tab, directory), section_site(visitor, tab.section, site, AccountRole.MANAGER)
    form = sent_form(context, site, tab, sent, of)
    action = text_of(sent, "action")
    if action in ("", "save"):
        saved = save(context, form, visitor.actor)
        if saved is not None:
            corrected = ",".join(corrections(context, form))
            there = link(
                f"/settings/{slug}",
                saved=saved,
                directory=of,
                corrected=corrected,
                unasked=bool(form.unasked) or "",
            )
            return RedirectResponse(there, HTTPStatus.SEE_OTHER)
    elif action == "what-if" and _may_try(form):
        run = what_if(context, form, visitor.actor)
        if run is not None:
            return RedirectResponse(link(f"/runs/{run.id}"), HTTPStatus.SEE_OTHER)
    elif action == "remove-directory" and of:
        remove_directory(context, site, of, visitor.actor)
        return RedirectResponse(link(f"/settings/{slug}"), HTTPStatus.SEE_OTHER)
    elif action == "pair" and form.tab.question == "relay":
        if pair(context, form, text_of(sent, "pairing_code"), visitor.actor):
            return RedirectResponse(link(f"/settings/{slug}", paired="yes"), HTTPStatus.SEE_OTHER)
    else:
        act(context, form, action, visitor.actor, text_of(sent, "browsed") if "browsed" in sent else None)
    return _page(request, form)


@router.get("/{slug}/history")
def show_history(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    slug: Slug,
    before: Before = None,
) -> Response:
    """Who changed what when."""
    tab = _tab(slug)
    site = section_site(visitor, tab.section, site)
    versions = read_history(context, site, tab.section, before)
    return page(
        request,
        "settings_history.html",
        tab=tab,
        tabs=tabs.tabs_for(console_request(request).shown_visitor),
        versions=versions,
        label=label_of,
        newest_version=read_section(context, site, tab.section)[1],
        newest=link(f"/settings/{slug}/history") if before is not None else None,
        older=link(f"/settings/{slug}/history", before=versions[-1].version)
        if versions and versions[-1].version > 1
        else None,
    )


@router.post("/{slug}/restore")
def restore(context: ContextDep, site: SiteDep, visitor: ManagerDep, slug: Slug, sent: FormDep) -> Response:
    """Save an earlier version once more, as the newest one; secrets stay as they are."""
    tab = _tab(slug)
    site = section_site(visitor, tab.section, site, AccountRole.MANAGER)
    wanted, newest = _version(text_of(sent, "version")), _version(text_of(sent, "newest"))
    values = values_of(context, site, tab.section, wanted)
    saved = replace_section(context, site, tab.section, values, visitor.actor, newest)
    return RedirectResponse(link(f"/settings/{slug}", saved=saved), HTTPStatus.SEE_OTHER)


def _page(request: Request, form: Form, saved: int | None = None, *, was_unasked: bool = False) -> Response:
    return page(
        request,
        "settings.html",
        form.status,
        tab=form.tab,
        tabs=tabs.tabs_for(console_request(request).shown_visitor),
        shown=form,
        saved=saved,
        was_unasked=was_unasked,
        may_try=_may_try(form),
        label=label_of,
        value_at=value_at,
        above=above,
        shared_phone_system=_shared_phone_system(request, form),
        directories=directories_of(console_request(request).context, form),
        live=_live(console_request(request).context, form),
    )


def _live(context: Context, form: Form) -> Live | None:
    """On the page of the schedule, how live changes stand where they are on."""
    if form.tab.section is not Section.SCHEDULE:
        return None
    settings = context.site_settings(form.site_id).settings
    if not settings.schedule.is_live:
        return None
    with context.database.glance() as session:
        watches = watch_statuses(session, [form.site_id]).get(form.site_id, ())
    return live_changes(watches, settings.directory_titles, datetime.now(UTC))


def _shared_phone_system(request: Request, form: Form) -> str:
    """Which other sites manage the phone system of the form; those of one site are told no other's name."""
    if form.tab.section is not Section.PHONE_SYSTEM:
        return ""
    current = console_request(request)
    with current.context.database.glance() as session:
        others = read_sharing(session).get(form.site_id, [])
    visitor = current.shown_visitor
    sees_all = visitor is not None and visitor.roles.may_everywhere(AccountRole.VIEWER)
    return (", ".join(others) if sees_all else declared("another site")) if others else ""


def _may_try(form: Form) -> bool:
    """Whether a plan can be made with what is filled in before it is saved."""
    return form.tab.section in TRIED_SECTIONS and not form.directory


def _tab(slug: str) -> Tab:
    if slug not in tabs.BY_SLUG:
        raise NotFound(phrase("The settings have no page '{slug}'.", slug=slug[:40]))
    return tabs.BY_SLUG[slug]


def _version(text: str) -> int:
    version = whole_number(text, 9)
    if version is None:
        raise NotFound(declared("There is no such version. Choose one from the history."))
    return version
