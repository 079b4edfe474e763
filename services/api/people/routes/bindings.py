"""Links between people and extensions, changed by hand."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.access.bearer import ActorDep
from services.api.people.schemas.bindings import LinkOut, NewLink
from services.api.people.use_cases import bindings
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(tags=["people"])
PersonText = Annotated[
    str, Path(max_length=2048, description="objectGUID, number, name, login, e-mail address or DN.")
]


@router.delete(
    "/sites/{site_id}/bindings/{person:path}",
    summary="End the link of a person to an extension",
    responses=documented(404, 409),
)
def release_binding(context: ContextDep, actor: ActorDep, site_id: SiteId, person: PersonText) -> LinkOut:
    """End it in Rollcall; nothing is changed on the phone system. Answers with the link that there was."""
    return LinkOut.model_validate(bindings.release(context, site_id, person, actor))


@router.put(
    "/sites/{site_id}/bindings/{person:path}",
    summary="Link a person to an extension",
    responses=documented(404, 409),
)
def set_binding(
    context: ContextDep, actor: ActorDep, site_id: SiteId, person: PersonText, body: NewLink
) -> LinkOut:
    """Link a person of the directory to an extension of the newest reading that is linked to nobody else."""
    return LinkOut.model_validate(bindings.bind(context, site_id, person, body.number, actor))
