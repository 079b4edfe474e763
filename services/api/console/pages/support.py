"""For whoever helps: the version, and what is well and what to mend."""

from importlib.metadata import version

from fastapi import APIRouter, Request, Response

from services.api.console.rendering import page
from services.api.console.visit import VisitorDep
from services.api.dependencies import ContextDep
from services.api.use_cases.doctor import diagnose

router = APIRouter()


@router.get("/support")
def show_support(request: Request, context: ContextDep, _visitor: VisitorDep, check: str = "") -> Response:
    """The page; with ``check`` everything is looked at, which takes some seconds when something is down."""
    checks = diagnose(context) if check else []
    return page(request, "support.html", version=version("rollcall"), checks=checks)
