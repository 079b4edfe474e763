"""The demo and the stand-ins. Their modules are imported when called: no other command needs a second web server."""

from typing import Annotated

import typer

from services.cli.options import AsJson, settings_of


def demo(
    command: typer.Context,
    people: Annotated[int, typer.Option(min=1, max=100_000, help="How many people the company has.")] = 200,
    once: Annotated[bool, typer.Option("--once", help="End after the runs instead of staying up.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a demonstration with a fictional company. Nothing outside this computer is touched."""
    from services.cli.demo import play

    play(settings_of(command), people, once=once, as_json=as_json)


def sandbox(command: typer.Context) -> None:
    """Run a stand-in: `sandbox phone-system` or `sandbox directory` (--help shows their options)."""
    from services.sandbox.__main__ import main as run_sandbox

    raise typer.Exit(run_sandbox(command.args))
