"""Commands about what gives the fields of an extension their values: tried on real people before it is saved."""

from typing import Annotated

import typer

from services.api.connections.schemas.questions import MappingAnswer
from services.api.connections.use_cases import questions
from services.cli.deployment import workers_where_embedded
from services.cli.options import DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import print_json, say, table

app = typer.Typer(no_args_is_help=True, help="Try an attribute or expression.")


@app.callback()
def mapping() -> None:
    """Attributes and expressions over attributes (docs/mapping.md)."""


@app.command("try")
def try_mapping(
    command: typer.Context,
    field: Annotated[str, typer.Argument(help="A setting of directory.attributes, such as number or email.")],
    expression: Annotated[
        str,
        typer.Argument(
            help="An attribute's name, or an expression such as 'first(ipPhone, telephoneNumber)'."
        ),
    ],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Show what people have now and would have, how many get nothing, and who would share a number. Saves nothing."""
    context = deployment_of(command)
    with workers_where_embedded(context):
        found = MappingAnswer.model_validate(questions.try_mapping(context, site, field, expression))
    if as_json:
        print_json(found)
        return
    table(
        "",
        ("person", "reads", "now", "then", ""),
        [
            (
                row.name,
                ", ".join(f"{name}: {value}" for name, value in row.read.items() if value),
                row.before,
                row.after,
                row.problem or ("duplicate" if row.collides else ""),
            )
            for row in found.rows
        ],
    )
    of = "people" if found.is_all else "people that were read, the first of more"
    say(
        f"Of {found.people:,} {of}: {found.changed:,} change, {found.empty:,} get nothing, "
        f"{found.problems:,} have "
        f"something that cannot be used, {found.colliding:,} share a value with somebody else."
    )
    for collision in found.collisions:
        more = ", …" if collision.people > len(collision.names) else ""
        say(f"{collision.value}: {', '.join(collision.names)}{more}")
