"""Browser windows that notice whatever a page must never do."""

from collections.abc import Iterator
from contextlib import contextmanager

import playwright.sync_api as web

from services.api.console.request import SESSION_COOKIE
from tests.support.tools import require

# Nothing of the browser's own may go out: no updates, no start page, no look-ups.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
# As long as the slowest machine may take for one thing that is expected.
_PATIENCE_MILLISECONDS = 60_000


@contextmanager
def chromium() -> Iterator[web.Browser]:
    """Debian's Chromium; without it the test is left out, with CI=true it fails."""
    web.expect.set_options(timeout=_PATIENCE_MILLISECONDS)
    program = require(("chromium",), "chromium")["chromium"]
    with web.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Windows:
    """Opens windows on the console at one address; ``mistakes`` is what their pages did and must not."""

    def __init__(self, browser: web.Browser, address: str) -> None:
        self._browser = browser
        self._address = address.rstrip("/")
        self._contexts: list[web.BrowserContext] = []
        self.mistakes: list[str] = []

    def open(
        self,
        session: str | None = None,
        *,
        with_scripts: bool = True,
        width: int = 1440,
        height: int = 900,
        scale: float = 1,
    ) -> web.Page:
        """A window of a browser of its own, signed in when it is given a session's token."""
        context = self._browser.new_context(
            base_url=self._address,
            java_script_enabled=with_scripts,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            reduced_motion="reduce",
            locale="en-GB",
        )
        context.set_default_timeout(_PATIENCE_MILLISECONDS)
        if session is not None:
            context.add_cookies(
                [{"name": SESSION_COOKIE, "value": session, "url": f"{self._address}/console"}]
            )
        context.on("request", self._requested)
        context.on("response", self._answered)
        context.on("console", self._said)
        context.on("weberror", self._failed)
        self._contexts.append(context)
        return context.new_page()

    def close(self) -> None:
        """Close them all."""
        for context in self._contexts:
            context.close()

    def _requested(self, request: web.Request) -> None:
        if not request.url.startswith((f"{self._address}/", "blob:", "data:")):
            self.mistakes.append(f"{request.frame.url} asks another host: {request.url}")

    def _answered(self, response: web.Response) -> None:
        is_asked_for = response.request.resource_type in ("document", "fetch")
        if response.status >= 500 or (response.status >= 400 and not is_asked_for):
            self.mistakes.append(f"{response.url} answers {response.status}")

    def _said(self, message: web.ConsoleMessage) -> None:
        # Chromium says so of every refusal, those that are meant too; ``_answered`` judges them.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.mistakes.append(f"{message.location['url']}: {message.text}")

    def _failed(self, error: web.WebError) -> None:
        self.mistakes.append(f"{error.page.url if error.page else '?'}: {error.error}")
