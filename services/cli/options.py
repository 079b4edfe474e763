"""Options and values that several commands share."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.deployment import open_deployment
from services.cli.exit_codes import FAILED, HELD, USAGE, WARNINGS
from shared.database.found import DEFAULT_SITE
from shared.errors import StorageUnavailable
from shared.process_settings import ProcessSettings
from shared.worker.context import Context

ACTOR = "command line"

Site = Annotated[str, typer.Option("--site", help="The site, if there are several.", show_default=True)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of tables.")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the run has ended or waits for approval.")]
_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")


def _moment(text: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  (``aware`` gives it the computer's zone)
        except ValueError:
            continue
    raise typer.BadParameter(f"'{text}' is not a time. Write it like 2026-11-24 or 2026-11-24T08:30.")


Moment = Annotated[
    datetime | None,
    typer.Option(
        parser=_moment,
        metavar="TIME",
        help="In this computer's time zone, e.g. 2026-11-24 or 2026-11-24T08:30.",
    ),
]
RunNumber = Annotated[int, typer.Argument(help="The run's number; `rollcall runs` lists them.", min=1)]

__all__ = ["DEFAULT_SITE", "FAILED", "HELD", "USAGE", "WARNINGS"]


def settings_of(command: typer.Context) -> ProcessSettings:
    """The process settings read by the root command."""
    settings: ProcessSettings = command.obj
    return settings


def deployment_of(command: typer.Context) -> Context:
    """The deployment that the command works on."""
    opened = open_deployment(settings_of(command))
    command.call_on_close(opened.database.close)
    return opened


def aware(moment: datetime | None) -> datetime | None:
    """A moment that was typed on this computer, in UTC."""
    return None if moment is None else moment.astimezone(UTC)


def written_to(path: Path, pieces: Iterable[str] | Iterable[bytes]) -> bool:
    """Write to a file, or to standard output for ``-``; whether it was a file.

    :raises StorageUnavailable: the file cannot be written.
    """
    if str(path) == "-":
        for piece in pieces:
            typer.echo(piece, nl=False)
        return False
    try:
        with path.open("wb") as out:
            for piece in pieces:
                out.write(piece if isinstance(piece, bytes) else piece.encode())
    except OSError as error:
        raise StorageUnavailable(
            f"{path} cannot be written ({error.strerror}). Choose another place."
        ) from error
    return True


def read_text(path: Path) -> str:
    """A file's text, standard input for ``-``.

    :raises typer.BadParameter: it cannot be read.
    """
    try:
        return typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise typer.BadParameter(f"{path} cannot be read: {reason}.") from error
