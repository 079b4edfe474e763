"""Commands about the console: the link and code that makes a manager, and what ``up`` brings to it."""

import sys
from typing import Annotated

import typer

from services.api.access.accounts import account_named, has_manager
from services.api.access.factors import owned
from services.api.access.setup_link import make_code
from services.api.console.rendering import PREFIX
from services.cli.options import ACTOR, deployment_of
from services.cli.output import say
from services.cli.serving import address_of, tls_files
from shared.private_files import write_private
from shared.worker.context import Context

_LINK_FILE = "setup-link"

app = typer.Typer(no_args_is_help=True, help="The web console: who may sign in.")


@app.callback()
def console() -> None:
    """Commands about the console."""


@app.command("setup-link")
def setup_link(command: typer.Context) -> None:
    """Print a link and a code to create a manager account, valid once, for one day. Also for when all passwords are forgotten."""
    context = deployment_of(command)
    settings = context.settings
    address = address_of(settings, settings.api_port, tls_files(settings, is_alone=settings.is_embedded))
    typer.echo(_link_and_code(context, address))
    say(
        "Open the link in a browser and enter the code there. Behind a proxy or on a free port (0), replace the beginning by the address "
        "people use."
    )


@app.command("reset-second-factor")
def reset_second_factor(
    command: typer.Context, name: Annotated[str, typer.Argument(help="The account's name.")]
) -> None:
    """Forget the second factors of an account whose owner has lost them, and sign it out everywhere."""
    context = deployment_of(command)
    owned.reset(context, account_named(context, name).id, ACTOR)
    say(
        f"The second factors of '{name}' were removed. A new one is set up at the next sign-in if the role "
        "requires it."
    )


def invitation(context: Context, address: str) -> str:
    """What to say while nobody can sign in to the console yet; empty when somebody can.

    The code itself is for a terminal. What goes elsewhere is kept and read by many: there it names a file that only
    whoever runs Rollcall may read.
    """
    file = context.settings.data / _LINK_FILE
    if has_manager(context):
        file.unlink(missing_ok=True)
        return ""
    link = _link_and_code(context, address)
    if sys.stderr.isatty():
        return (
            "\nNobody can sign in to the console yet. Create the administrator account with this link "
            "and code (valid once, for one day):\n"
            f"{link}"
        )
    write_private(file, f"{link}\n")
    return (
        "\nNobody can sign in to the console yet. The link and the code for the administrator account (valid "
        "once, for one day) are "
        f"in the file {file.absolute()}."
    )


def _link_and_code(context: Context, address: str) -> str:
    return f"{address}{PREFIX}/set-up\ncode: {make_code(context, ACTOR)}"
