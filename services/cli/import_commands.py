"""``rollcall import-settings``: what was typed into the form of another program's settings."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.api.settings.use_cases import importing
from services.api.settings.use_cases import sections as settings
from services.cli.options import ACTOR, DEFAULT_SITE, Site, deployment_of, read_text
from services.cli.output import console, say
from services.cli.settings_commands import typed
from shared.settings.documents import Section
from shared.worker.context import Context

# What the form cannot hold: the section, whom it belongs to, its name.
_SECRETS = (
    (Section.DIRECTORY, "user", "password"),
    (Section.PHONE_SYSTEM, "client_id", "client_secret"),
)
_WHERE_TO = {Section.DIRECTORY: ("servers", "user"), Section.PHONE_SYSTEM: ("base_url", "client_id")}


def import_settings(
    command: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The filled form; - is standard input.", show_default=False)
    ] = None,
    form: Annotated[bool, typer.Option("--form", help="Print the empty form and do nothing else.")] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Save without asking. Passwords are then set by `rollcall settings secret`."
        ),
    ] = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Take over settings of 3CX Active Directory Sync from a form: all of them, or none when a value is wrong."""
    if form or file is None:
        if not form:
            raise typer.BadParameter("Name the filled form, or print an empty one with --form.")
        typer.echo(importing.form(), nl=False)
        return
    context = deployment_of(command)
    before = settings.export_settings(context, site)
    changed = importing.imported(read_text(file), before)
    if not changed:
        say("No changes.")
        return
    _show(before, changed)
    if not yes:
        _ask_for_secrets(context, site, changed)
        typer.confirm("Save these settings?", abort=True)
    settings.apply_settings(context, site, changed, ACTOR)
    say("Saved. Next: `rollcall test`, then `rollcall run --preview --wait`. The schedule was not turned on.")


def _show(before: dict[str, Any], changed: importing.Sections) -> None:
    for name, old, new in importing.differences(before, changed):
        console().print(f"{name}: {_told(old)} → {_told(new)}", markup=False, soft_wrap=True)


def _told(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(map(_told, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(str(item) for item in value.values() if item)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)


def _ask_for_secrets(context: Context, site: str, changed: importing.Sections) -> None:
    for section, user, secret in _SECRETS:
        name = section.value
        if name not in changed or not changed[name].get(user):
            continue
        stored, _ = settings.read_section(context, site, section)
        # What is stored goes nowhere else without being typed again.
        if not stored[secret] or any(stored[field] != changed[name][field] for field in _WHERE_TO[section]):
            changed[name][secret] = typed(f"{name}.{secret}")
