"""The page of the database: what the one in use is like, and a test of another one before it is given to Rollcall."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from services.api.connections.schemas.database import DatabaseValues
from services.api.connections.use_cases.database import (
    DatabaseEncryption,
    DatabaseKind,
    DatabaseReport,
    check_database,
)
from services.api.console.rendering import page
from services.api.console.request import FormDep, text_of
from services.api.console.scope import AllSitesManagerDep
from services.api.console.words import Words
from services.api.web.dependencies import ContextDep
from shared.errors import RollcallError
from shared.language import declared
from shared.worker.context import Context

router = APIRouter(prefix="/database")
# The values of both lists with their labels.
_KINDS: Mapping[str, str] = Words(
    {DatabaseKind.SQL_SERVER: "Microsoft SQL Server", DatabaseKind.POSTGRESQL: "PostgreSQL"}
)
_ENCRYPTIONS: Mapping[str, str] = Words(
    {
        DatabaseEncryption.VERIFY: "Encrypted, certificate checked",
        DatabaseEncryption.REQUIRE: "Encrypted",
        DatabaseEncryption.OFF: "Not encrypted",
    }
)
_FIELDS = ("kind", "host", "port", "database", "user", "encryption")
_WRONG = {
    "host": declared("Enter the server's name, e.g. db.example.com, or db.example.com\\SQLExpress."),
    "port": declared("Enter a port from 1 to 65535, or leave it empty for the usual one."),
    "database": declared("Enter the name of the database, e.g. rollcall."),
}


@router.get("")
def show_database(request: Request, context: ContextDep, _visitor: AllSitesManagerDep) -> Response:
    """The database in use, looked at now, and an empty form for another one."""
    return _page(request, context, {})


@router.post("")
def test_another_database(
    request: Request, context: ContextDep, visitor: AllSitesManagerDep, form: FormDep
) -> Response:
    """Look at the database that is filled in. Nothing is saved: its address belongs into the environment."""
    given = {name: text_of(form, name).strip() for name in _FIELDS}
    try:
        values = DatabaseValues.model_validate(
            {**given, "port": given["port"] or None, "password": text_of(form, "password")}
        )
    except ValidationError as error:
        places = {str(found["loc"][0]) for found in error.errors()}
        errors = {place: _WRONG.get(place) or declared("Choose one of the list.") for place in places}
        return _page(request, context, given, errors=errors)
    try:
        return _page(request, context, given, report=check_database(context, values.address, visitor.actor))
    except RollcallError as error:
        return _page(request, context, given, refused=error.message)


def _page(
    request: Request,
    context: Context,
    given: dict[str, str],
    *,
    report: DatabaseReport | None = None,
    errors: dict[str, str] | None = None,
    refused: str = "",
) -> Response:
    current, problem = _current(context)
    return page(
        request,
        "database.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors or refused else HTTPStatus.OK,
        current=current,
        problem=problem,
        report=report,
        given=dict.fromkeys(_FIELDS, "")
        | {"kind": DatabaseKind.SQL_SERVER.value, "encryption": DatabaseEncryption.REQUIRE.value}
        | given,
        errors=errors or {},
        refused=refused,
        kinds=_KINDS,
        encryptions=_ENCRYPTIONS,
    )


def _current(context: Context) -> tuple[DatabaseReport | None, str]:
    try:
        return check_database(context), ""
    except RollcallError as error:
        return None, error.message
