"""People and extensions as they are now."""

from typing import Annotated

import typer

from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.schemas.people import PeopleOut
from services.api.people.use_cases.roll import list_people
from services.cli.options import DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import moment, print_json, say, table
from shared.roll.entry import RollState

_MOST = 500


def people(
    command: typer.Context,
    search: Annotated[
        str, typer.Argument(help="The beginning of a name, number, login, e-mail address or objectGUID.")
    ] = "",
    state: Annotated[RollState | None, typer.Option(help="Only those in this state.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only in this OU of the settings (DN).")] = None,
    department: Annotated[str | None, typer.Option(help="Only of this department.")] = None,
    differs: Annotated[
        bool, typer.Option("--differs", help="Only those where 3CX differs from the directory.")
    ] = False,
    sort: Annotated[PeopleOrder, typer.Option(help="Sort order.")] = PeopleOrder.NAME,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Number of rows.")] = 100,
    after: Annotated[str | None, typer.Option(help="The next_after of the page before (--json).")] = None,
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """List people with their extensions, and extensions that nobody is linked to, as of the last full run."""
    chosen = PeopleFilter(search, state, unit, department, differs or None)
    found = list_people(deployment_of(command), site, chosen, sort, limit, after)
    if as_json:
        print_json(PeopleOut.of(found))
        return
    if found.read_at is None:
        say("Nothing is known yet. The next full run fills this list: rollcall run")
        return
    rows = [
        (
            row.entry.number,
            row.entry.name,
            row.entry.state.replace("_", " "),
            row.entry.reason,
            row.entry.department,
            moment(row.since),
        )
        for row in found.rows
    ]
    table(
        "People and extensions",
        ("number", "name", "state", "reason", "department", "since"),
        rows,
        "Nobody matches.",
    )
    if found.counts.total > len(rows):
        say(f"{len(rows)} of {found.counts.total} are shown. Narrow the search, or raise --limit.")
