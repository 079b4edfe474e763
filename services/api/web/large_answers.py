"""Large pages of JSON: read, made and written out in one go, one after the other, so that other requests wait for none of
them. Python does one thing at a time: two at once would be no sooner, and leave less to everybody else.
"""

from collections.abc import Callable
from typing import cast

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from pydantic import BaseModel


def one_at_a_time() -> CapacityLimiter:
    """For ``app.state.large_answers``."""
    return CapacityLimiter(1)


async def large_answer(request: Request, make: Callable[[], BaseModel]) -> Response:
    """The answer as JSON, when it is its turn."""
    line = cast(CapacityLimiter, request.app.state.large_answers)
    return await to_thread.run_sync(lambda: written(make()), limiter=line)


def written(answer: BaseModel) -> Response:
    """The answer as JSON, written in the thread that made it: FastAPI would validate it again, in one more thread."""
    return Response(answer.model_dump_json(), media_type="application/json")
