"""Sites."""

from fastapi import APIRouter, Response

from services.api.auth import ActorDep
from services.api.dependencies import ContextDep
from services.api.documented import documented
from services.api.schemas.sites import NewSite, SiteList, SiteOut
from services.api.use_cases import sites

router = APIRouter(prefix="/sites", tags=["sites"])


@router.get("", operation_id="listSites", summary="All sites")
def list_sites(context: ContextDep) -> SiteList:
    """Every site of this deployment, by id."""
    return SiteList(items=[SiteOut.model_validate(site) for site in sites.list_sites(context)])


@router.post("", operation_id="createSite", summary="Make a site", status_code=201, responses=documented(409))
def create_site(context: ContextDep, actor: ActorDep, body: NewSite, response: Response) -> SiteOut:
    """Make a site with default settings."""
    site = sites.create_site(context, body.id, actor, body.name)
    response.headers["Location"] = f"/api/v1/sites/{site.id}/settings"
    return SiteOut.model_validate(site)
