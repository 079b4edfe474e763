"""A form of settings on its way to the person and back: filled from what is stored, saved, or used to ask an end.

The settings' tabs and the steps of the set-up wizard are both such forms. What is not to be saved comes back as it
was typed, so that lists are edited, and both ends asked, without JavaScript too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.datastructures import FormData

from services.api.connections.use_cases import questions
from services.api.console.request import text_of
from services.api.settings.forms.field_errors import errors_by_field, with_form_names
from services.api.settings.forms.fields import Values, change_rows, read_form, value_at, without_empty_rows
from services.api.settings.forms.tabs import Tab
from services.api.settings.use_cases import pairing
from services.api.settings.use_cases.directories import read_directory, replace_directory
from services.api.settings.use_cases.existing import check_existing
from services.api.settings.use_cases.sections import read_section, replace_section
from services.api.settings.use_cases.what_if import start_what_if
from shared.certificates import Presented, can_be_trusted, chain_of, with_trust
from shared.database.tables import Run
from shared.errors import Conflict, RollcallError, SettingsInvalid
from shared.language import declared
from shared.settings.declaration import Group, Input
from shared.settings.documents import SECTION_MODELS, Section
from shared.settings.store import public
from shared.values.digits import whole_number
from shared.worker.context import Context

_TESTS: dict[str, Callable[..., Any]] = {
    "directory": questions.test_directory,
    "phone_system": questions.test_phone_system,
    "relay": questions.test_relay,
}
_FIRST_PART = re.compile(r"^(?:\\.|[^,\\])*,?\s*")


@dataclass
class Form:
    """What is filled in, and what is to be said about it."""

    # Whose settings they are.
    site_id: str
    tab: Tab
    values: Values
    version: int
    errors: dict[str, str] = field(default_factory=dict)
    # What the end showed of itself, when its certificate is not trusted and could be.
    presented: list[Presented] = field(default_factory=list)
    # What one end answered, or why it or the save did not work.
    answer: dict[str, Any] | None = None
    extensions: list[dict[str, str]] | None = None
    attributes: list[dict[str, Any]] | None = None
    # What may give the extension number and what comes of the one filled in, and what a field would be for real people.
    numbers: dict[str, Any] | None = None
    tried: dict[str, Any] | None = None
    units: list[dict[str, Any]] | None = None
    browsed: str = ""
    refused: str = ""
    # Whether ``refused`` says that somebody else saved meanwhile.
    is_stale: bool = False
    # Whether ``refused`` is the reason of a test, so that one may save all the same.
    is_refused_by_test: bool = False
    # What the button asked for, when it was not to save.
    asked: str = ""
    is_paired_now: bool = False
    # Why it could not be looked up whether what is named exists; saved all the same.
    unasked: str = ""
    # Fields whose stored value is not what was typed: an address without what was pasted behind it.
    corrected: tuple[str, ...] = ()
    # The OUs that are read, where a field of the form names one of them.
    known_units: tuple[str, ...] = ()
    # The name of one of the other directories, where the form is about that.
    directory: str = ""
    # The domain that an entry is in, where it is none of this form.
    other_domain: str = ""

    @property
    def status(self) -> HTTPStatus:
        """Of the page."""
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors or self.refused else HTTPStatus.OK

    def filled(self) -> Values:
        """What is filled in, without the rows of lists that nobody filled in."""
        return without_empty_rows(self.values, self.tab.fields)

    def is_open(self, group: Group) -> bool:
        """Whether the fields of the group are to be seen: always, or because one of them says something."""
        names = tuple(field.name for field in self.tab.fields_in(group))
        if not group.is_folded or any(place.startswith(names) for place in self.errors):
            return True
        defaults = public(SECTION_MODELS[self.tab.section]())
        # What a form sends is text: "8" is no other number than 8.
        return any(str(value_at(self.values, name)) != str(value_at(defaults, name)) for name in names)


def stored_form(context: Context, site_id: str, tab: Tab, directory: str = "") -> Form:
    """The form as it is stored; ``directory`` names one of the other directories."""
    values, version = _read(context, site_id, tab, directory)
    known_units = _known_units(context, site_id, tab)
    return Form(site_id, tab, values, version, known_units=known_units, directory=directory)


def sent_form(context: Context, site_id: str, tab: Tab, sent: FormData, directory: str = "") -> Form:
    """The form as it was filled in, on top of what is stored of its section, or of one of the other directories."""
    stored, version = _read(context, site_id, tab, directory)
    seen = whole_number(text_of(sent, "version"), 9)
    return Form(
        site_id,
        tab,
        read_form(sent, tab.fields, stored),
        version if seen is None else seen,
        known_units=_known_units(context, site_id, tab),
        directory=directory,
    )


def directory_of(tab: Tab, name: str) -> str:
    """The name of the directory that a form is about; forms of other sections have none."""
    return name.strip() if tab.section is Section.DIRECTORY else ""


def directories_of(context: Context, form: Form) -> list[tuple[str, str]]:
    """Key and title of each directory that the form can be about, one that is being added among them."""
    if form.tab.section is not Section.DIRECTORY:
        return []
    site = context.site_settings(form.site_id).settings
    found = {key: directory.title for key, directory in site.directory_by_key.items()}
    found.setdefault(form.directory, form.directory)
    return [*found.items()]


def _read(context: Context, site_id: str, tab: Tab, directory: str) -> tuple[Values, int]:
    if directory:
        return read_directory(context, site_id, directory)
    return read_section(context, site_id, tab.section)


def _known_units(context: Context, site_id: str, tab: Tab) -> tuple[str, ...]:
    if not any(cell.input is Input.UNIT for field in tab.fields.values() for cell in field.columns):
        return ()
    directories = context.site_settings(site_id).settings.all_directories
    return tuple(unit.dn for directory in directories for unit in directory.units)


def save(context: Context, form: Form, actor: str, *, is_confirmed: bool = False) -> int | None:
    """The version saved, or ``None`` with what is wrong noted in the form; ``is_confirmed`` as in ``replace_section``."""
    form.values = form.filled()
    stored, _ = _read(context, form.site_id, form.tab, form.directory)
    checked = check_existing(
        context, form.site_id, form.tab.section, stored, form.values, actor, form.directory
    )
    form.errors, form.unasked = {**checked.errors}, checked.unasked
    if form.errors:
        return None
    try:
        if form.directory:
            return replace_directory(context, form.site_id, form.directory, form.values, actor, form.version)
        return replace_section(
            context,
            form.site_id,
            form.tab.section,
            form.values,
            actor,
            form.version,
            is_confirmed=is_confirmed,
        )
    except SettingsInvalid as error:
        form.errors = errors_by_field(error, form.tab.section, form.tab.fields)
    except Conflict as error:
        _note_stale(form, int(error.details["current_version"] or 0))
    return None


def corrections(context: Context, form: Form) -> list[str]:
    """The names of the fields that were saved otherwise than they were typed, leaving out blanks around them."""
    stored, _ = _read(context, form.site_id, form.tab, form.directory)
    return [
        name
        for name, field in form.tab.fields.items()
        if field.kind in ("text", "lines")
        and _typed(value_at(form.values, name)) != _typed(value_at(stored, name))
    ]


def _typed(value: Any) -> list[str]:
    lines = value if isinstance(value, list | tuple) else [value]
    return [str("" if line is None else line).strip() for line in lines]


def what_if(context: Context, form: Form, actor: str) -> Run | None:
    """The run that shows which plan the values would make, or ``None`` with what is wrong noted in the form."""
    form.values = form.filled()
    try:
        return start_what_if(context, form.site_id, form.tab.section, form.values, actor)
    except SettingsInvalid as error:
        form.errors = errors_by_field(error, form.tab.section, form.tab.fields)
    except Conflict as error:
        form.refused = error.message
    return None


def pair(context: Context, form: Form, code: str, actor: str) -> bool:
    """Save what is filled in and pair with the relay; else what is wrong is noted in the form."""
    if not code.strip():
        sentence = declared("Enter the code that `rollcall-relay pair` shows on the phone system's host.")
        form.errors = {"pairing_code": sentence}
        return False
    current = read_section(context, form.site_id, form.tab.section)[1]
    if form.version != current:
        _note_stale(form, current)
        return False
    try:
        pairing.pair_relay(context, form.site_id, code[:100], actor, form.values)
    except SettingsInvalid as error:
        form.errors = errors_by_field(error, form.tab.section, form.tab.fields)
    except RollcallError as error:
        # The settings were saved before the relay was asked.
        form.version = read_section(context, form.site_id, form.tab.section)[1]
        form.refused = with_form_names(error.message, form.tab.section)
    else:
        return True
    return False


def _note_stale(form: Form, current: int) -> None:
    # Only what this form shows is at stake; sending it once more says that it is meant.
    form.version = current
    form.is_stale = True
    form.refused = declared(
        "Not saved: someone else changed these settings in the meantime. Your input is still here. "
        "Check the history, and save again to overwrite the newer version."
    )


def act(
    context: Context, form: Form, action: str, actor: questions.Actor = None, browsed: str | None = None
) -> None:
    """Whatever else a button asks for, such as ``remove:units:2``; the result is noted in the form.

    ``browsed`` is the level of the tree that is open beside the form, and stays open.
    """
    verb, _, argument = action.partition(":")
    form.asked = verb
    name, _, index = argument.partition(":")
    if verb in ("add", "remove", "up", "down") and name in form.tab.fields:
        number = whole_number(index, 8) or 0
        form.values = change_rows(form.values, form.tab.fields[name], verb, number)
    elif verb == "take":
        _take_unit(form, argument)
    elif verb == "trust":
        _trust(context, form, argument, actor)
    else:
        _ask(context, form, verb, argument, actor)
    if browsed is not None and form.units is None and not form.refused:
        _ask(context, form, "browse", browsed, actor)


def above(name: str) -> str:
    """The distinguished name one level up, empty for the domain; a comma inside a name stands behind a backslash."""
    rest = _FIRST_PART.sub("", name, count=1)
    return "" if rest[:3].upper() == "DC=" else rest


def _ask(context: Context, form: Form, verb: str, argument: str, actor: questions.Actor) -> None:
    asked = form.filled()
    of_directory = {"directory": form.directory} if form.directory else {}
    try:
        match verb:
            case "test" if form.tab.question == "notifications":
                form.answer = questions.test_channel(context, form.site_id, argument, asked, actor)
            case "test" if form.tab.question in _TESTS:
                form.answer = _TESTS[form.tab.question](context, form.site_id, asked, actor, **of_directory)
            case "extensions":
                form.extensions = questions.list_extensions(context, form.site_id)
            case "attributes":
                form.attributes = questions.list_attributes(
                    context, form.site_id, asked, actor, **of_directory
                )
            case "proposals":
                form.numbers = questions.propose_numbers(context, form.site_id, asked, actor, **of_directory)
                form.attributes = form.numbers["attributes"]
            case "try":
                name = argument.removeprefix("attributes.")
                form.tried = questions.try_mapping(
                    context, form.site_id, name, values=asked, actor=actor, **of_directory
                )
            case "browse":
                form.browsed = argument
                form.units = questions.browse_units(
                    context, form.site_id, argument, asked, actor, **of_directory
                )
    except SettingsInvalid as error:
        form.errors = errors_by_field(error, form.tab.section, form.tab.fields)
    except RollcallError as error:
        form.refused = with_form_names(error.message, form.tab.section)
        form.other_domain = str(error.details.get("domain") or "")
        if can_be_trusted(error.details.get("verify_code")):
            form.presented = chain_of(str(error.details.get("presented") or ""))


def _trust(context: Context, form: Form, sha256: str, actor: questions.Actor) -> None:
    """Fill in the certificate with this fingerprint, if the end shows it still, and ask the end again. Nothing is saved."""
    _ask(context, form, "test", "", actor)
    if not form.presented:
        return
    trusted = with_trust(str(form.values.get("ca_certificate") or ""), sha256, form.presented)
    if trusted is None:
        form.refused = declared(
            "The server shows another certificate than the one you compared. Nothing was trusted. "
            "Compare the new one below."
        )
        return
    form.values["ca_certificate"] = trusted
    form.refused, form.presented = "", []
    _ask(context, form, "test", "", actor)


def _take_unit(form: Form, name: str) -> None:
    """Fill the unit into the first empty row, or into a new one."""
    rows = [dict(row) for row in value_at(form.values, "units") or ()]
    if "units" not in form.tab.fields or any(str(row.get("dn")).lower() == name.lower() for row in rows):
        return
    empty = next((row for row in rows if not row.get("dn")), None)
    if empty is None:
        columns = form.tab.fields["units"].columns
        rows.append({column.name: next(iter(column.choices), None) for column in columns} | {"dn": name})
    else:
        empty["dn"] = name
    form.values["units"] = rows
