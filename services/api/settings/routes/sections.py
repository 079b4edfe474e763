"""Settings: one resource per section, with its version as entity tag."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from services.api.access.bearer import CallerDep
from services.api.settings.schemas import SectionOut, SettingsApplied, SettingsOut
from services.api.settings.use_cases import sections as settings
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented
from services.api.web.openapi import SECTION_BODY, SECTIONS_BODY
from shared.settings import store
from shared.settings.candidate import section_of
from shared.settings.documents import Section
from shared.values.digits import whole_number

router = APIRouter(prefix="/sites/{site_id}/settings", tags=["settings"], responses=documented(404))
_ETAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}}}
}
IfMatch = Annotated[str | None, Header(description="The ETag last seen; 412 when it is not the current one.")]


@router.get("", summary="All sections")
def read_settings(context: ContextDep, caller: CallerDep, site_id: SiteId) -> SettingsOut:
    """Every section with its version; to a token of one site without those that count for all sites. Secrets are null or "set"."""
    stored = context.site_settings(site_id)
    return SettingsOut(
        sections=[
            SectionOut(
                section=section,
                version=stored.versions[section],
                values=store.public(section_of(stored, section)),
            )
            for section in Section
            if caller.sees(section)
        ]
    )


@router.put(
    "", summary="Save several sections at once", responses=documented(412), openapi_extra=SECTIONS_BODY
)
def apply_settings(
    context: ContextDep,
    caller: CallerDep,
    site_id: SiteId,
    body: dict[str, Any],
) -> SettingsApplied:
    """Make each section named what it says; all of them are saved or, when a value is wrong, none."""
    caller.check_sections(body)
    return SettingsApplied(changed=settings.apply_settings(context, site_id, body, caller.actor))


@router.get("/{section}", summary="One section", responses=_ETAG)
def read_section(
    context: ContextDep, caller: CallerDep, site_id: SiteId, section: Section, response: Response
) -> SectionOut:
    """The section with its version, also as ETag. Secrets are null or "set"."""
    caller.check_sections({section})
    values, version = settings.read_section(context, site_id, section)
    response.headers["ETag"] = f'"{version}"'
    return SectionOut(section=section, version=version, values=values)


@router.put(
    "/{section}", summary="Save one section", responses=documented(412) | _ETAG, openapi_extra=SECTION_BODY
)
def replace_section(
    context: ContextDep,
    caller: CallerDep,
    site_id: SiteId,
    section: Section,
    body: dict[str, Any],
    response: Response,
    if_match: IfMatch = None,
) -> SectionOut:
    """Make the body the whole section; what is absent gets its default, a secret that is absent stays."""
    caller.check_sections({section})
    settings.replace_section(context, site_id, section, body, caller.actor, _version(if_match))
    return read_section(context, caller, site_id, section, response)


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    # An entity tag that was never ours is of no version there is.
    version = whole_number(text, 9)
    return -1 if version is None else version
