"""Commands about extensions and their templates."""

from typing import Annotated

import typer

from services.api.people.schemas.templates import ComparedOut
from services.api.people.use_cases import templates
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import print_json, report, say, table

app = typer.Typer(no_args_is_help=True, help="Compare extensions with their templates.")
Unit = Annotated[str, typer.Option(help="Distinguished name of one OU. All by default.")]


@app.command("compare")
def compare(
    command: typer.Context, unit: Unit = "", as_json: AsJson = False, site: Site = DEFAULT_SITE
) -> None:
    """Show how extensions differ from their templates; exit code 1 when one does."""
    context = deployment_of(command)
    found: list[templates.Compared] = []
    offset, total = 0, 1
    while offset < total:
        page = templates.compare(context, site, unit, offset)
        found += page.items
        offset, total = offset + templates.MOST, page.total
    if as_json:
        print_json([ComparedOut.model_validate(item) for item in found])
    else:
        rows = [
            (item.number, item.name, item.template, each.label, each.template, each.extension)
            for item in found
            for each in item.differences
        ]
        table(
            "Differences",
            ("number", "person", "template", "setting", "template has", "has"),
            rows,
            "Every extension is as its template.",
        )
        differing = sum(bool(item.differences) for item in found)
        say(f"{differing} of {len(found)} extensions differ from their template.")
    if any(item.differences for item in found):
        raise typer.Exit(1)


@app.command("write-again")
def write_again(
    command: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Numbers of the extensions.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Let the next run write the template's settings again to these extensions."""
    written = templates.write_again(deployment_of(command), site, numbers, ACTOR)
    report(written, f"The next run re-applies the template to {', '.join(written)}.", as_json=as_json)
