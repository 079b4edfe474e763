"""Commands about the audit: is it whole, and where does it end."""

from typing import Annotated

import typer

from services.api.accounts.queries import audit_head, audit_state
from services.cli.options import FAILED, AsJson, deployment_of
from services.cli.output import print_json, say

app = typer.Typer(no_args_is_help=True, help="Verify the audit and print its head.")


@app.command("verify")
def verify(
    command: typer.Context,
    head: Annotated[
        str,
        typer.Option(help="A head stored outside the database earlier (log, backup, note)."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say whether the audit is as it was written: well, the first bad entry, or that its end is missing."""
    state = audit_state(deployment_of(command), head)
    if as_json:
        print_json(
            {
                "is_whole": state.is_whole, "problem": state.problem.value, "first_broken_id": state.first_bad,
                "entries": state.entries, "head": state.head, "message": state.message,
            }
        )  # fmt: skip
    else:
        say(f"{state.message} {state.entries} entries.")
        if state.is_whole and state.head and not head:
            say(f"Head: {state.head}")
            say("Compare with one stored outside the database: `rollcall audit verify --head HEAD`.")
    if not state.is_whole:
        raise typer.Exit(FAILED)


@app.command("head")
def head(command: typer.Context) -> None:
    """Print the signed head, to be kept outside of the database."""
    typer.echo(audit_head(deployment_of(command)))
