"""Errors in the shapes that real systems give: OData objects, plain strings, empty bodies."""

from typing import Any

QUERY_INVALID = "The query specified in the URI is not valid."
BODY_INVALID = "The input was not valid.\n\ndelta:\nThe delta field is required."


class Refusal(Exception):
    """An answer other than success; ``body`` is JSON, text, or ``None`` for an empty one."""

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


def warning(target: str, name: str) -> Refusal:
    """A refused field, e.g. ``Number`` ``XAPI.ALREADY_IN_USE``."""
    text = f"WARNINGS.{name}"
    details = [{"code": "", "message": text, "target": target}]
    return Refusal(400, {"error": {"code": "", "message": f"{target}:\n{text}", "details": details}})


def invalid_query(more: str) -> Refusal:
    """An address that OData does not understand."""
    return Refusal(400, {"error": {"code": "", "message": f"{QUERY_INVALID} {more}", "details": []}})


def invalid_body() -> Refusal:
    """A body with an unknown property or of the wrong shape."""
    return Refusal(400, {"error": {"code": "", "message": BODY_INVALID, "details": []}})


def user_missing() -> Refusal:
    """404 with nothing in it, as for users."""
    return Refusal(404)


def department_missing() -> Refusal:
    """404 whose error is a string, as for groups."""
    return Refusal(404, {"error": "Department not found"})
