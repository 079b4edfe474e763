"""Commands about sites: each is one directory, one phone system and one schedule."""

from typing import Annotated

import typer

from services.api.sites.schemas import SiteOut, SiteRemoved
from services.api.sites.use_cases import removal as site_removal
from services.api.sites.use_cases import sites
from services.cli.options import ACTOR, AsJson, deployment_of
from services.cli.output import moment, print_json, say, table

app = typer.Typer(invoke_without_command=True, help="List, create and remove sites.")


@app.callback()
def site(command: typer.Context) -> None:
    """Without a command: list the sites."""
    if command.invoked_subcommand is None:
        list_sites(command)


@app.command("list")
def list_sites(command: typer.Context, as_json: AsJson = False) -> None:
    """List the sites."""
    found = sites.list_sites(deployment_of(command))
    if as_json:
        print_json([SiteOut.model_validate(item) for item in found])
        return
    table("Sites", ("id", "name", "made"), [(s.id, s.name, moment(s.created_at)) for s in found])


@app.command("create")
def create_site(
    command: typer.Context,
    site_id: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    name: Annotated[str, typer.Option(help="Display name.")] = "",
) -> None:
    """Create a site with default settings."""
    made = sites.create_site(deployment_of(command), site_id, ACTOR, name)
    say(f"Site '{made.id}' created. Next, configure it: rollcall settings apply FILE.yaml --site {made.id}")


@app.command("remove")
def remove_site(
    command: typer.Context,
    site_id: Annotated[str, typer.Argument(help="As `rollcall site list` shows it.")],
    confirm: Annotated[
        str | None, typer.Option(help="The id again, for scripts. Asked for if not given.")
    ] = None,
    even_default: Annotated[
        bool, typer.Option("--even-default", help="Required to empty the site 'default'.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a site with its settings, runs, Log, bindings and tokens. The phone system is left as it is."""
    context = deployment_of(command)
    if confirm is None:
        say(f"All data of the site '{site_id}' will be deleted. Only the audit is kept.")
        confirm = typer.prompt("Type the site's id to continue")
    gone = site_removal.remove_site(context, site_id, ACTOR, confirm=confirm, even_default=even_default)
    if as_json:
        print_json(SiteRemoved(id=site_id, **gone))
        return
    sentence = ", ".join(f"{count} {what}" for what, count in gone.items())
    say(f"Site '{site_id}' is removed ({sentence}).")
