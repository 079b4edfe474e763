"""Failures as pages: what happened and what to do next, with the status a browser expects."""

from http import HTTPStatus
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from services.api.console.rendering import PREFIX, link, page
from services.api.console.request import ForeignForm, NotAllowed, NotSignedIn
from services.api.console.scope import AtAnotherSite
from services.api.console.site_address import prefix_of
from services.api.web.problems import status_of
from shared.errors import RollcallError
from shared.language import declared, phrase, template

log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Let every failure of the console be a page of it."""
    app.add_exception_handler(NotSignedIn, _to_sign_in)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(AtAnotherSite, _to_its_site)
    app.add_exception_handler(ForeignForm, _foreign_form)
    app.add_exception_handler(RollcallError, _known)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unknown)


def notice(request: Request, status: int, title: str, message: str) -> Response:
    """A page that says one thing."""
    return page(request, "notice.html", status, title=title, message=message)


def _to_sign_in(request: Request, _error: Exception) -> Response:
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # What was filled in is lost; the page it stood on is not.
    target = link("/sign-in", next=back) if request.method == "GET" else link("/sign-in")
    return RedirectResponse(target, HTTPStatus.SEE_OTHER)


def _not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotAllowed)
    return notice(
        request,
        HTTPStatus.FORBIDDEN,
        declared("Not allowed"),
        phrase(
            template("This requires the role {role} at all sites. Nothing was changed. Ask a manager.")
            if error.everywhere
            else template("This requires the role {role}. Nothing was changed. Ask a manager."),
            role=declared(error.needed.value),
        ),
    )


def _to_its_site(request: Request, error: Exception) -> Response:
    assert isinstance(error, AtAnotherSite)
    query = f"?{request.url.query}" if request.url.query else ""
    target = f"{PREFIX}{prefix_of(error.site_id)}{request.url.path.removeprefix(request.scope['root_path'])}{query}"
    return RedirectResponse(target, HTTPStatus.SEE_OTHER)


def _foreign_form(request: Request, _error: Exception) -> Response:
    return notice(
        request,
        HTTPStatus.FORBIDDEN,
        declared("The form has expired"),
        declared(
            "The form was opened before you signed in or out, or was not sent by this console. Nothing "
            "was changed. Open the page again and try once more."
        ),
    )


def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, RollcallError)
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("page_failed", code=error.code, error=error.message)
    title = declared("Not found") if status == HTTPStatus.NOT_FOUND else declared("Request failed")
    return notice(request, status, title, error.message)


def _unreadable(request: Request, _error: Exception) -> Response:
    return notice(
        request,
        HTTPStatus.NOT_FOUND,
        declared("Page not found"),
        declared("The address is not valid. Use the console's links instead."),
    )


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _unreadable(request, error)
    return notice(
        request,
        error.status_code,
        declared("Request failed"),
        declared("The request is not valid. Open the page again and try once more."),
    )


def _unknown(request: Request, error: Exception) -> Response:
    error_id = uuid4().hex
    log.error("page_crashed", error_id=error_id, path=request.url.path, exc_info=error)
    # Made by hand: whatever failed may fail again while a page is rendered.
    return Response(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Rollcall</title><h1>Something unexpected happened</h1>"
        f"<p>The log of the API has it under {error_id}. <a href='{link('/')}'>Back to the overview</a></p></html>",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        media_type="text/html",
    )
