"""Which extensions are never removed, renumbered or taken over, and which numbers nobody is given. Pure."""

from collections.abc import Collection

from shared.domain.extension import Extension
from shared.domain.rules import Rules
from shared.language import declared, phrase
from shared.values.digits import is_digits


def reserved_by(rules: Rules) -> set[str]:
    """The numbers of templates and of the archive, as the rules name them."""
    templates = {unit.template_number for unit in rules.units if unit.template_number}
    archive = {rules.archive.number} if rules.archive is not None and rules.archive.number else set[str]()
    return templates | archive | {*rules.protected_numbers}


def protection_of(extension: Extension, reserved: Collection[str]) -> str | None:
    """What the extension is that is never removed, renumbered or taken over; ``None`` for all others."""
    if extension.is_system_owner:
        return declared("a system owner's extension")
    if extension.number in reserved:
        return declared("a template or the archive")
    if not is_digits(extension.number):
        # 3CX keeps its hot desks among the users, with numbers such as HD1.
        return declared("a hot desk")
    return None


def why_never_changed(what: str) -> str:
    """What is said of an extension that is ``what`` ``protection_of`` found."""
    return phrase("Never changed: {what}.", what=what)


def why_number_reserved(number: str | None, name: str) -> str:
    """What is said of somebody to whom the directory gives a reserved number that no extension has."""
    return phrase(
        "The number {number} of {name} is reserved for a template or the archive. Correct the number "
        "in the directory or the settings.",
        number=number,
        name=name,
    )
