"""``rollcall``: puts the commands together and turns every failure into one sentence and an exit code.

Exit codes: 0 well, 1 failed, 2 wrong use or wrong settings, 3 a plan is held for approval, 4 a domain controller is behind.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.markup import escape
from sqlalchemy.exc import DatabaseError

from services.cli import (
    admin_commands,
    backup_commands,
    console_commands,
    controller_commands,
    key_commands,
    log_commands,
    processes,
    relay_commands,
    run_commands,
    sandbox_commands,
    settings_commands,
    site_commands,
)
from services.cli.options import FAILED, USAGE
from services.cli.output import notes
from shared import logging
from shared.errors import RollcallError, SettingsInvalid
from shared.settings.process import PREFIX, load

log = structlog.get_logger(__name__)

_INTERRUPTED = 130

app = typer.Typer(
    name="rollcall",
    help="Keeps the extensions of a 3CX phone system in step with Active Directory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("rollcall"))
        raise typer.Exit


@app.callback()
def root(
    command: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(help="Data folder of the embedded mode (ROLLCALL_DATA).", show_default=False),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Read the process settings before any command."""
    if command.invoked_subcommand == "sandbox":
        return
    settings = load(data=data)
    # Whoever runs a short command wants its answer; a service's log lines are its output.
    is_service = command.invoked_subcommand in ("up", "api", "worker", "beat", "flower")
    quiet = (
        settings
        if is_service
        else settings.model_copy(update={"log_level": _at_least_error(settings.log_level)})
    )
    logging.configure(quiet)
    command.obj = settings


def _at_least_error(level: str) -> str:
    return "debug" if level == "debug" else "error"


for function in (
    processes.up, processes.api, processes.worker, processes.beat, processes.flower, sandbox_commands.demo, run_commands.run,
    run_commands.plan, run_commands.approve, run_commands.reject, run_commands.cancel, run_commands.explain,
    admin_commands.doctor, admin_commands.migrate, backup_commands.backup, backup_commands.restore,
):  # fmt: skip
    app.command()(function)
app.command("runs")(run_commands.list_runs)
app.command("test")(settings_commands.try_ends)
app.command(
    "sandbox",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)(sandbox_commands.sandbox)
app.add_typer(console_commands.app, name="console")
app.add_typer(controller_commands.app, name="controller")
app.add_typer(settings_commands.app, name="settings")
app.add_typer(log_commands.app, name="log")
app.add_typer(relay_commands.app, name="relay")
app.add_typer(admin_commands.token_app, name="token")
app.add_typer(site_commands.app, name="site")
# As it was called first.
app.add_typer(site_commands.app, name="sites", hidden=True)
app.add_typer(key_commands.app, name="keys")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (that of the process's arguments when none are given); the exit code."""
    try:
        code = app(arguments, standalone_mode=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    except RollcallError as error:
        _say_failure(error.message, error.code)
        return USAGE if isinstance(error, SettingsInvalid) else FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be written, not even on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        _say_failure(f"The operating system refused{place}: {error.strerror or error}.", "system_refused")
        return FAILED
    except DatabaseError as error:
        _say_failure(
            f"The database refused: {str(error.orig).splitlines()[0][:200]}. `rollcall doctor` says more.",
            "storage_unavailable",
        )
        return FAILED
    except Exception as error:
        _say_failure(_unexpected(error), "unexpected")
        return FAILED
    return code if isinstance(code, int) else 0


def _say_failure(message: str, code: str) -> None:
    notes().print(f"[bold red]Failed[/] ({code}): {escape(message)}")


def _unexpected(error: Exception) -> str:
    """What to say of an error nobody thought of; its traceback goes to a file or the log, not to the person."""
    if os.environ.get(f"{PREFIX}LOG_FORMAT") == "json":
        # Programs read the log then: in a container or a unit, whose temporary files end with it.
        log.error("unexpected", exc_info=error)
        return _unexpected_sentence(error, "The details are in the log; please report them.")
    try:
        # In the folder for such things, not wherever somebody stands; readable by them alone.
        handle, path = tempfile.mkstemp(prefix="rollcall-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
        kept = f"The details are in {path}; please report them."
    except OSError:
        kept = "The details could not be written to a file; set TMPDIR to a folder you may write to and try again."
    return _unexpected_sentence(error, kept)


def _unexpected_sentence(error: Exception, kept: str) -> str:
    return f"Something happened that Rollcall did not expect ({type(error).__name__}). Nothing half-done was kept. {kept}"
