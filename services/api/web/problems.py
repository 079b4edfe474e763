"""Every failure as an RFC 9457 problem document. The only place that knows both errors and HTTP statuses.

A problem never repeats what was sent (it may be a password) and never holds a traceback.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from services.api.web.headers import ALWAYS
from shared.errors import (
    ConfigurationError,
    Conflict,
    NotFound,
    PermanentError,
    PlanChanged,
    RollcallError,
    SafetyStop,
    StorageRefused,
    TransientError,
)
from shared.settings.sentences import problems_by_place

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

# The nearest class of an error decides.
STATUSES: Mapping[type[RollcallError], HTTPStatus] = {
    TransientError: HTTPStatus.SERVICE_UNAVAILABLE,
    PermanentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    # Ours, not of whoever asked.
    StorageRefused: HTTPStatus.INTERNAL_SERVER_ERROR,
    SafetyStop: HTTPStatus.CONFLICT,
    PlanChanged: HTTPStatus.CONFLICT,
    ConfigurationError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
NOT_JSON = "The request's body is not marked as JSON. Send 'Content-Type: application/json'."
UNREADABLE = "The request's body is not valid JSON. Correct it and send it again."
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class FieldError(BaseModel):
    """One wrong value: where it stands and what is wrong with it, never the value itself."""

    field: str
    message: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(frozen=True)
    type: str = Field(description="urn:rollcall:problem: and the code.")
    title: str
    status: int
    detail: str = Field(description="What happened and what to do next, for a person.")
    code: str = Field(description="Stable name of the failure, for programs.")
    details: dict[str, str | int | float | bool | None] = Field(
        {}, description="Facts about it, for programs."
    )
    errors: list[FieldError] = Field([], description="Each wrong value, when the request was not valid.")


def status_of(error: RollcallError) -> HTTPStatus:
    """The HTTP status of an error; 500 for one that nobody has mapped."""
    if isinstance(error, Conflict) and "current_version" in error.details:
        # The version named by If-Match is not the current one (RFC 9110, section 15.5.13).
        return HTTPStatus.PRECONDITION_FAILED
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def make_problem(
    status: int,
    code: str,
    detail: str,
    details: Mapping[str, Any] | None = None,
    errors: Sequence[FieldError] = (),
) -> Problem:
    """The document; ``code`` gives its type, ``status`` its title."""
    return Problem(
        type=f"urn:rollcall:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        details=dict(details or {}),
        errors=list(errors),
    )


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    details: Mapping[str, Any] | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document ready to be sent."""
    return JSONResponse(
        make_problem(status, code, detail, details, errors).model_dump(mode="json"),
        status_code=status,
        media_type=MEDIA_TYPE,
        # A crash is answered outside of everything that completes headers.
        headers=ALWAYS | dict(headers or {}),
    )


def install(app: FastAPI) -> None:
    """Let every failure of the app leave it as a problem document."""
    app.add_exception_handler(RollcallError, _known)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unknown)


def _known(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RollcallError)
    headers = {"Retry-After": str(ceil(error.retry_after))} if isinstance(error, TransientError) else {}
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.code, error=error.message)
    cause = error.__cause__
    wrong = problems_by_place(cause) if isinstance(cause, ValidationError) else {}
    errors = [FieldError(field=place or "body", message=sentence) for place, sentence in wrong.items()]
    return problem_response(
        status, error.code, error.message, details=error.details, errors=errors, headers=headers
    )


def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    unread = any(item["loc"] == ("body",) and item["type"] != "missing" for item in error.errors())
    if unread and not _is_marked_as_json(request):
        # What curl sends by itself; the body was not even looked at.
        return problem_response(415, "not_json", NOT_JSON)
    errors = _field_errors(error.errors())
    sentence = "; ".join(f"{item.field}: {item.message}" for item in errors)
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "request_invalid",
        f"The request is not valid: {sentence}. Correct it and send it again.",
        errors=errors,
    )


def _is_marked_as_json(request: Request) -> bool:
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    where = f"{request.method} {request.url.path[:200]}"
    match error.status_code:
        case 400:
            return problem_response(400, "body_unreadable", UNREADABLE)
        case 401:
            return problem_response(401, "unauthorized", str(error.detail), headers=error.headers)
        case 403:
            return problem_response(403, "not_allowed", str(error.detail))
        case 404:
            return problem_response(
                404, "not_found", f"There is nothing at {where}. /openapi.json lists all addresses."
            )
        case 429:
            return problem_response(429, "too_many_requests", str(error.detail), headers=error.headers)
        case 405:
            allowed = ", ".join(_allowed_methods(request))
            detail = f"{where} is not possible; this address takes {allowed}."
            return problem_response(405, "method_not_allowed", detail, headers={"Allow": allowed})
    return problem_response(
        error.status_code, "request_refused", f"{where} was refused: {error.detail}.", headers=error.headers
    )


def _allowed_methods(request: Request) -> Iterator[str]:
    # The framework names the methods of the first route of an address, not of all.
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            yield method


def _unknown(request: Request, error: Exception) -> JSONResponse:
    error_id = uuid4().hex
    log.error("request_crashed", error_id=error_id, path=request.url.path, exc_info=error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        f"Unexpected error. Details are in the API's log under {error_id}.",
        details={"error_id": error_id},
    )


def _field_errors(errors: Sequence[Any]) -> list[FieldError]:
    # Only place and message: pydantic's input would repeat a secret that was sent in the wrong place.
    return [FieldError(field=_place(item), message=_sentence_of(item)) for item in errors]


def _place(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return "body"
    return ".".join(str(part) for part in item["loc"] if part != "body") or "body"


def _sentence_of(item: Mapping[str, Any]) -> str:
    match item["type"]:
        case "json_invalid":
            return f"is not JSON from character {item['loc'][-1]} on"
        case "extra_forbidden":
            return "unknown setting"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")
