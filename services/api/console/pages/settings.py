"""The settings, one tab at a time: shown, tested before they are saved, saved, and taken back to an earlier version."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.reading.settings_history import read_history, values_of
from services.api.console.rendering import link, page
from services.api.console.settings import editing, tabs
from services.api.console.settings.editing import Shown
from services.api.console.settings.fields import read_form, value_at
from services.api.console.settings.tabs import Tab
from services.api.console.visit import FormDep, ManagerDep, VisitorDep, text_of
from services.api.dependencies import Before, ContextDep
from services.api.use_cases.settings import read_section, replace_section
from shared.errors import NotFound
from shared.settings.store import DEFAULT_SITE

router = APIRouter(prefix="/settings")
Slug = Annotated[str, Path(max_length=40)]
VersionNumber = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get("")
def to_the_first_tab(_visitor: VisitorDep) -> Response:
    """Begin where one begins."""
    return RedirectResponse(link(f"/settings/{tabs.TABS[0].slug}"), HTTPStatus.SEE_OTHER)


@router.get("/{slug}")
def show_tab(
    request: Request,
    context: ContextDep,
    _visitor: VisitorDep,
    slug: Slug,
    saved: VersionNumber | None = None,
    paired: str = "",
) -> Response:
    """One tab as it is stored."""
    tab = _tab(slug)
    values, version = read_section(context, DEFAULT_SITE, tab.section)
    return _page(request, tab, Shown(values, version, is_paired_now=bool(paired)), saved=saved)


@router.post("/{slug}")
def use_tab(
    request: Request, context: ContextDep, visitor: ManagerDep, slug: Slug, form: FormDep
) -> Response:
    """Save the tab, or do with what is filled in whatever the button says."""
    tab = _tab(slug)
    stored, version = read_section(context, DEFAULT_SITE, tab.section)
    shown = Shown(read_form(form, tab.fields, stored), editing.given_version(form, version))
    action, _, argument = text_of(form, "action").partition(":")
    if action in ("", "save"):
        saved = editing.save(context, tab, shown, visitor.actor)
        if saved is not None:
            return RedirectResponse(link(f"/settings/{slug}", saved=saved), HTTPStatus.SEE_OTHER)
    elif action == "pair" and tab.question == "relay":
        if editing.pair(context, tab, shown, text_of(form, "pairing_code"), visitor.actor):
            return RedirectResponse(link(f"/settings/{slug}", paired="yes"), HTTPStatus.SEE_OTHER)
    else:
        editing.do(context, tab, shown, action, argument)
    return _page(request, tab, shown)


@router.get("/{slug}/history")
def show_history(
    request: Request, context: ContextDep, _visitor: VisitorDep, slug: Slug, before: Before = None
) -> Response:
    """Who changed what when."""
    tab = _tab(slug)
    versions = read_history(context, DEFAULT_SITE, tab.section, before)
    return page(
        request,
        "settings_history.html",
        tab=tab,
        tabs=tabs.TABS,
        versions=versions,
        label=tabs.label,
        newest_version=read_section(context, DEFAULT_SITE, tab.section)[1],
        newest=link(f"/settings/{slug}/history") if before is not None else None,
        older=link(f"/settings/{slug}/history", before=versions[-1].version)
        if versions and versions[-1].version > 1
        else None,
    )


@router.post("/{slug}/restore")
def restore(context: ContextDep, visitor: ManagerDep, slug: Slug, form: FormDep) -> Response:
    """Save an earlier version once more, as the newest one; secrets stay as they are."""
    tab = _tab(slug)
    wanted = text_of(form, "version")
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
        raise NotFound("There is no such version. Choose one of the history.")
    values = values_of(context, DEFAULT_SITE, tab.section, int(wanted))
    saved = replace_section(context, DEFAULT_SITE, tab.section, values, visitor.actor)
    return RedirectResponse(link(f"/settings/{slug}", saved=saved), HTTPStatus.SEE_OTHER)


def _page(request: Request, tab: Tab, shown: Shown, saved: int | None = None) -> Response:
    return page(
        request,
        "settings.html",
        shown.status,
        tab=tab,
        tabs=tabs.TABS,
        shown=shown,
        saved=saved,
        label=tabs.label,
        choice=tabs.choice,
        value_at=value_at,
    )


def _tab(slug: str) -> Tab:
    if slug not in tabs.BY_SLUG:
        raise NotFound(f"The settings have no page '{slug[:40]}'.")
    return tabs.BY_SLUG[slug]
