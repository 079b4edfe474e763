"""Extensions of leavers that are disabled now and deleted later."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.access.bearer import ActorDep
from services.api.people.schemas.grace import Extend, GraceList, GraceOut
from services.api.people.use_cases import grace
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(tags=["people"])
Leaver = Annotated[
    str, Path(max_length=300, description="Number of the extension, objectGUID or name of the person.")
]


@router.get(
    "/sites/{site_id}/graces",
    summary="Extensions that are disabled and wait for their deletion",
    responses=documented(404),
)
def list_graces(context: ContextDep, site_id: SiteId) -> GraceList:
    """Every one, the next deletion first."""
    return GraceList(items=[GraceOut.model_validate(row) for row in grace.list_graces(context, site_id)])


@router.post(
    "/sites/{site_id}/graces/{person}/extend",
    summary="Put a deletion off until a day",
    responses=documented(404, 409),
)
def extend_grace(
    context: ContextDep, actor: ActorDep, site_id: SiteId, person: Leaver, body: Extend
) -> GraceOut:
    """Keep the extension until then, whatever the rules say."""
    return GraceOut.model_validate(grace.extend(context, site_id, person, body.until, actor))


@router.post(
    "/sites/{site_id}/graces/{person}/keep", summary="Stop a countdown", responses=documented(404, 409)
)
def keep_grace(context: ContextDep, actor: ActorDep, site_id: SiteId, person: Leaver) -> GraceOut:
    """Leave the extension disabled and do not delete it, until this is resumed or the person returns."""
    return GraceOut.model_validate(grace.keep(context, site_id, person, actor))


@router.post(
    "/sites/{site_id}/graces/{person}/resume", summary="Go by the rules again", responses=documented(404, 409)
)
def resume_grace(context: ContextDep, actor: ActorDep, site_id: SiteId, person: Leaver) -> GraceOut:
    """Take back what was decided by hand; the days count from when the extension was disabled."""
    return GraceOut.model_validate(grace.resume(context, site_id, person, actor))
