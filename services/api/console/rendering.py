"""Renders the pages. Every stored text is escaped by the template engine; only the help, which is part of Rollcall, is HTML."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from services.api.access.site_roles import SiteRoles
from services.api.console import colours, site_address, words
from services.api.console.clock import Clock
from services.api.console.marking import marked
from services.api.console.request import FORM_COOKIE, ConsoleRequest, console_request, cookie_options
from services.api.console.trail import trail_of
from shared import language
from shared.database.tables import AccountRole
from shared.domain.plan import counts_in_words
from shared.runs.verdict import has_warnings, waiting_counts
from shared.settings.documents import BrandingSettings
from shared.values.text import isolated, mixed_alphabets, visible

PREFIX = "/console"
_VALUE = re.compile(r'value="\{\{ (.+?) \}\}"')
_TEXTAREA = re.compile(r"\{\{ ([^{}]+?) \}\}</textarea>")
FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
# Each feature has its pages' templates beside them; they include one another by their names alone.
TEMPLATES = sorted(FOLDER.parent.glob("*/templates"))


# How somebody wants pages in this browser; no cookie: as the browser does.
LOOK_COOKIE = "rollcall_look"
LOOKS = ("light", "dark")
DENSITY_COOKIE = "rollcall_rows"
COMPACT, COMFORTABLE = "compact", "comfortable"
LANGUAGE_COOKIE = "rollcall_language"
MENU_COOKIE, FOLDED = "rollcall_menu", "folded"


def language_of(request: Request) -> str:
    """The language chosen in this browser, else the first it asks for that there is a catalogue of."""
    chosen = _cookie(request, LANGUAGE_COOKIE, language.known())
    return chosen or language.best_of(request.headers.get("accept-language", ""))


def clock_of(request: Request) -> Clock:
    """How moments are shown to whoever asks, also in files."""
    with language.spoken(language_of(request)):
        return console_request(request).clock


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """A page for whoever asks, with what every page shows."""
    current: ConsoleRequest = console_request(request)
    with language.spoken(language_of(request)):
        return _page(request, current, template, status, values)


def _page(
    request: Request, current: ConsoleRequest, template: str, status: int, values: Mapping[str, Any]
) -> HTMLResponse:
    visitor = current.shown_visitor
    roles = visitor.roles if visitor is not None else SiteRoles()
    text = (
        _environment()
        .get_template(template)
        .render(
            visitor=visitor,
            csrf=current.form_token,
            zone=current.clock,
            here=request.url.path,
            brand=brand_of(current.branding),
            is_folded=request.cookies.get(MENU_COOKIE) == FOLDED,
            look=_cookie(request, LOOK_COOKIE, LOOKS),
            language_wanted=_cookie(request, LANGUAGE_COOKIE, language.known()),
            density_wanted=_cookie(request, DENSITY_COOKIE, (COMPACT, COMFORTABLE)),
            site_base=PREFIX + site_address.prefix(),
            may_operate=roles.may_at(current.site_id, AccountRole.OPERATOR),
            may_manage=roles.may_at(current.site_id, AccountRole.MANAGER),
            may_manage_all=roles.may_everywhere(AccountRole.MANAGER),
            site=current.shown_site,
            **values,
        )
    )
    response = HTMLResponse(text, status, {"Content-Language": language.current()})
    if current.new_form_key is not None:
        response.set_cookie(FORM_COOKIE, current.new_form_key, **cookie_options(request))
    return response


def _cookie(request: Request, name: str, known: Collection[str]) -> str:
    """What the browser keeps of a choice, empty for something else."""
    value = request.cookies.get(name, "")
    return value if value in known else ""


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
        root_link(f"/branding/logo/{branding.logo}") if branding.logo else "",
        root_link("/branding.css", v=colours.stylesheet_name(text)) if text else "",
    )


def _shown(value: object) -> object:
    """Every text of every page: what cannot be seen is shown, and what runs from right to left keeps to itself.

    Here alone, so that no page can show an approver another name than the one there is. Markup is ours.
    """
    value = language.shown(value)
    if isinstance(value, str) and not isinstance(value, Markup):
        return isolated(visible(value, "\n\r\t"))
    return value


def shown_to_scripts(value: Any) -> Any:
    """What a page's script is given to put on the page: its texts as every other text of a page."""
    if isinstance(value, Mapping):
        return {key: shown_to_scripts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown_to_scripts(item) for item in value]
    return _shown(value)


def _say(text: str, **values: object) -> Markup:
    """A text of a template with its values, in the language of whoever reads it. Values are shown as everywhere else."""
    translated = Markup(language.gettext(text))  # noqa: S704 - from a template or a catalogue, never from a person
    return translated % {name: _shown(value) for name, value in values.items()}


class _Grouped:
    """What marking puts in the place of ``"{:,}"``."""

    @staticmethod
    def format(number: int) -> str:
        """The number as the language of whoever reads it has it."""
        return language.digits(number)


class _Marked(Extension):
    """Texts of templates go through the catalogue."""

    # After ``_AsTyped``, which looks for fields as the templates have them.
    priority = 200

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Mark every text."""
        return marked(source)


class _AsTyped(Extension):
    """What a form holds goes back as it was typed."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Let values of fields pass by ``_shown``."""
        source = _VALUE.sub(r'value="{{ (\1) | e }}"', source)
        return _TEXTAREA.sub(r"{{ (\1) | e }}</textarea>", source)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        extensions=[_AsTyped, _Marked],
    )
    environment.filters["shown"] = language.shown
    environment.globals |= {
        "grouped": _Grouped,
        "static": static_address,
        "link": link,
        "root_link": root_link,
        "words": words,
        "trail_of": trail_of,
        "_": language.gettext,
        "say": _say,
        "told": language.read_back,
        "language": language.current,
        "counts_in_words": counts_in_words,
        "has_warnings": has_warnings,
        "mixed_alphabets": mixed_alphabets,
        "waiting_counts": waiting_counts,
    }
    return environment


def link(path: str, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **more: Any) -> str:
    """The address of a page of the same site, with those values that are not empty as its query."""
    return root_link(site_address.prefix() + path, values, **more)


def root_link(path: str, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **more: Any) -> str:
    """As ``link``, of a page that is of no site."""
    pairs = {name: value for name, value in {**dict(values), **more}.items() if value not in (None, "")}
    return f"{PREFIX}{path}" + (f"?{urlencode(pairs, doseq=True)}" if pairs else "")


@cache
def static_address(name: str) -> str:
    """The address of a file of ours; it changes with the content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{PREFIX}/static/{name}?v={digest}"
