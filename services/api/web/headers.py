"""What every answer says about itself, the API's too: nobody may keep it, and it is what it says it is."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class AnswerHeaders:
    """ASGI middleware: adds the headers, except those that the answer has already (the console's pages have their own)."""

    always: Mapping[str, str] = ALWAYS
    over_https: Mapping[str, str] = {}

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""

        async def _complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                more = self.over_https if scope.get("scheme") == "https" else {}
                for name, value in {**self.always, **more}.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, _complete)
