"""Exports of the Log that are sent while they are read, for the API and the console."""

from fastapi import Request, Response

from services.api.console.sending import sent_in_turn
from services.api.log.use_cases.formats import MEDIA_TYPES, Dates
from services.api.log.use_cases.log import ExportFormat, LogFilter
from services.api.log.use_cases.pieces import file_pieces
from services.api.web.dependencies import context_of_request
from shared.language import ENGLISH, each_spoken


def flowing(
    request: Request,
    caller: str,
    site_id: str,
    filter: LogFilter,
    format: ExportFormat,
    dates: Dates | None,
    language: str = ENGLISH,
) -> Response:
    """A file that is sent while it is read, when it is the caller's turn.

    :raises HTTPException: 429, too many of their files are in hand.
    """
    pieces = file_pieces(context_of_request(request).database, site_id, filter, format, dates)
    return sent_in_turn(
        request,
        caller,
        each_spoken(language, pieces),
        f"rollcall-{site_id}-log.{format.value}",
        MEDIA_TYPES[format],
    )
