"""What the routes are given: the process's context, and values that several of them take."""

import re
from typing import Annotated, cast

from fastapi import Depends, Path, Query, Request
from pydantic import AwareDatetime, BeforeValidator

from shared.worker.context import Context


def context_of_request(request: Request) -> Context:
    """The context that the app was made with."""
    return cast(Context, request.app.state.context)


async def _context(request: Request) -> Context:
    # Asynchronous like all that waits for nothing: FastAPI gives every other dependency a thread, for 0.1 ms each.
    return context_of_request(request)


ContextDep = Annotated[Context, Depends(_context)]
SiteId = Annotated[str, Path(max_length=120, description="Id of the site; the first one is 'default'.")]
RunId = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _is_written_as_date(value: object) -> object:
    # Pydantic takes a number for seconds since 1970, which the description of the API does not offer.
    if isinstance(value, str) and not _DATE.match(value.strip()):
        raise ValueError("is no date and time with a time zone, such as 2026-11-23T14:30:00Z")
    return value


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]", re.ASCII)
Moment = Annotated[AwareDatetime, BeforeValidator(_is_written_as_date)]
# What fits a database's largest integer: more would fail there.
_MAX_ID = 2**63 - 1
Limit = Annotated[int, Query(ge=1, le=500, description="Items on a page.")]
Before = Annotated[int | None, Query(ge=1, le=_MAX_ID, description="The next_before of the page before.")]
After = Annotated[int, Query(ge=0, le=_MAX_ID, description="The next_after of the page before.")]
