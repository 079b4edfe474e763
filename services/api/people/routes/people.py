"""What is known of one person."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.people.schemas.explanation import ExplanationOut
from services.api.people.use_cases.explain import explain
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(tags=["people"])


@router.get(
    "/sites/{site_id}/people/{person:path}/explain",
    summary="Why a person's extension is as it is",
    responses=documented(404, 409),
)
def explain_person(
    context: ContextDep,
    site_id: SiteId,
    person: Annotated[
        str, Path(max_length=2048, description="objectGUID, login, e-mail address, number, name or DN.")
    ],
) -> ExplanationOut:
    """Directory entry, binding, commands, findings and Log entries of a person, in sentences."""
    return ExplanationOut.model_validate(explain(context, site_id, person))
