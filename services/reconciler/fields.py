"""What the fields of a person's extension should be: names, e-mail, mobile, departments. Pure."""

from services.reconciler.departments import memberships_with
from services.reconciler.identity.claims import is_email_address
from services.reconciler.matching import cut
from services.reconciler.worktable import Worktable
from shared.domain.command import FieldValue
from shared.domain.extension import Extension
from shared.domain.further import FURTHER, cannot_be_set, means_the_same
from shared.domain.person import Person
from shared.values.keys import email_key
from shared.values.phone import dialled, is_dialled_alike
from shared.values.text import as_seen

Fields = dict[str, FieldValue]


def contact_fields(table: Worktable, person: Person) -> Fields:
    """Names, e-mail and mobile as they should be; without what must be left as it is."""
    rules = table.rules
    first, last = cut(person.first_name, rules.name_limit), cut(person.last_name, rules.name_limit)
    if (first, last) != (person.first_name, person.last_name):
        table.findings.add_shortened(person, rules.name_limit)
    wanted: Fields = {"first_name": first, "last_name": last}
    email = person.email
    if email and (len(email) > rules.text_limit or not is_email_address(email)):
        table.findings.add_bad_email(person)
    elif email_key(email) not in table.assignment.claims.duplicate_emails:
        wanted["email"] = email
    if person.mobile and dialled(person.mobile) is None:
        table.findings.add_bad_mobile(person)
    else:
        wanted["mobile"] = person.mobile
    for field, value in person.further:
        why = cannot_be_set(field, value)
        if why:
            table.findings.add_mapping_failed(person, field, why)
        else:
            wanted[field] = value
    for field, why in person.unmapped:
        table.findings.add_mapping_failed(person, field, why)
        wanted.pop(field, None)
    return wanted


def identity(extension: Extension) -> Fields:
    """What an extension is known by: whatever is done to it is done only while it shows this."""
    return {
        "number": extension.number,
        "first_name": extension.first_name,
        "last_name": extension.last_name,
        "email": extension.email,
    }


def present(extension: Extension, name: str) -> FieldValue:
    """A field of an extension; ``None`` when it was not read."""
    if name in FURTHER:
        return dict(extension.further).get(name)
    value: FieldValue = getattr(extension, name)
    return value


def differs(name: str, wanted: FieldValue, present: FieldValue) -> bool:
    """Whether a field says something else, not merely in another form: 3CX's own way of writing it is left then."""
    if wanted == present:
        return False
    if not (isinstance(wanted, str) and isinstance(present, str)):
        return True
    match name:
        case "first_name" | "last_name":
            return as_seen(wanted) != as_seen(present)
        case "email":
            return wanted.casefold() != present.casefold()
        case "mobile":
            return not is_dialled_alike(wanted, present)
    return not means_the_same(name, wanted, present)


def new_departments(table: Worktable, person: Person, pattern: Extension | None) -> Fields:
    """The departments of a new extension, if the rules say so; ``pattern`` is the extension it is modelled on."""
    name = _department(table, person)
    if name is None:
        return {}
    return {
        "departments": memberships_with(pattern, name, table.rules.department_mode),
        "primary_department": name,
    }


def department_changes(table: Worktable, person: Person, extension: Extension) -> tuple[Fields, Fields]:
    """What must change in the departments: the fields before and after."""
    before: Fields = {}
    after: Fields = {}
    # The role is a membership's: moving a system owner could take away the last way in.
    name = None if extension.is_system_owner else _department(table, person)
    if name is None:
        return before, after
    primary = extension.primary_department
    is_primary = primary is not None and primary.casefold() == name.casefold()
    wanted = memberships_with(extension, name, table.rules.department_mode)
    present = tuple(sorted(membership.department for membership in extension.memberships))
    if wanted != present:
        before["departments"], after["departments"] = present, wanted
    if not is_primary:
        before["primary_department"], after["primary_department"] = primary, name
    return before, after


def _department(table: Worktable, person: Person) -> str | None:
    if not table.rules.add_to_departments or not person.departments:
        return None
    return table.departments.wanted(person.departments[0], person)
