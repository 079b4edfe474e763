"""How the console looks: the page of its settings, and the style sheet and logo that every page loads.

Before ``settings`` in the list of pages: this is its tab ``site``, which shows and takes more than fields.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from services.api.branding.use_cases import logos, pictures
from services.api.console import colours
from services.api.console.rendering import link, page
from services.api.console.request import FormDep, console_request, text_of
from services.api.console.scope import ANYONE, AllSitesDep, AllSitesManagerDep
from services.api.settings.forms import tabs
from services.api.settings.forms.fields import value_at
from services.api.settings.forms.form import Form, save, sent_form, stored_form
from services.api.settings.use_cases.sections import replace_section
from services.api.web.dependencies import ContextDep
from shared.errors import NotFound, SettingsInvalid
from shared.language import declared
from shared.settings.documents import BrandingSettings, Section
from shared.settings.fields import label_of
from shared.settings.sections import branding
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context

router = APIRouter()

_TAB = tabs.BY_SLUG["site"]
_KEPT_FOR_EVER = "public, max-age=31536000, immutable"
_COLOURS = ("header_top", "header_bottom", "grid")


@router.get("/branding.css", dependencies=[ANYONE])
def show_stylesheet(request: Request, v: Annotated[str, Query(max_length=20)] = "") -> Response:
    """The chosen colours. Open to anyone: the sign-in page has them too."""
    text = colours.stylesheet(console_request(request).branding)
    name = colours.stylesheet_name(text)
    # Under another name an old page asks; it must not keep what is newer than itself.
    kept = _KEPT_FOR_EVER if v == name else "no-cache"
    return _file(request, text.encode(), "text/css", name, kept)


@router.get("/branding/logo/{name}", dependencies=[ANYONE])
def show_logo(request: Request, context: ContextDep, name: Annotated[str, Path(max_length=40)]) -> Response:
    """An uploaded picture, open to anyone; its name changes with its content.

    :raises NotFound: there is none of that name.
    """
    logo = logos.read_logo(context, DEFAULT_SITE, name)
    if logo is None:
        raise NotFound(declared("Image not found."))
    return _file(request, logo.content, logo.media_type, logo.sha256, _KEPT_FOR_EVER)


@router.get("/settings/site")
def show_branding(
    request: Request,
    context: ContextDep,
    _visitor: AllSitesDep,
    saved: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
) -> Response:
    """The look as it is stored."""
    return _page(request, context, stored_form(context, DEFAULT_SITE, _TAB), saved)


@router.post("/settings/site")
async def take_branding(
    sent: FormDep, request: Request, context: ContextDep, visitor: AllSitesManagerDep
) -> Response:
    """Save the look with the picture uploaded, or go back to the standard one."""
    content, file_name = await _uploaded(sent)
    return await run_in_threadpool(_save, request, context, sent, content, file_name, visitor.actor)


def _save(
    request: Request, context: Context, sent: FormData, content: bytes, file_name: str, actor: str
) -> Response:
    form = sent_form(context, DEFAULT_SITE, _TAB, sent)
    action, _, name = text_of(sent, "action").partition(":")
    if action == "delete-logo":
        try:
            logos.remove_logo(context, DEFAULT_SITE, name, actor)
        except SettingsInvalid as error:
            form.errors = {"logo": error.message}
        return _page(request, context, form)
    if action == "reset":
        kept = {field.name: form.values[field.name] for field in _TAB.fields_in(branding.SUPPORT)}
        saved: int | None = replace_section(
            context, DEFAULT_SITE, Section.BRANDING, kept, actor, form.version
        )
        return RedirectResponse(link("/settings/site", saved=saved), HTTPStatus.SEE_OTHER)
    if content:
        try:
            # Kept even when a colour is refused: it need not be chosen again.
            form.values["logo"] = logos.add_logo(context, DEFAULT_SITE, content, actor, file_name)
        except SettingsInvalid as error:
            form.errors = {"upload": error.message}
            return _page(request, context, form)
    saved = save(context, form, actor)
    if saved is None:
        return _page(request, context, form)
    return RedirectResponse(link("/settings/site", saved=saved), HTTPStatus.SEE_OTHER)


async def _uploaded(sent: FormData) -> tuple[bytes, str]:
    """The file of the form, one byte more than is taken at most, and its name; nothing when none was chosen."""
    given = sent.get("upload")
    if not isinstance(given, UploadFile):
        return b"", ""
    return await given.read(pictures.MAX_FILE_BYTES + 1), given.filename or ""


def _page(request: Request, context: Context, form: Form, saved: int | None = None) -> Response:
    standard = BrandingSettings()
    # What cannot be saved is not shown either: the picker of colours knows only colours.
    seen = BrandingSettings(
        **{name: _colour(form.values.get(name), getattr(standard, name)) for name in _COLOURS}
    )
    return page(
        request,
        "branding.html",
        form.status,
        tab=_TAB,
        tabs=tabs.tabs_for(console_request(request).shown_visitor),
        shown=form,
        saved=saved,
        label=label_of,
        value_at=value_at,
        logos=logos.list_logos(context, DEFAULT_SITE),
        header=colours.lettering_on(seen.header_top, seen.header_bottom),
        least=colours.LEAST_CONTRAST,
        standard=standard,
        colour_names=_COLOURS,
        max_megabytes=pictures.MAX_FILE_BYTES // 1_000_000,
    )


def _colour(value: object, standard: str) -> str:
    try:
        return BrandingSettings(grid=str(value)).grid
    except ValueError:
        return standard


def _file(request: Request, content: bytes, media_type: str, tag: str, kept: str) -> Response:
    headers = {"ETag": f'"{tag}"', "Cache-Control": kept}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
