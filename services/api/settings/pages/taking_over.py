"""Settings taken over from another site: choose the site, see the difference, choose the sections."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select

from services.api.access.sessions import Visitor
from services.api.console.rendering import page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import ManagerDep, SiteDep
from services.api.settings.forms.tabs import BY_SLUG, TABS
from services.api.settings.use_cases.taking_over import TAKEN_SECTIONS, differences, take_over
from services.api.web.dependencies import ContextDep
from shared.database.found import no_site
from shared.database.tables import Site
from shared.errors import SettingsInvalid
from shared.settings.documents import Section
from shared.settings.fields import label_of
from shared.worker.context import Context

router = APIRouter(prefix="/take-over")

_TITLES = {
    section: BY_SLUG["rules"].title
    if section is Section.RULES
    else next(tab.title for tab in TABS if tab.section is section)
    for section in TAKEN_SECTIONS
}


@router.get("")
def ask(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: ManagerDep,
    source: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """The sites to take over from, and what that would change."""
    return _page(request, context, site, visitor, source)


@router.post("")
def save(
    request: Request, context: ContextDep, site: SiteDep, visitor: ManagerDep, form: FormDep
) -> Response:
    """Save the chosen sections."""
    source = text_of(form, "source")
    _check(context, site, visitor, source)
    chosen = [section for section in TAKEN_SECTIONS if section.value in form.getlist("section")]
    refused = ""
    saved: list[str] = []
    try:
        versions = take_over(context, site, source, chosen, visitor.actor)
        saved = [_TITLES[section] for section in TAKEN_SECTIONS if section.value in versions]
    except SettingsInvalid as error:
        refused = error.message
    return _page(request, context, site, visitor, source, refused=refused, saved=saved)


def _page(
    request: Request,
    context: Context,
    site: str,
    visitor: Visitor,
    source: str,
    *,
    refused: str = "",
    saved: list[str] | None = None,
) -> Response:
    others = _others(context, site, visitor)
    if source:
        _check(context, site, visitor, source)
    return page(
        request,
        "take_over.html",
        422 if refused else 200,
        others=others,
        source=source,
        found=differences(context, site, source) if source else [],
        titles=_TITLES,
        label=label_of,
        refused=refused,
        saved=saved or [],
    )


def _others(context: Context, site: str, visitor: Visitor) -> dict[str, str]:
    """Name by id of the other sites that are there for the visitor."""
    with context.database.read() as session:
        rows = session.execute(select(Site.id, Site.name).where(Site.id != site).order_by(Site.name)).all()
    return {site_id: name for site_id, name in rows if visitor.roles.role_at(site_id) is not None}


def _check(context: Context, site: str, visitor: Visitor, source: str) -> None:
    if source not in _others(context, site, visitor):
        raise no_site(source)
