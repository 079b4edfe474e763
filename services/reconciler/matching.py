"""When two names or two addresses are the same, and how far an extension agrees with somebody. Pure."""

from dataclasses import dataclass

from shared.domain.binding import Binding
from shared.domain.extension import Extension
from shared.domain.person import Person
from shared.domain.rules import Adoption
from shared.values.keys import NameKey, email_key, name_key


def may_adopt(person: Person, extension: Extension, adoption: Adoption) -> bool:
    """Whether an extension that nobody is bound to may become this person's without being asked."""
    match adoption:
        case Adoption.ALWAYS:
            return True
        case Adoption.NEVER:
            return False
        case Adoption.SAME_NAME:
            return shows(person, extension)


def shows(person: Person, extension: Extension) -> bool:
    """Whether the extension shows this person: the same name or the same e-mail address."""
    return have_same_name(person, extension) or have_same_email(person, extension)


def have_same_name(person: Person, extension: Extension) -> bool:
    """Whether the names agree, in any order, regardless of case, accents and punctuation."""
    theirs = name_key(extension.first_name, extension.last_name)
    return bool(theirs) and theirs == name_key(person.first_name, person.last_name)


def have_same_email(person: Person, extension: Extension) -> bool:
    """Whether both have the same e-mail address: somebody may have changed their name."""
    return bool(person.email) and email_key(person.email) == email_key(extension.email)


@dataclass(frozen=True, slots=True)
class Known:
    """By what the extension of a binding is known again: the person's as the directory has them now, and as remembered."""

    numbers: frozenset[str]
    names: frozenset[NameKey]
    emails: frozenset[str]

    @classmethod
    def by(cls, binding: Binding, person: Person | None, name_limit: int) -> "Known":
        """From the binding's memory and the person, if the directory still shows them."""
        numbers, names, emails = {binding.number}, {name_key(binding.person_name)}, set[str]()
        if binding.shown is not None:
            names.add(name_key(binding.shown.first_name, binding.shown.last_name))
            emails.add(email_key(binding.shown.email))
        if person is not None:
            numbers.add(person.number or "")
            names.add(name_key(cut(person.first_name, name_limit), cut(person.last_name, name_limit)))
            emails.add(email_key(person.email))
        return cls(frozenset(numbers - {""}), frozenset(names - {()}), frozenset(emails - {""}))

    def agree_in_name(self, extension: Extension) -> bool:
        """Whether it shows the person's name."""
        return name_key(extension.first_name, extension.last_name) in self.names

    def agree_in_email(self, extension: Extension) -> bool:
        """Whether it shows the person's e-mail address."""
        return email_key(extension.email) in self.emails

    def fit(self, extension: Extension) -> bool:
        """Whether it may be the person's: it shows their name or address; or nobody's, under their number."""
        if self.agree_in_email(extension) or self.agree_in_name(extension):
            return True
        shows_nobody = not (extension.first_name or extension.last_name or extension.email)
        return shows_nobody and extension.number in self.numbers

    def agreement(self, extension: Extension) -> int:
        """In how many of number, name and e-mail address they agree."""
        return (
            (extension.number in self.numbers)
            + self.agree_in_name(extension)
            + self.agree_in_email(extension)
        )


def cut(text: str, limit: int) -> str:
    """The text in at most so many UTF-16 units, which is how 3CX's own platform (.NET) counts characters."""
    if len(text) * 2 <= limit:
        return text
    encoded = text.encode("utf-16-le", "surrogatepass")
    if len(encoded) <= limit * 2:
        return text
    # A character that takes two units and straddles the limit goes as a whole.
    return encoded[: limit * 2].decode("utf-16-le", "ignore").rstrip()
