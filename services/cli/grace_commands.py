"""Commands about extensions that are disabled and wait for their deletion."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from services.api.people.schemas.links import GraceOut
from services.api.people.use_cases import grace
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import moment, print_json, say, table
from shared.database.tables import GraceRow

app = typer.Typer(no_args_is_help=True, help="Extensions of leavers that are disabled now and deleted later.")
Person = Annotated[str, typer.Argument(help="Number of the extension, objectGUID or name of the person.")]


@app.command("list")
def list_graces(command: typer.Context, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """List them, the next deletion first."""
    found = grace.list_graces(deployment_of(command), site)
    if as_json:
        print_json([GraceOut.model_validate(row) for row in found])
        return
    rows = [
        (row.number, row.name, row.departure.replace("_", " "), moment(row.began_at), _end(row))
        for row in found
    ]
    table(
        "Leaving soon",
        ("number", "person", "because", "disabled since", "deleted"),
        rows,
        "Nobody is about to be deleted.",
    )


@app.command("extend")
def extend(
    command: typer.Context,
    person: Person,
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The day (UTC) on which it is deleted instead.")
    ],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Postpone a deletion to a day, whatever the rules say."""
    _say(grace.extend(deployment_of(command), site, person, until.date(), ACTOR), as_json)


@app.command("keep")
def keep(command: typer.Context, person: Person, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """Stop a countdown: the extension stays disabled and is not deleted."""
    _say(grace.keep(deployment_of(command), site, person, ACTOR), as_json)


@app.command("resume")
def resume(
    command: typer.Context, person: Person, as_json: AsJson = False, site: Site = DEFAULT_SITE
) -> None:
    """Follow the rules again; the days count from when the extension was disabled."""
    _say(grace.resume(deployment_of(command), site, person, ACTOR), as_json)


def _say(row: GraceRow, as_json: bool) -> None:
    if as_json:
        print_json(GraceOut.model_validate(row))
        return
    then = "is not deleted: the countdown is stopped" if row.is_kept else f"is deleted {_end(row)}"
    say(f"Extension {row.number} ({row.name}) {then}.")


def _end(row: GraceRow) -> str:
    if row.is_kept:
        return "countdown stopped"
    if row.ends_at is None:
        return f"{row.days} days after it is disabled"
    return "by the next run" if row.ends_at <= datetime.now(UTC) else f"on {row.ends_at:%Y-%m-%d}"
