"""One page that finds people and extensions, runs, settings and help, as far as the visitor may see them."""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.api.console.rendering import language_of, page
from services.api.console.scope import SiteDep, VisitorDep
from services.api.help.pages import all_documents
from services.api.help.searching import search
from services.api.people.queries import PeopleFilter
from services.api.people.use_cases.roll import list_people
from services.api.search.settings import find_settings
from services.api.settings.forms.tabs import tabs_for
from services.api.web.dependencies import ContextDep
from shared.database.tables import Run
from shared.language import spoken
from shared.values.digits import whole_number
from shared.worker.context import Context

router = APIRouter(prefix="/search")

_SHOWN = 8
_RUN = re.compile(r"(?:run\s*|#)?(\d+)", re.IGNORECASE)


@router.get("")
def show_found(
    request: Request,
    context: ContextDep,
    site: SiteDep,
    visitor: VisitorDep,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """A few of each kind, with the way to the others."""
    q = q.strip()
    with spoken(language_of(request)):
        settings = find_settings(tabs_for(visitor), q)
    return page(
        request,
        "search.html",
        q=q,
        people=list_people(context, site, PeopleFilter(q), limit=_SHOWN) if q else None,
        run=_run(context, site, q),
        settings=settings[:_SHOWN],
        more_settings=len(settings) - _SHOWN,
        hits=search(all_documents(language_of(request)), q)[:_SHOWN],
    )


def _run(context: Context, site: str, q: str) -> Run | None:
    """The run of the site that has the number, written ``12``, ``#12`` or ``run 12``."""
    written = _RUN.fullmatch(q)
    number = whole_number(written[1], 9) if written else None
    if number is None:
        return None
    with context.database.read() as session:
        run = session.get(Run, number)
    return run if run is not None and run.site_id == site else None
