"""Domain controllers that the readings of a site are measured by."""

from fastapi import APIRouter

from services.api.access.bearer import ActorDep
from services.api.connections.schemas.controllers import ControllerList, ControllerOut, ForgottenController
from services.api.connections.use_cases import controllers
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(prefix="/sites/{site_id}/controllers", tags=["directory"], responses=documented(404))


@router.get("", summary="Domain controllers that were read")
def list_controllers(context: ContextDep, site_id: SiteId) -> ControllerList:
    """The controllers of the last readings, and since when one of them is behind."""
    found = controllers.list_controllers(context, site_id)
    return ControllerList(items=[ControllerOut.model_validate(item) for item in found])


@router.post("/forget", summary="Remove a domain controller that no longer exists")
def forget_controller(
    context: ContextDep, actor: ActorDep, site_id: SiteId, body: ForgottenController
) -> ControllerList:
    """No reading waits any more for what only this controller had. Written to the Log and the audit."""
    left = controllers.forget(context, site_id, body.name, actor)
    return ControllerList(items=[ControllerOut.model_validate(item) for item in left])
