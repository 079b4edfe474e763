"""``rollcall upgrade-check``: whether there is a newer version, by a file or address that the administrator names."""

from typing import Annotated

import typer

from services.cli.options import AsJson, settings_of
from services.cli.output import print_json, say
from shared import releases
from shared.distribution import installed_version
from shared.errors import SettingsInvalid

_IS_NEWER = 3


def upgrade_check(
    command: typer.Context,
    place: Annotated[
        str,
        typer.Argument(
            help="File or https address that names the newest release; ROLLCALL_NEWEST_RELEASE by default. What an "
            "address says is written to that file, for the notice in the console.",
            show_default=False,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say whether there is a newer version. Ends with 3 if there is one."""
    file = settings_of(command).newest_release
    if not place and file is None:
        raise SettingsInvalid(
            "Nothing says which release is the newest. Name a file or an https address, or set ROLLCALL_NEWEST_RELEASE "
            "to a file."
        )
    release, text = releases.read_release(place or str(file))
    if file is not None and place and place != str(file):
        releases.store(file, text)
    if as_json:
        print_json(
            {
                "installed": installed_version(),
                "newest": release.version,
                "is_newer": release.is_newer,
                "notes": release.notes,
            }
        )
    elif release.is_newer:
        say(
            f"Rollcall {release.version} is available; {installed_version()} is installed."
            + (f" What is new: {release.notes}" if release.notes else "")
        )
    else:
        say(f"Rollcall {installed_version()} is up to date.")
    if release.is_newer:
        raise typer.Exit(_IS_NEWER)
