"""Commands about the relay on the phone system's host."""

from typing import Annotated

import typer

from services.api.settings.use_cases import pairing
from services.cli.deployment import workers_where_embedded
from services.cli.options import ACTOR, DEFAULT_SITE, Site, deployment_of
from services.cli.output import say

app = typer.Typer(no_args_is_help=True, help="Pair with the relay on the phone system's host.")


@app.callback()
def relay() -> None:
    """Keep `pair` a command of its own, though there is no other."""


@app.command()
def pair(
    command: typer.Context,
    code: Annotated[
        str | None,
        typer.Argument(help="As `rollcall-relay pair` shows it. Asked for if not given."),
    ] = None,
    site: Site = DEFAULT_SITE,
) -> None:
    """Pair with the relay. Host and public key must be in the settings (relay.host, relay.public_key)."""
    context = deployment_of(command)
    given = code or typer.prompt("Pairing code")
    with workers_where_embedded(context):
        answer = pairing.pair_relay(context, site, given, ACTOR)
    say(f"Paired with the relay {answer['address']}. `rollcall test relay` shows what it found on its host.")
