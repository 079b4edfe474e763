"""``rollcall``: reads the process settings, calls a command, turns every failure into one sentence and an exit code.

Exit codes: 0 well, 1 failed, 2 wrong use or wrong settings, 3 a plan is held for approval, 4 done with warnings.
What a command needs is imported when it is called: somebody waits for each.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands import add_commands, importing
from services.cli.exit_codes import FAILED, INTERRUPTED, USAGE
from shared.distribution import installed_version
from shared.errors import RollcallError, SettingsInvalid
from shared.private_files import OWNER_ONLY

app = typer.Typer(
    name="rollcall",
    help="Keeps the extensions of a 3CX phone system in sync with Active Directory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(installed_version())
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
    with importing():
        from shared import logging
        from shared.process_settings import load

    settings = load(data=data)
    # Whoever runs a short command wants its answer; a service's log lines are its output.
    is_service = command.invoked_subcommand in ("up", "api", "worker", "beat", "watch", "flower")
    quiet = (
        settings
        if is_service
        else settings.model_copy(update={"log_level": _at_least_error(settings.log_level)})
    )
    logging.configure(quiet)
    command.obj = settings


def _at_least_error(level: str) -> str:
    return "debug" if level == "debug" else "error"


add_commands(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (that of the process's arguments when none are given); the exit code.

    Whatever it writes, its owner alone may read.
    """
    before = os.umask(OWNER_ONLY)
    try:
        return _run(arguments)
    finally:
        os.umask(before)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(arguments, standalone_mode=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    except RollcallError as error:
        _say_failure(error.message, error.code)
        return USAGE if isinstance(error, SettingsInvalid) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be written, not even on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        _say_failure(f"The operating system refused{place}: {error.strerror or error}.", "system_refused")
        return FAILED
    except Exception as error:
        _say_failure(*(_of_database(error) or (_unexpected(error), "unexpected")))
        return FAILED
    return code if isinstance(code, int) else 0


def _say_failure(message: str, code: str) -> None:
    from rich.markup import escape

    from services.cli.output import notes

    notes().print(f"[bold red]Failed[/] ({code}): {escape(message)}")


def _of_database(error: Exception) -> tuple[str, str] | None:
    from sqlalchemy.exc import DatabaseError

    if not isinstance(error, DatabaseError):
        return None
    refused = str(error.orig).splitlines()[0][:200]
    return f"The database refused: {refused}. `rollcall doctor` says more.", "storage_unavailable"


def _unexpected(error: Exception) -> str:
    """What to say of an error nobody thought of; its traceback goes to a file or the log, not to the person."""
    import structlog

    from shared.process_settings import PREFIX

    if os.environ.get(f"{PREFIX}LOG_FORMAT") == "json":
        # Programs read the log then: in a container or a unit, whose temporary files end with it.
        structlog.get_logger(__name__).error("unexpected", exc_info=error)
        return _unexpected_sentence(error, "The details are in the log; please report them.")
    try:
        # In the folder for such things, not wherever somebody stands; readable by them alone.
        handle, path = tempfile.mkstemp(prefix="rollcall-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
        kept = f"The details are in {path}; please report them."
    except OSError:
        kept = (
            "The details could not be written to a file; set TMPDIR to a folder you may write to and try "
            "again."
        )
    return _unexpected_sentence(error, kept)


def _unexpected_sentence(error: Exception, kept: str) -> str:
    return f"Unexpected error ({type(error).__name__}). No partial changes were kept. {kept}"
