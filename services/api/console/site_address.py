"""Which site an address of the console is of: ``/console/sites/oslo/runs`` is the page ``/runs`` of site oslo.

The site stands in the address and in nothing that a browser keeps, so that two tabs may show two sites and a form
always acts on the site that its page showed. Addresses without one are of the site ``default``.
"""

import re
from contextvars import ContextVar
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.settings.store import DEFAULT_SITE

_NAMED = re.compile(r"/sites/([^/]{1,120})(?=/)")
_SITE = "rollcall.site"
_prefix: ContextVar[str] = ContextVar("prefix of the site that a page is of", default="")


def site_named(scope: Scope) -> str | None:
    """The site that the address names, ``None`` when it names none."""
    named: str | None = scope.get(_SITE)
    return named


def prefix() -> str:
    """What addresses of the same site begin with, below the console's own."""
    return _prefix.get()


def prefix_of(site_id: str) -> str:
    """What addresses of a site begin with."""
    return "" if site_id == DEFAULT_SITE else f"/sites/{quote(site_id, safe='')}"


class SiteAddress:
    """ASGI middleware: takes the site out of the address, so that every page has one route for all sites."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as one of a site's page."""
        root: str = scope.get("root_path", "")
        path: str = scope.get("path", "")
        found = _NAMED.match(path.removeprefix(root)) if path.startswith(root) else None
        if found is None:
            await self._app(scope, receive, send)
            return
        site_id = found[1]
        before = _prefix.set(prefix_of(site_id))
        try:
            # The path stays: it is what a page is asked for by, and goes back to.
            await self._app({**scope, "root_path": root + found[0], _SITE: site_id}, receive, send)
        finally:
            _prefix.reset(before)
