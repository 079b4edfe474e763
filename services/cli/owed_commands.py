"""Commands about extensions to which something is still to be done."""

from typing import Annotated

import typer

from services.api.people.schemas.links import OwedOut
from services.api.people.use_cases import owed
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import moment, print_json, report, table

app = typer.Typer(no_args_is_help=True, help="Extensions with unfinished steps.")
Number = Annotated[str, typer.Argument(help="The number of the extension.")]


@app.command("list")
def list_owed(command: typer.Context, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """List them, with what 3CX said last."""
    found = owed.list_owed(deployment_of(command), site)
    if as_json:
        print_json([OwedOut.model_validate(row) for row in found])
        return
    rows = [
        (row.number, row.person_name, row.owes.replace("_", " "), moment(row.begun_at), row.answer or "")
        for row in found
    ]
    table("Not finished", ("number", "person", "owes", "since", "answer"), rows, "Nothing is unfinished.")


@app.command("give-up")
def give_up(
    command: typer.Context, number: Number, as_json: AsJson = False, site: Site = DEFAULT_SITE
) -> None:
    """Leave an extension as it is in 3CX."""
    row = owed.give_up(deployment_of(command), site, number, ACTOR)
    report(
        OwedOut.model_validate(row),
        f"The unfinished steps of extension {row.number} were dropped. It stays as it is in 3CX.",
        as_json=as_json,
    )


@app.command("retry")
def retry(command: typer.Context, number: Number, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """Let the next run try again what 3CX refused."""
    row = owed.try_again(deployment_of(command), site, number, ACTOR)
    report(
        OwedOut.model_validate(row),
        f"The next run tries again to finish extension {row.number}.",
        as_json=as_json,
    )
