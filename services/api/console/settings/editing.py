"""A form on its way between the person and the store: edited, tested, saved. Called by the settings pages and the wizard.

Every button of a form sends the whole form; what is not to be saved comes back as it was typed. So lists are edited,
and both ends are asked, without JavaScript too.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.datastructures import FormData

from services.api.console.settings.errors import errors_by_field
from services.api.console.settings.fields import Values, change_rows, value_at, without_empty_rows
from services.api.console.settings.tabs import Tab
from services.api.console.visit import text_of
from services.api.use_cases import questions
from services.api.use_cases.settings import read_section, replace_section
from shared.errors import Conflict, RollcallError, SettingsInvalid
from shared.settings.store import DEFAULT_SITE
from shared.worker.context import Context


@dataclass
class Shown:
    """A form on its way to the person: what is filled in, and what is to be said about it."""

    values: Values
    version: int
    errors: dict[str, str] = field(default_factory=dict)
    # What one end answered, or why it did not.
    answer: dict[str, Any] | None = None
    extensions: list[dict[str, str]] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    units: list[dict[str, Any]] | None = None
    browsed: str = ""
    refused: str = ""
    is_paired_now: bool = False

    @property
    def status(self) -> HTTPStatus:
        """Of the page."""
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors or self.refused else HTTPStatus.OK


def save(context: Context, tab: Tab, shown: Shown, actor: str) -> int | None:
    """The version saved, or ``None`` with what is wrong noted in ``shown``."""
    shown.values = without_empty_rows(shown.values, tab.fields)
    try:
        return replace_section(context, DEFAULT_SITE, tab.section, shown.values, actor, shown.version)
    except SettingsInvalid as error:
        shown.errors = errors_by_field(error, tab.section, tab.fields)
    except Conflict as error:
        # Only what this tab shows is at stake; saving once more says that it is meant.
        shown.version = int(error.details["current_version"] or 0)
        shown.refused = (
            f"{error.message} What you filled in is still here: look at the history, and save once more to put it in "
            "the place of what stands now."
        )
    return None


def pair(context: Context, tab: Tab, shown: Shown, code: str, actor: str) -> bool:
    """Save what is filled in and pair with the relay; else what is wrong is noted in ``shown``."""
    if not code.strip():
        said = "Enter the code that `rollcall-relay pair` shows on the phone system's host."
        shown.errors = {"pairing_code": said}
        return False
    try:
        questions.pair_relay(context, DEFAULT_SITE, code[:100], actor, shown.values)
    except SettingsInvalid as error:
        shown.errors = errors_by_field(error, tab.section, tab.fields)
    except RollcallError as error:
        shown.version = read_section(context, DEFAULT_SITE, tab.section)[1]
        shown.refused = error.message
    else:
        return True
    return False


def do(context: Context, tab: Tab, shown: Shown, action: str, argument: str) -> None:
    """Whatever else a button asks for; the result is noted in ``shown``."""
    name, _, index = argument.partition(":")
    if action in ("add", "remove", "up") and name in tab.fields:
        number = int(index) if index.isascii() and index.isdecimal() and len(index) < 9 else 0
        shown.values = change_rows(shown.values, tab.fields[name], action, number)
        return
    if action == "take":
        _take_unit(tab, shown, argument)
        return
    asked = without_empty_rows(shown.values, tab.fields)
    try:
        match action:
            case "test" if tab.question == "directory":
                shown.answer = questions.test_directory(context, DEFAULT_SITE, asked)
            case "test" if tab.question == "phone_system":
                shown.answer = questions.test_phone_system(context, DEFAULT_SITE, asked)
            case "test" if tab.question == "relay":
                shown.answer = questions.test_relay(context, DEFAULT_SITE, asked)
            case "extensions":
                shown.extensions = questions.list_extensions(context, DEFAULT_SITE)
            case "attributes":
                shown.attributes = questions.list_attributes(context, DEFAULT_SITE, asked)
            case "browse":
                shown.browsed = argument
                shown.units = questions.browse_units(context, DEFAULT_SITE, argument, asked)
    except SettingsInvalid as error:
        shown.errors = errors_by_field(error, tab.section, tab.fields)
    except RollcallError as error:
        shown.refused = error.message


def _take_unit(tab: Tab, shown: Shown, name: str) -> None:
    """Fill the unit into the first empty row, or into a new one."""
    rows = [dict(row) for row in value_at(shown.values, "units") or ()]
    if "units" not in tab.fields or any(str(row.get("dn")).lower() == name.lower() for row in rows):
        return
    empty = next((row for row in rows if not row.get("dn")), None)
    if empty is None:
        rows.append({"dn": name, "template_extension": None})
    else:
        empty["dn"] = name
    shown.values["units"] = rows


def given_version(form: FormData, current: int) -> int:
    text = text_of(form, "version")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else current
