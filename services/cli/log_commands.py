"""Commands about the Log: read, export, clear."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.api.log.schemas import EventOut
from services.api.log.use_cases.log import ExportFormat, LogFilter, clear_log, export_log, read_log
from services.cli.options import ACTOR, DEFAULT_SITE, AsJson, Moment, Site, aware, deployment_of, written_to
from services.cli.output import print_json, say, show_events
from shared.database.tables import EventLevel

app = typer.Typer(help="Read, export and clear the Log.", invoke_without_command=True)

Level = Annotated[EventLevel | None, typer.Option(help="Only entries of this level.")]
Text = Annotated[str | None, typer.Option(help="Only entries that contain this text.")]
OfRun = Annotated[int | None, typer.Option("--run", min=1, help="Only entries of this run.")]
Number = Annotated[str | None, typer.Option(help="Only entries about this extension.")]


@app.callback()
def log(
    command: typer.Context,
    level: Level = None,
    text: Text = None,
    run: OfRun = None,
    number: Number = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Show the newest entries of the Log, oldest of them first."""
    if command.invoked_subcommand is not None:
        return
    chosen = _filter(level, text, run, number, since, until)
    entries = read_log(deployment_of(command), site, chosen, limit).entries[::-1]
    if as_json:
        print_json([EventOut.model_validate(entry) for entry in entries])
    else:
        show_events(entries)


@app.command()
def export(
    command: typer.Context,
    file: Annotated[Path, typer.Argument(help="Output file; - is standard output.")] = Path("-"),
    format: Annotated[
        ExportFormat, typer.Option(help="csv and json for programs, xlsx and pdf for people.")
    ] = (ExportFormat.CSV),
    level: Level = None,
    text: Text = None,
    run: OfRun = None,
    number: Number = None,
    since: Moment = None,
    until: Moment = None,
    site: Site = DEFAULT_SITE,
) -> None:
    """Write the matching entries to a file, newest first."""
    pieces = export_log(deployment_of(command), site, _filter(level, text, run, number, since, until), format)
    if written_to(file, pieces):
        say(f"The Log was written to {file}.")


@app.command()
def clear(
    command: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Remove all entries of the Log; the audit stays and says who did it."""
    if not yes:
        typer.confirm(
            f"Remove every entry of the Log of site '{site}'? This cannot be undone.", abort=True, err=True
        )
    say(f"{clear_log(deployment_of(command), site, ACTOR)} entries removed.")


def _filter(
    level: EventLevel | None,
    text: str | None,
    run: int | None,
    number: str | None,
    since: datetime | None,
    until: datetime | None,
) -> LogFilter:
    return LogFilter(
        level=level, text=text, run_id=run, number=number, since=aware(since), until=aware(until)
    )
