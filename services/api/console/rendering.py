"""Renders the pages. Every stored text is escaped by the template engine; nothing in the console marks text as safe."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.api.console import colours, words
from services.api.console.visit import FORM_COOKIE, Visit, cookie_options, visit_of
from services.api.use_cases.plans import has_warnings, waiting_counts
from shared.database.tables import AccountRole
from shared.domain.plan import counts_in_words
from shared.settings.documents import BrandingSettings

PREFIX = "/console"
FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page for whoever asks, with what every page shows."""
    visit: Visit = visit_of(request)
    visitor = visit.shown_visitor
    text = (
        _environment()
        .get_template(template)
        .render(
            visitor=visitor,
            csrf=visit.form_token,
            zone=visit.clock,
            here=request.url.path,
            brand=brand_of(visit.settings.branding),
            may_operate=visitor is not None and visitor.may(AccountRole.OPERATOR),
            may_manage=visitor is not None and visitor.may(AccountRole.MANAGER),
            **values,
        )
    )
    response = HTMLResponse(text, status)
    if visit.new_form_key is not None:
        response.set_cookie(FORM_COOKIE, visit.new_form_key, **cookie_options(request))
    return response


@dataclass(frozen=True, slots=True)
class Brand:
    """What the frame of every page shows of the branding: addresses, each empty where the standard look is meant."""

    name: str
    logo: str
    stylesheet: str


@lru_cache(maxsize=64)
def brand_of(branding: BrandingSettings) -> Brand:
    """The frame's part of the branding."""
    text = colours.stylesheet(branding)
    return Brand(
        f"{branding.title_prefix} Rollcall".strip(),
        link(f"/branding/logo/{branding.logo}") if branding.logo else "",
        link("/branding.css", v=colours.stylesheet_name(text)) if text else "",
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "base": PREFIX,
        "static": static_address,
        "link": link,
        "words": words,
        "counts_in_words": counts_in_words,
        "has_warnings": has_warnings,
        "waiting_counts": waiting_counts,
    }
    return environment


def link(path: str, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **more: Any) -> str:
    """The address of a page of the console, with those values that are not empty as its query."""
    pairs = {name: value for name, value in {**dict(values), **more}.items() if value not in (None, "")}
    return f"{PREFIX}{path}" + (f"?{urlencode(pairs)}" if pairs else "")


@cache
def static_address(name: str) -> str:
    """The address of a file of ours; it changes with the content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{PREFIX}/static/{name}?v={digest}"
