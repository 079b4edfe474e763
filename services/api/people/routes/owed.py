"""What is still owed to extensions that were created and not finished."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.access.bearer import ActorDep
from services.api.people.schemas.owed import OwedList, OwedOut
from services.api.people.use_cases import owed
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(tags=["people"])
Number = Annotated[str, Path(max_length=20, description="The number of the extension.")]


@router.get(
    "/sites/{site_id}/owed-steps", summary="Extensions that are not finished", responses=documented(404)
)
def list_owed_steps(context: ContextDep, site_id: SiteId) -> OwedList:
    """Every extension that was created and is not finished, with what 3CX said last."""
    rows = owed.list_owed(context, site_id)
    return OwedList(items=[OwedOut.model_validate(row) for row in rows])


@router.delete(
    "/sites/{site_id}/owed-steps/{number}",
    summary="Drop the unfinished steps of an extension",
    responses=documented(404),
)
def give_up_owed_steps(context: ContextDep, actor: ActorDep, site_id: SiteId, number: Number) -> OwedOut:
    """Leave the extension as it is in 3CX. Answers with what was owed."""
    return OwedOut.model_validate(owed.give_up(context, site_id, number, actor))


@router.post(
    "/sites/{site_id}/owed-steps/{number}/retry",
    summary="Let the next run try again",
    responses=documented(404),
)
def retry_owed_steps(context: ContextDep, actor: ActorDep, site_id: SiteId, number: Number) -> OwedOut:
    """Let the next run finish an extension although 3CX refused a step."""
    return OwedOut.model_validate(owed.try_again(context, site_id, number, actor))
