"""The commands by name. The module that holds a command is imported when it is called, and no other."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
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
    "beat": _Place("processes", "beat", "Run Celery beat, the scheduler."),
    "watch": _Place("processes", "watch", "Watch directories for live changes."),
    "flower": _Place("processes", "flower", "Run Flower, which shows workers and tasks in a browser."),
    "demo": _Place("sandbox_commands", "demo", "Run a demonstration with a fictional company."),
    "run": _Place("run_commands", "run", "Compare the directory with the phone system and sync them."),
    "plan": _Place("run_commands", "plan", "Show what a run will change or has changed, and why."),
    "approve": _Place("run_commands", "approve", "Approve exactly the plan that was shown."),
    "reject": _Place("run_commands", "reject", "Reject a plan. Nothing is changed."),
    "cancel": _Place("run_commands", "cancel", "Cancel a run. Nothing is undone."),
    "apply-now": _Place("run_commands", "apply_now", "Apply the changes of a run in a blackout window."),
    "undo": _Place("run_commands", "undo", "Plan to take back what a run did."),
    "explain": _Place("run_commands", "explain", "Explain a person's extension."),
    "doctor": _Place("admin_commands", "doctor", "Run a health check. Changes nothing."),
    "migrate": _Place("admin_commands", "migrate", "Upgrade the database schema to this version."),
    "upgrade-check": _Place("upgrade_commands", "upgrade_check", "Say whether there is a newer version."),
    "backup": _Place("backup_commands", "backup", "Write settings, bindings and accounts to one file."),
    "restore": _Place("backup_commands", "restore", "Restore a backup completely, or change nothing."),
    "runs": _Place("run_commands", "list_runs", "List the runs of a site, newest first."),
    "test": _Place("settings_commands", "try_ends", "Test directory, phone system and relay of a site."),
    "sandbox": _Place("sandbox_commands", "sandbox", "Run a stand-in phone system or directory."),
    "console": _Place("console_commands", "app", "The web console: who may sign in."),
    "settings": _Place("settings_commands", "app", "Read and change the settings of a site."),
    "import-settings": _Place(
        "import_commands", "import_settings", "Take over settings of 3CX Active Directory Sync."
    ),
    "mapping": _Place("mapping_commands", "app", "Try an attribute or expression on real people."),
    "log": _Place("log_commands", "app", "Read, export and clear the Log."),
    "relay": _Place("relay_commands", "app", "Pair with the relay on the phone system's host."),
    "token": _Place("admin_commands", "token_app", "Create, list and revoke the API's bearer tokens."),
    "site": _Place("site_commands", "app", "List, create and remove sites."),
    "controller": _Place("controller_commands", "app", "List domain controllers and remove old ones."),
    "binding": _Place("binding_commands", "app", "Link or unlink a person and an extension."),
    "people": _Place("people_commands", "people", "People and extensions as they are now."),
    "grace": _Place(
        "grace_commands", "app", "Extensions of leavers that are disabled now and deleted later."
    ),
    "owed": _Place("owed_commands", "app", "Extensions with unfinished steps."),
    "notifications": _Place(
        "notification_commands", "app", "Notifications: list, send again, test a channel."
    ),
    "template": _Place("template_commands", "app", "Compare extensions with their templates."),
    "welcome": _Place("welcome_commands", "welcome", "Send 3CX welcome messages again."),
    # As it was called first.
    "sites": _Place("site_commands", "app", ""),
    "audit": _Place("audit_commands", "app", "Read, export and verify the audit, and print its head."),
    "keys": _Place("key_commands", "app", "The key of the stored secrets: status and rotation."),
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


@contextmanager
def importing() -> Iterator[None]:
    """What is imported in the block stays until the process ends: looking for garbage meanwhile costs a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Later(TyperCommand):
    """Stands for a command in the list; the command itself reads the arguments."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        """The context of the command that this one stands for."""
        name = str(self.name)
        place = _PLACES[name]
        with importing():
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
