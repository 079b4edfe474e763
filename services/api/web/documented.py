"""What the OpenAPI document says of every route alike: its name, and its problem responses with an example of each status."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.routing import APIRoute

from services.api.web.problems import MEDIA_TYPE, NOT_JSON, UNREADABLE, FieldError, Problem, make_problem

_HEADERS: Mapping[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
}
_EXAMPLES: Mapping[int, Problem] = {
    400: make_problem(400, "body_unreadable", UNREADABLE),
    401: make_problem(
        401, "unauthorized", "The bearer token is missing. Send 'Authorization: Bearer rc_...'."
    ),
    403: make_problem(
        403,
        "not_allowed",
        "This needs the role manager; the token 'monitoring' has viewer. Nothing was done.",
    ),
    404: make_problem(404, "not_found", "There is no run 7.", {"run_id": 7}),
    409: make_problem(
        409, "conflict", "Run 6 is still active. Wait until it ends, or cancel it.", {"run_id": 6}
    ),
    412: make_problem(
        412,
        "conflict",
        "The limits settings were changed in the meantime. Reload them, then save.",
        {"current_version": 4},
    ),
    408: make_problem(
        408,
        "body_too_slow",
        "The request's body did not arrive within 10 seconds. Send it again.",
    ),
    413: make_problem(413, "body_too_large", "The request's body is larger than 1,000,000 bytes. Send less."),
    415: make_problem(415, "not_json", NOT_JSON),
    422: make_problem(
        422,
        "settings_invalid",
        "The limits settings are invalid. Deletions (removals): Enter at least 0.",
        errors=[FieldError(field="removals", message="Enter at least 0.")],
    ),
    429: make_problem(
        429,
        "too_many_requests",
        "Too many requests came from this address without a sign-in. Wait a few seconds, then try again.",
    ),
    500: make_problem(
        500,
        "internal_error",
        "Unexpected error. Details are in the API's log under 6f1c.",
        {"error_id": "6f1c"},
    ),
    503: make_problem(
        503,
        "worker_unavailable",
        "No collector worker answered within 30 s. Check that Rollcall's workers and the broker are running "
        "(`rollcall doctor`).",
    ),
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of a route, for the OpenAPI document."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": _EXAMPLES[status].model_dump(mode="json"),
                }
            },
        }
        | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
        for status in statuses
    }


def operation_of(route: APIRoute) -> str:
    """How an operation is called in the OpenAPI document and in ``permissions.py``: like its function, as ``listSites``."""
    return route.operation_id or re.sub("_(.)", lambda found: found[1].upper(), route.name)
