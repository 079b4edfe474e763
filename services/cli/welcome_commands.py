"""The command that sends welcome messages again."""

from typing import Annotated

import typer

from services.api.people.schemas.templates import WelcomeSent
from services.api.people.use_cases.welcome import send
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import print_json, say


def welcome(
    command: typer.Context,
    numbers: Annotated[list[str], typer.Argument(help="Numbers of the extensions.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Send the 3CX welcome message of these extensions again."""
    sent = send(deployment_of(command), site, numbers, ACTOR)
    if as_json:
        print_json([WelcomeSent.model_validate(item) for item in sent])
    else:
        for item in sent:
            say(f"{item.number}: {item.result}. {item.message}")
    if any(item.result != "sent" for item in sent):
        raise typer.Exit(1)
