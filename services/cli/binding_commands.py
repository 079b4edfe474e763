"""Commands about links between people and extensions, for what only a person can know."""

from typing import Annotated

import typer

from services.api.people.schemas.links import LinkOut
from services.api.people.use_cases import bindings
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import report

app = typer.Typer(no_args_is_help=True, help="Link or unlink a person and an extension.")


@app.command("release")
def release(
    command: typer.Context,
    person: Annotated[str, typer.Argument(help="Extension number, or a person as for `rollcall explain`.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """End the link of a person to their extension. The phone system is left as it is."""
    link = bindings.release(deployment_of(command), site, person, ACTOR)
    report(
        LinkOut.model_validate(link),
        f"Extension {link.number} is no longer linked to {link.person_name or link.person_guid}.",
        as_json=as_json,
    )


@app.command("set")
def set_link(
    command: typer.Context,
    person: Annotated[str, typer.Argument(help="A person as for `rollcall explain`.")],
    number: Annotated[str, typer.Argument(help="The extension that is theirs.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Link a person to an extension, whatever name it shows. The next run brings its fields in sync."""
    link = bindings.bind(deployment_of(command), site, person, number, ACTOR)
    report(
        LinkOut.model_validate(link),
        f"Extension {link.number} is now linked to {link.person_name or link.person_guid}.",
        as_json=as_json,
    )
