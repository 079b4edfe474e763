"""Extensions beside their templates."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api.access.bearer import ActorDep
from services.api.people.schemas.templates import (
    ComparedOut,
    TemplateComparison,
    WriteAgainOut,
    WriteAgainRequest,
)
from services.api.people.use_cases import templates
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(tags=["people"])


@router.get(
    "/sites/{site_id}/template-comparison",
    summary="How extensions differ from their templates",
    responses=documented(404, 503),
)
def compare_with_templates(
    context: ContextDep,
    site_id: SiteId,
    unit: Annotated[
        str, Query(max_length=2048, description="Distinguished name of one unit; all when empty.")
    ] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="How many extensions to leave out.")] = 0,
    limit: Annotated[
        int, Query(ge=1, le=templates.MOST, description="How many to compare.")
    ] = templates.MOST,
) -> TemplateComparison:
    """Read extensions and templates from 3CX now and compare them. Nothing is changed."""
    page = templates.compare(context, site_id, unit, offset, limit)
    return TemplateComparison(
        items=[ComparedOut.model_validate(item) for item in page.items], total=page.total
    )


@router.post(
    "/sites/{site_id}/template-comparison/write-again",
    summary="Write the settings of templates again",
    responses=documented(404, 409),
)
def write_templates_again(
    context: ContextDep, actor: ActorDep, site_id: SiteId, body: WriteAgainRequest
) -> WriteAgainOut:
    """Let the next run write the template's settings again to these extensions."""
    return WriteAgainOut(numbers=templates.write_again(context, site_id, body.numbers, actor))
