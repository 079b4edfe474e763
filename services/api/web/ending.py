"""An answer that says when it has ended, however it does: for whatever is counted while it is sent."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class EndingResponse(Response):
    """Another answer, after which ``on_end`` is called once."""

    def __init__(self, answer: Response, on_end: Callable[[], None]) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self._answer(scope, receive, send)
        finally:
            self._on_end()
