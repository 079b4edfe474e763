"""``rollcall sandbox``: the stand-ins for a phone system and a directory, with their own options."""

import typer

from services.sandbox.__main__ import main as run_sandbox


def sandbox(command: typer.Context) -> None:
    """Run a stand-in: `sandbox phone-system` or `sandbox directory` (--help shows their options)."""
    raise typer.Exit(run_sandbox(command.args))
