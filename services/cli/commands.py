"""The commands by name. The module that holds a command is imported when it is called, and no other."""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand


class _Place(NamedTuple):
    """Where a command, or a group of them, is found; and its line in the list of commands (none: not listed)."""

    module: str
    name: str
    line: str


_PLACES = {
    "up": _Place("processes", "up", "Run everything in this one process: API, workers, schedules."),
    "api": _Place("processes", "api", "Run the API alone."),
    "worker": _Place("processes", "worker", "Run a Celery worker (a real broker is needed)."),
    "beat": _Place("processes", "beat", "Run Celery beat, which starts what schedules say is due."),
    "flower": _Place("processes", "flower", "Run Flower, which shows workers and tasks in a browser."),
    "demo": _Place("sandbox_commands", "demo", "Show everything on a made-up company."),
    "run": _Place("run_commands", "run", "Compare the directory with the phone system and sync them."),
    "plan": _Place("run_commands", "plan", "Show what a run will do or has done, and why."),
    "approve": _Place("run_commands", "approve", "Let a plan be executed: exactly the one that was seen."),
    "reject": _Place("run_commands", "reject", "Refuse a plan: nothing of it is executed."),
    "cancel": _Place("run_commands", "cancel", "Stop a run; nothing is undone."),
    "explain": _Place("run_commands", "explain", "Say why a person's extension is as it is."),
    "doctor": _Place("admin_commands", "doctor", "Check everything Rollcall needs; changes nothing."),
    "migrate": _Place(
        "admin_commands", "migrate", "Bring the database's tables to this version of Rollcall."
    ),
    "backup": _Place("backup_commands", "backup", "Write settings, bindings and accounts to one file."),
    "restore": _Place("backup_commands", "restore", "Bring back a backup: all of it, or nothing."),
    "runs": _Place("run_commands", "list_runs", "List the runs of a site, newest first."),
    "test": _Place("settings_commands", "try_ends", "Test directory, phone system and relay of a site."),
    "sandbox": _Place("sandbox_commands", "sandbox", "Run a stand-in phone system or directory."),
    "console": _Place("console_commands", "app", "The web console: who may sign in."),
    "settings": _Place("settings_commands", "app", "Read and change the settings of a site."),
    "mapping": _Place("mapping_commands", "app", "Try on real people what gives a field its value."),
    "log": _Place("log_commands", "app", "Read, export and clear the Log."),
    "relay": _Place("relay_commands", "app", "Pair with the relay on the phone system's host."),
    "token": _Place("admin_commands", "token_app", "Create, list and revoke the API's bearer tokens."),
    "site": _Place("site_commands", "app", "List, create and remove sites."),
    "controller": _Place(
        "controller_commands", "app", "Domain controllers that were read, and those gone for good."
    ),
    "binding": _Place("binding_commands", "app", "End or set the link between a person and an extension."),
    "grace": _Place(
        "grace_commands", "app", "Extensions of leavers that are disabled now and deleted later."
    ),
    "owed": _Place("owed_commands", "app", "Extensions to which something is still to be done."),
    "template": _Place("template_commands", "app", "Extensions beside the templates they were made from."),
    "welcome": _Place("welcome_commands", "welcome", "Let 3CX mail its welcome message to people again."),
    # As it was called first.
    "sites": _Place("site_commands", "app", ""),
    "audit": _Place("audit_commands", "app", "Whether the audit is whole, and its head to keep elsewhere."),
    "keys": _Place("key_commands", "app", "The key of the stored secrets: its state, and a new one."),
}
_OPTIONS: dict[str, dict[str, Any]] = {
    # Its options are those of the stand-in.
    "sandbox": {
        "context_settings": {
            "ignore_unknown_options": True,
            "allow_extra_args": True,
            "help_option_names": [],
        }
    },
}


class _Later(TyperCommand):
    """Stands for a command in the list; the command itself reads the arguments."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        """The context of the command that this one stands for."""
        name = str(self.name)
        place = _PLACES[name]
        found = getattr(import_module(f"{__package__}.{place.module}"), place.name)
        alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=name)
        else:
            alone.command(name, **_OPTIONS.get(name, {}))(found)
        return typer.main.get_group(alone).commands[name].make_context(info_name, args, *more, **extra)


def add_commands(app: typer.Typer) -> None:
    """Give ``app`` every command."""
    for name, place in _PLACES.items():
        app.command(name, cls=_Later, help=place.line, hidden=not place.line)(lambda: None)
