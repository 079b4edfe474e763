"""Commands about the audit: what it says, is it whole, and where does it end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from services.api.accounts.queries import (
    AuditFilter,
    audit_csv,
    audit_head,
    audit_state,
    message_of,
    read_audit,
)
from services.api.accounts.schemas import AuditEntryOut
from services.cli.options import FAILED, AsJson, Moment, aware, deployment_of, written_to
from services.cli.output import print_json, say, show_audit
from shared.audit_words import AuditKind, audit_changes, change_in_words
from shared.database.tables import AuditEntry

app = typer.Typer(help="Read, export and verify the audit, and print its head.", invoke_without_command=True)
Who = Annotated[str, typer.Option(help="Only entries of people or tokens whose name contains this.")]
Kind = Annotated[AuditKind | None, typer.Option(help="Only entries about this.")]
OfSite = Annotated[str | None, typer.Option("--site", help="Only entries of this site.")]


@app.callback()
def audit(
    command: typer.Context,
    who: Who = "",
    kind: Kind = None,
    site: OfSite = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries of the audit, oldest of them first."""
    if command.invoked_subcommand is not None:
        return
    chosen = AuditFilter(site, who, kind, aware(since), aware(until))
    entries = read_audit(deployment_of(command), chosen, limit)[::-1]
    if as_json:
        print_json([AuditEntryOut.of(entry) for entry in entries])
    else:
        show_audit((entry.occurred_at, entry.site_id, "\n".join(_lines(entry))) for entry in entries)


@app.command()
def export(
    command: typer.Context,
    file: Annotated[Path, typer.Argument(help="Output file; - is standard output.")] = Path("-"),
    who: Who = "",
    kind: Kind = None,
    site: OfSite = None,
    since: Moment = None,
    until: Moment = None,
) -> None:
    """Write the matching entries to a file as CSV, newest first."""
    chosen = AuditFilter(site, who, kind, aware(since), aware(until))
    if written_to(file, audit_csv(deployment_of(command), chosen)):
        say(f"The audit was written to {file}.")


@app.command("verify")
def verify(
    command: typer.Context,
    head: Annotated[
        str,
        typer.Option(help="A head stored outside the database earlier (log, backup, note)."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check that no entry of the audit was changed, added or removed, and name the first that was."""
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


def _lines(entry: AuditEntry) -> Iterator[str]:
    yield message_of(entry)
    for change in audit_changes(entry.details):
        yield f"  {change_in_words(change)}"
