"""Sites."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.api.access.bearer import ActorDep
from services.api.sites.schemas import Holding, NewSite, SiteList, SiteOut, SiteRemoved
from services.api.sites.use_cases import holding, sites
from services.api.sites.use_cases import removal as site_removal
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(prefix="/sites", tags=["sites"])


@router.get("", summary="All sites")
def list_sites(context: ContextDep) -> SiteList:
    """Every site of this deployment, by id."""
    return SiteList(items=[SiteOut.model_validate(site) for site in sites.list_sites(context)])


@router.post("", summary="Create a site", status_code=201, responses=documented(409))
def create_site(context: ContextDep, actor: ActorDep, body: NewSite, response: Response) -> SiteOut:
    """Make a site with default settings."""
    site = sites.create_site(context, body.id, actor, body.name)
    response.headers["Location"] = f"/api/v1/sites/{site.id}/settings"
    return SiteOut.model_validate(site)


@router.post("/{site_id}/hold", summary="Hold all changes of a site", responses=documented(404))
def hold_site(context: ContextDep, actor: ActorDep, site_id: SiteId, body: Holding = Holding()) -> SiteOut:
    """Execute nothing at the site until it is released: neither full runs nor live changes nor archives. A change in progress is
    finished."""
    return SiteOut.model_validate(holding.hold_site(context, site_id, actor, body.reason))


@router.post("/{site_id}/release", summary="Release a site that is held", responses=documented(404))
def release_site(context: ContextDep, actor: ActorDep, site_id: SiteId) -> SiteOut:
    """Execute changes again; what waited continues."""
    return SiteOut.model_validate(holding.release_site(context, site_id, actor))


@router.delete("/{site_id}", summary="Remove a site", responses=documented(404, 409))
def remove_site(
    context: ContextDep,
    actor: ActorDep,
    site_id: SiteId,
    confirm: Annotated[str, Query(max_length=120, description="The site's id once more.")],
    even_default: Annotated[bool, Query(description="Needed to empty the site 'default'.")] = False,
) -> SiteRemoved:
    """Remove a site with its settings, runs, Log, bindings, pictures and the tokens good for it alone. The audit stays,
    and nothing is changed on the phone system. Refused while a run of the site is going.
    """
    gone = site_removal.remove_site(context, site_id, actor, confirm=confirm, even_default=even_default)
    return SiteRemoved(id=site_id, **gone)
