"""The help of the console: contents with search, a page, an image of one."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from markupsafe import Markup
from starlette.exceptions import HTTPException

from services.api.console.rendering import PREFIX, language_of, page
from services.api.console.scope import OwnDep
from services.api.help import documents
from services.api.help.documents import Addresses, Document
from services.api.help.searching import search
from shared.distribution import installed_version
from shared.errors import NotFound
from shared.language import ENGLISH, phrase

router = APIRouter(prefix="/help")

ADDRESSES = Addresses(page=f"{PREFIX}/help/{{}}", image=f"{PREFIX}/help/images/{{}}")


def all_documents(language: str = ENGLISH) -> list[Document]:
    """Every page of the help, for a search; in the language where there is one in it."""
    found = (documents.document(name, ADDRESSES, language) for name in documents.names())
    return [document for document in found if document is not None]


@router.get("")
def show_contents(request: Request, visitor: OwnDep, q: str = "") -> Response:
    """The contents, or what a search finds."""
    known = {document.name: document for document in all_documents(language_of(request))}
    return page(
        request,
        "help.html",
        q=q[:200],
        hits=search(known.values(), q[:200]),
        subjects=[(subject, [known[name] for name in names]) for subject, names in documents.by_subject()],
        version=installed_version(),
    )


@router.get("/images/{name}")
def show_image(visitor: OwnDep, name: str) -> Response:
    """A picture of a page.

    :raises HTTPException: 404, there is none of this name.
    """
    known = {file.name: file for file in documents.IMAGES.iterdir()}
    if name not in known:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return FileResponse(known[name])


@router.get("/{name}")
def show_page(request: Request, visitor: OwnDep, name: str) -> Response:
    """One page.

    :raises NotFound: there is none of this name.
    """
    found = documents.document(name, ADDRESSES, language_of(request))
    if found is None:
        raise NotFound(phrase("The help has no page '{name}'.", name=name[:40]))
    # Of a file that comes with Rollcall, and with raw HTML escaped.
    body = Markup(found.html)  # noqa: S704
    return page(request, "help_page.html", title=found.title, written_in=found.language, body=body)
