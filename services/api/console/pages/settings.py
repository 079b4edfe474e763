"""The settings, one tab at a time: shown, tested before they are saved, saved, and taken back to an earlier version.

Every button of a form sends the whole form; what is not to be saved comes back as it was typed. So lists are edited,
and both ends are asked, without JavaScript too.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from services.api.console.reading.settings_history import read_history, values_of
from services.api.console.rendering import link, page
from services.api.console.settings import tabs
from services.api.console.settings.errors import errors_by_field
from services.api.console.settings.fields import (
    Values,
    change_rows,
    read_form,
    value_at,
    without_empty_rows,
)
from services.api.console.settings.tabs import Tab
from services.api.console.visit import FormDep, ManagerDep, VisitorDep, text_of
from services.api.dependencies import Before, ContextDep
from services.api.use_cases import questions
from services.api.use_cases.settings import read_section, replace_section
from shared.errors import Conflict, NotFound, RollcallError, SettingsInvalid
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

router = APIRouter(prefix="/settings")
Slug = Annotated[str, Path(max_length=40)]
VersionNumber = Annotated[int, Query(ge=0, le=2**31 - 1)]


@dataclass
class _Shown:
    """A form on its way to the person: what is filled in, and what is to be said about it."""

    values: Values
    version: int
    errors: dict[str, str] = field(default_factory=dict)
    # What one end answered, or why it did not.
    answer: dict[str, Any] | None = None
    extensions: list[dict[str, str]] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    units: list[dict[str, Any]] | None = None
    browsed: str = ""
    refused: str = ""
    is_paired_now: bool = False

    @property
    def status(self) -> HTTPStatus:
        """Of the page."""
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors or self.refused else HTTPStatus.OK


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
    return _page(request, tab, _Shown(values, version, is_paired_now=bool(paired)), saved=saved)


@router.post("/{slug}")
def use_tab(
    request: Request, context: ContextDep, visitor: ManagerDep, slug: Slug, form: FormDep
) -> Response:
    """Save the tab, or do with what is filled in whatever the button says."""
    tab = _tab(slug)
    stored, version = read_section(context, DEFAULT_SITE, tab.section)
    shown = _Shown(read_form(form, tab.fields, stored), _given_version(form, version))
    action, _, argument = text_of(form, "action").partition(":")
    if action in ("", "save"):
        saved = _save(context, tab, shown, visitor.actor)
        if saved is not None:
            return RedirectResponse(link(f"/settings/{slug}", saved=saved), HTTPStatus.SEE_OTHER)
    elif action == "pair" and tab.question == "relay":
        if _pair(context, tab, shown, text_of(form, "pairing_code"), visitor.actor):
            return RedirectResponse(link(f"/settings/{slug}", paired="yes"), HTTPStatus.SEE_OTHER)
    else:
        _do(context, tab, shown, action, argument)
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


def _save(context: Context, tab: Tab, shown: _Shown, actor: str) -> int | None:
    """The version saved, or ``None`` with what is wrong noted in ``shown``."""
    shown.values = without_empty_rows(shown.values, tab.fields)
    try:
        return replace_section(context, DEFAULT_SITE, tab.section, shown.values, actor, shown.version)
    except SettingsInvalid as error:
        shown.errors = errors_by_field(error, tab.section, tab.fields)
    except Conflict as error:
        # Only what this tab shows is at stake; saving once more says that it is meant.
        shown.version = int(error.details["current_version"] or 0)
        shown.refused = (
            f"{error.message} What you filled in is still here: look at the history, and save once more to put it in "
            "the place of what stands now."
        )
    return None


def _pair(context: Context, tab: Tab, shown: _Shown, code: str, actor: str) -> bool:
    """Save what is filled in and pair with the relay; else what is wrong is noted in ``shown``."""
    if not code.strip():
        said = "Enter the code that `rollcall-relay pair` shows on the phone system's host."
        shown.errors = {"pairing_code": said}
        return False
    try:
        questions.pair_relay(context, DEFAULT_SITE, code[:100], actor, shown.values)
    except SettingsInvalid as error:
        shown.errors = errors_by_field(error, tab.section, tab.fields)
    except RollcallError as error:
        shown.version = read_section(context, DEFAULT_SITE, tab.section)[1]
        shown.refused = error.message
    else:
        return True
    return False


def _do(context: Context, tab: Tab, shown: _Shown, action: str, argument: str) -> None:
    """Whatever else a button asks for; the result is noted in ``shown``."""
    name, _, index = argument.partition(":")
    if action in ("add", "remove", "up") and name in tab.fields:
        number = int(index) if index.isascii() and index.isdecimal() and len(index) < 9 else 0
        shown.values = change_rows(shown.values, tab.fields[name], action, number)
        return
    if action == "take":
        _take_unit(tab, shown, argument)
        return
    asked = without_empty_rows(shown.values, tab.fields)
    try:
        match action:
            case "test" if tab.question == "directory":
                shown.answer = questions.test_directory(context, DEFAULT_SITE, asked)
            case "test" if tab.question == "phone_system":
                shown.answer = questions.test_phone_system(context, DEFAULT_SITE, asked)
            case "test" if tab.question == "relay":
                shown.answer = questions.test_relay(context, DEFAULT_SITE, asked)
            case "extensions":
                shown.extensions = questions.list_extensions(context, DEFAULT_SITE)
            case "attributes":
                shown.attributes = questions.list_attributes(context, DEFAULT_SITE, asked)
            case "browse":
                shown.browsed = argument
                shown.units = questions.browse_units(context, DEFAULT_SITE, argument, asked)
    except SettingsInvalid as error:
        shown.errors = errors_by_field(error, tab.section, tab.fields)
    except RollcallError as error:
        shown.refused = error.message


def _take_unit(tab: Tab, shown: _Shown, name: str) -> None:
    """Fill the unit into the first empty row, or into a new one."""
    rows = [dict(row) for row in value_at(shown.values, "units") or ()]
    if "units" not in tab.fields or any(str(row.get("dn")).lower() == name.lower() for row in rows):
        return
    empty = next((row for row in rows if not row.get("dn")), None)
    if empty is None:
        rows.append({"dn": name, "template_extension": None})
    else:
        empty["dn"] = name
    shown.values["units"] = rows


def _page(request: Request, tab: Tab, shown: _Shown, saved: int | None = None) -> Response:
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


def _given_version(form: FormData, current: int) -> int:
    text = text_of(form, "version")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else current
