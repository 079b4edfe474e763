"""Commands for whoever looks after the deployment: diagnosis, migrations, tokens, sites."""

from typing import Annotated

import typer

from services.api.schemas.access import TokenOut
from services.api.schemas.health import CheckOut
from services.api.use_cases import sites, tokens
from services.api.use_cases.doctor import diagnose
from services.cli.options import ACTOR, FAILED, AsJson, deployment_of, settings_of
from services.cli.output import console, moment, print_json, say, table
from shared import encryption
from shared.database.engine import Database
from shared.database.migrate import migrate as bring_up_to_date
from shared.encryption import new_key
from shared.worker.app import create_app
from shared.worker.context import Context

token_app = typer.Typer(invoke_without_command=True, help="Make, list and revoke the API's bearer tokens.")
sites_app = typer.Typer(invoke_without_command=True, help="List and make sites.")


def doctor(command: typer.Context, as_json: AsJson = False) -> None:
    """Look at everything Rollcall needs and say what to mend. Changes nothing."""
    settings = settings_of(command)
    # Not opened as other commands do: what is wrong with the database is a finding here, not a failure.
    context = Context(
        create_app(settings),
        settings,
        Database(settings.effective_database_url),
        encryption.load(settings),
    )
    checks = diagnose(context)
    if as_json:
        print_json([CheckOut.model_validate(check, from_attributes=True) for check in checks])
    else:
        for check in checks:
            mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
            console().print(f"{mark} {check.name}: ", end="")
            console().print(check.message, markup=False, soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(FAILED)


def migrate(command: typer.Context) -> None:
    """Bring the database's tables to this version of Rollcall."""
    database = Database(settings_of(command).effective_database_url)
    before, after = bring_up_to_date(database)
    if before == after:
        say(f"The database stands at {after} already.")
    else:
        say(f"The database was brought from {before or 'nothing'} to {after}.")


@token_app.callback()
def token(
    command: typer.Context,
    make_key: Annotated[
        bool, typer.Option("--new-key", help="Print a fresh ROLLCALL_SECRET_KEY and do nothing else.")
    ] = False,
) -> None:
    """Without a command: list the tokens."""
    if make_key:
        typer.echo(new_key())
    elif command.invoked_subcommand is None:
        list_tokens(command)


@token_app.command("create")
def create_token(
    command: typer.Context,
    name: Annotated[str, typer.Argument(help="Who or what uses it.")],
    days: Annotated[
        int | None, typer.Option(min=1, help="Valid for so many days; else until revoked.")
    ] = None,
) -> None:
    """Make a token and print it: the only time it can be seen."""
    typer.echo(tokens.create_token(deployment_of(command), name, days, ACTOR))
    say("Keep it like a password: it cannot be shown again. `rollcall token revoke` ends it.")


@token_app.command("list")
def list_tokens(command: typer.Context, as_json: AsJson = False) -> None:
    """List all tokens ever made."""
    found = tokens.list_tokens(deployment_of(command))
    if as_json:
        print_json([TokenOut.model_validate(item) for item in found])
        return
    table(
        "Tokens",
        ("id", "name", "made", "last used", "expires", "revoked"),
        [
            (
                item.id,
                item.name,
                moment(item.created_at),
                moment(item.last_used_at) or "never",
                moment(item.expires_at) or "never",
                moment(item.revoked_at),
            )
            for item in found
        ],
    )


@token_app.command("revoke")
def revoke_token(
    command: typer.Context,
    token_id: Annotated[int, typer.Argument(help="Its number in `rollcall token list`.")],
) -> None:
    """End a token now."""
    say(f"The token '{tokens.revoke_token(deployment_of(command), token_id, ACTOR).name}' is revoked.")


@sites_app.callback()
def list_sites(command: typer.Context) -> None:
    """Without a command: list the sites."""
    if command.invoked_subcommand is None:
        found = sites.list_sites(deployment_of(command))
        table("Sites", ("id", "name", "made"), [(s.id, s.name, moment(s.created_at)) for s in found])


@sites_app.command("create")
def create_site(
    command: typer.Context,
    site_id: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    name: Annotated[str, typer.Option(help="As people call it.")] = "",
) -> None:
    """Make a site with default settings."""
    made = sites.create_site(deployment_of(command), site_id, ACTOR, name)
    say(f"Site '{made.id}' made. Give it settings: rollcall settings apply FILE.yaml --site {made.id}")
