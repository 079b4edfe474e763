"""Notifications: what was sent, what waits, and what could not be sent, with a person's word on it."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.rendering import link, page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep, site_of
from services.api.notifications import use_cases
from services.api.web.dependencies import ContextDep
from shared.domain.notifying import Channel
from shared.errors import NotFound
from shared.language import declared
from shared.values.digits import whole_number

router = APIRouter(prefix="/notifications")


@router.get("")
def show_notifications(request: Request, context: ContextDep, _visitor: VisitorDep) -> Response:
    """The newest ones."""
    return _page(request, context)


@router.post("/decide")
def decide(
    request: Request, context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep
) -> Response:
    """Send one again, or discard it."""
    deed = use_cases.discard if text_of(form, "decision") == "discard" else use_cases.send_again
    try:
        deed(context, site, whole_number(text_of(form, "message"), 9) or 0, visitor.actor)
    except NotFound as error:
        return _page(request, context, HTTPStatus.NOT_FOUND, error.message)
    return RedirectResponse(link("/notifications"), HTTPStatus.SEE_OTHER)


def _page(request: Request, context: ContextDep, status: int = HTTPStatus.OK, problem: str = "") -> Response:
    rows = use_cases.list_messages(context, site_of(request))
    channels = {channel.value: declared(channel.label) for channel in Channel}
    return page(request, "notifications.html", status, rows=rows, channels=channels, problem=problem)
