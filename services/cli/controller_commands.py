"""Commands about domain controllers: which were read, which are behind, and that one is gone for good."""

from collections.abc import Mapping
from typing import Annotated

import typer

from services.api.connections.schemas.controllers import ControllerList, ControllerOut
from services.api.connections.use_cases import controllers
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Site, deployment_of
from services.cli.output import moment, print_json, say, table

app = typer.Typer(invoke_without_command=True, help="List domain controllers, or remove one.")


@app.callback()
def controller(command: typer.Context) -> None:
    """Without a command: list the controllers of the default site."""
    if command.invoked_subcommand is None:
        list_controllers(command)


@app.command("list")
def list_controllers(command: typer.Context, as_json: AsJson = False, site: Site = DEFAULT_SITE) -> None:
    """List the controllers that the last readings came from, and since when one of them is behind."""
    context = deployment_of(command)
    found = controllers.list_controllers(context, site)
    if as_json:
        print_json(ControllerList(items=[ControllerOut.model_validate(item) for item in found]))
        return
    titles = context.site_settings(site).settings.directory_titles
    table(
        "Domain controllers",
        ("controller", "address", "read", "behind since", *(("directory",) if titles else ())),
        [
            (c.controller, c.server, moment(c.read_at), moment(c.behind_since), *_title(titles, c.directory))
            for c in found
        ],
        "No domain controller has been read yet.",
    )


def _title(titles: Mapping[str, str], key: str) -> tuple[str, ...]:
    return (titles.get(key, key),) if titles else ()


@app.command("forget")
def forget(
    command: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Host name or address, as `rollcall controller list` shows it.")
    ],
    site: Site = DEFAULT_SITE,
) -> None:
    """Remove a controller that no longer exists: runs no longer wait for changes that only it had."""
    controllers.forget(deployment_of(command), site, name, ACTOR)
    say(f"Domain controller {name} was removed. The next run uses the controller it reads.")
