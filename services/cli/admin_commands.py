"""Commands for whoever looks after the deployment: diagnosis, migrations, tokens."""

from collections.abc import Iterator
from typing import Annotated

import typer

from services.api.access import tokens
from services.api.accounts.queries import begin_sealing
from services.api.accounts.schemas import TokenOut
from services.api.operations.schemas import CheckOut
from services.api.operations.use_cases.doctor import Check, diagnose
from services.api.operations.use_cases.doctor_of_sites import can_ask, diagnose_sites, order_of
from services.api.sites.use_cases.sites import list_sites
from services.cli.deployment import workers_where_embedded
from services.cli.options import ACTOR, FAILED, AsJson, deployment_of, settings_of
from services.cli.output import console, moment, print_json, say, table
from services.scheduler.copies import copy_before_upgrade
from shared import encryption
from shared.database.engine import Database
from shared.database.migrate import is_before, newest_revision
from shared.database.probe import probe
from shared.database.tables import AccountRole
from shared.encryption import new_key
from shared.migrate import migrate as bring_to
from shared.worker.app import create_app
from shared.worker.context import Context, share

token_app = typer.Typer(invoke_without_command=True, help="Create, list and revoke the API's bearer tokens.")


def doctor(
    command: typer.Context,
    as_json: AsJson = False,
    site: Annotated[
        str | None,
        typer.Option("--site", help="Check only this site.", show_default="all sites"),
    ] = None,
) -> None:
    """Run a health check of this host and of each site's directory, phone system and relay. Changes nothing."""
    settings = settings_of(command)
    # Not opened as other commands do: what is wrong with the database is a finding here, not a failure.
    database = _database_of(command)
    context = Context(create_app(settings), settings, database, encryption.load(settings))
    share(context)
    shown = []
    for check in _looked_at(context, site):
        shown.append(check)
        if not as_json:
            _show_check(check)
    if as_json:
        print_json([CheckOut.model_validate(check, from_attributes=True) for check in shown])
    if not all(check.ok for check in shown):
        raise typer.Exit(FAILED)


def _looked_at(context: Context, site: str | None) -> Iterator[Check]:
    checks = diagnose(context, [site] if site else None)
    yield from checks
    if can_ask(checks, with_own_workers=context.settings.is_embedded):
        site_ids = [site] if site else [found.id for found in list_sites(context)]
        with workers_where_embedded(context):
            yield from diagnose_sites(context, site_ids)


def _show_check(check: Check) -> None:
    mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
    console().print(f"{mark} {check.name}: ", end="")
    console().print(f"{check.message}{order_of(check.controllers)}", markup=False, soft_wrap=True)
    for advice in check.advice:
        console().print(f"  ! {advice}", style="yellow", markup=False, soft_wrap=True)


def migrate(
    command: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION", help="Stop at this revision, or go back to it; 'base' is the empty database."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Go back without asking; what was added since is lost.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; only say whether an upgrade is needed.")
    ] = False,
) -> None:
    """Upgrade the database schema to this version. Several processes may do so at once."""
    database = _database_of(command)
    # What is wrong is said precisely before anything is tried.
    found = probe(database).schema
    if check:
        say(found.message)
        if not found.is_usable:
            raise typer.Exit(FAILED)
        return
    if to is not None and is_before(to, found.now) and not yes:
        typer.confirm(f"Downgrade from {found.now} to {to}? Data added since then is lost.", abort=True)
    if found.now != (to or newest_revision()):
        copy = copy_before_upgrade(settings_of(command), database, found.now)
        if copy is not None:
            say(f"A copy of the database as it was: {copy}")
    before, after = bring_to(database, to)
    if before == after:
        say(f"The database schema is already {after or 'empty'}.")
    else:
        say(f"Database schema changed from {before or 'empty'} to {after or 'empty'}.")
    if after == newest_revision():
        settings = settings_of(command)
        begin_sealing(
            Context(create_app(settings), settings, database, encryption.load(settings)), ACTOR, before
        )


def _database_of(command: typer.Context) -> Database:
    """The database as it is, whatever it stands at."""
    database = Database(settings_of(command).effective_database_url)
    command.call_on_close(database.close)
    return database


@token_app.callback()
def token(
    command: typer.Context,
    make_key: Annotated[
        bool, typer.Option("--new-key", help="Print a new ROLLCALL_SECRET_KEY and do nothing else.")
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
    name: Annotated[str, typer.Argument(help="Used by.")],
    days: Annotated[
        int | None, typer.Option(min=1, help="Expires after this many days. Never by default.")
    ] = None,
    role: Annotated[
        AccountRole,
        typer.Option(help="viewer: read access; operator: also runs and approvals; manager: everything."),
    ] = AccountRole.MANAGER,
    site: Annotated[
        str | None,
        typer.Option(help="The only site it is valid for. All sites by default.", show_default=False),
    ] = None,
) -> None:
    """Create a token and print it. It is shown only once."""
    typer.echo(tokens.create_token(deployment_of(command), name, days, ACTOR, role=role, site_id=site))
    say("Store it like a password. It is not shown again. Revoke it with `rollcall token revoke`.")


@token_app.command("list")
def list_tokens(command: typer.Context, as_json: AsJson = False) -> None:
    """List all tokens ever created."""
    found = tokens.list_tokens(deployment_of(command))
    if as_json:
        print_json([TokenOut.model_validate(item) for item in found])
        return
    table(
        "Tokens",
        ("id", "name", "role", "site", "made", "last used", "expires", "revoked"),
        [
            (
                item.id,
                item.name,
                item.role,
                item.site_id or "all",
                moment(item.created_at),
                moment(item.last_used_at) or "never",
                moment(item.expires_at) or "never",
                moment(item.revoked_at),
            )
            for item in found
        ],
        "There are no tokens. Create one with `rollcall token create NAME`.",
    )


@token_app.command("revoke")
def revoke_token(
    command: typer.Context,
    token_id: Annotated[int, typer.Argument(help="Its number in `rollcall token list`.")],
) -> None:
    """Revoke a token at once."""
    say(f"The token '{tokens.revoke_token(deployment_of(command), token_id, ACTOR).name}' is revoked.")
