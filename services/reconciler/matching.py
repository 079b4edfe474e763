"""Whose extension is whose: by binding first, then by number; and when two names are the same. Pure."""

import unicodedata

from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Adoption
from shared.values.text import as_seen


def may_adopt(person: Person, extension: Extension, adoption: Adoption) -> bool:
    """Whether an extension that nobody is bound to may become this person's without being asked."""
    match adoption:
        case Adoption.ALWAYS:
            return True
        case Adoption.NEVER:
            return False
        case Adoption.SAME_NAME:
            return have_same_name(person, extension) or have_same_email(person, extension)


def have_same_name(person: Person, extension: Extension) -> bool:
    """Whether the names agree, in any order, regardless of case, accents and punctuation."""
    theirs = _name_key(extension.first_name, extension.last_name)
    return bool(theirs) and theirs == _name_key(person.first_name, person.last_name)


def have_same_email(person: Person, extension: Extension) -> bool:
    """Whether both have the same e-mail address: somebody may have changed their name."""
    return bool(person.email) and as_seen(person.email).casefold() == as_seen(extension.email).casefold()


def _name_key(*names: str) -> tuple[str, ...]:
    decomposed = unicodedata.normalize("NFKD", as_seen(" ".join(names)).casefold().replace("ß", "ss"))
    letters = "".join(
        " " if not (char.isalnum() or unicodedata.combining(char)) else char for char in decomposed
    )
    plain = "".join(char for char in letters if not unicodedata.combining(char))
    return tuple(sorted(plain.split()))
