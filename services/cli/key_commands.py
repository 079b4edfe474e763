"""Commands about the key that encrypts the stored secrets."""

import typer

from services.api.operations.use_cases.key_rotation import KeyState, key_state, rotate_keys
from services.cli.options import ACTOR, deployment_of, settings_of
from services.cli.output import say

app = typer.Typer(no_args_is_help=True, help="The key of the stored secrets: status and rotation.")


@app.command("state")
def state(command: typer.Context) -> None:
    """Say how many stored secrets need which key."""
    typer.echo(_described(key_state(deployment_of(command))))


@app.command("rotate")
def rotate(command: typer.Context) -> None:
    """Encrypt every stored secret with a new key. If interrupted, run it again to continue."""
    state = rotate_keys(deployment_of(command), ACTOR)
    say(_described(state))
    if settings_of(command).secret_key is not None:
        say("The older keys are no longer needed. Remove them from ROLLCALL_SECRET_KEY of every process.")


def _described(state: KeyState) -> str:
    lost = (
        f" {state.unreadable} can be read with no known key: enter them again, or bring back the key."
        if state.unreadable
        else ""
    )
    return (
        f"{state.keys} key(s). Of the stored secrets (older versions of settings included) {state.newest} "
        "are "
        f"encrypted with the newest key, {state.older} with an older one.{lost}"
        + (f" {state.older_seals} seals of the audit need an older key." if state.older_seals else "")
    )
