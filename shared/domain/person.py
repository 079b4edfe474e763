"""One person as the directory knows them, normalised by the collector and read by the planner."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from shared.domain.further import Further
from shared.language import phrase


class AccountState(StrEnum):
    """Whether the directory lets the person work, from userAccountControl and accountExpires."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    EXPIRED = "expired"


class Presence(StrEnum):
    """Where the directory has somebody: in a unit and selected, elsewhere in the domain, or nowhere any more."""

    SELECTED = "selected"
    ELSEWHERE = "elsewhere"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Person:
    """One directory entry, normalised.

    ``guid`` (objectGUID as canonical UUID text) is the only key: names, numbers and distinguished names change.
    ``number`` is the extension number after normalising, ``None`` when the attribute is empty or unusable; in
    the second case ``number_problem`` says why, in words for the administrator, and ``number_text`` is the
    attribute as it stands. ``departments`` are the values of the group attribute. ``unit`` is the
    distinguished name of the organizational unit of the settings through which the person was selected.
    ``unmapped`` are the other fields whose expression does not work for the person, each with a sentence that says why:
    they are empty here, and stay as they are in 3CX. ``further`` are the fields that are managed only where the settings
    map them, without those that are empty; ``template`` is the extension a new one is modelled on, before the unit's.
    ``sid`` and the SIDs that an account had in other domains are read where a site has several directories.
    """

    guid: str
    distinguished_name: str
    unit: str
    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    email: str = ""
    mobile: str = ""
    number: str | None = None
    number_text: str = ""
    number_problem: str | None = None
    departments: tuple[str, ...] = ()
    account_state: AccountState = AccountState.ENABLED
    login: str = ""
    usn: int = 0
    unmapped: tuple[tuple[str, str], ...] = ()
    further: Further = ()
    template: str = ""
    sid: str = ""
    sid_history: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What to call the person in a sentence: full name, else display name, else login, else the DN."""
        full = phrase(
            "{first_name} {last_name}", first_name=self.first_name, last_name=self.last_name
        ).strip()
        return full or self.display_name or self.login or self.distinguished_name


@dataclass(frozen=True, slots=True)
class AbsentPerson:
    """What the directory says of a bound person who is in none of the units read.

    ``found`` is whether the objectGUID still exists anywhere in the domain: moved out of the units (or no
    longer selected by the filter or the required group) when true, deleted when false. ``last_unit`` is the
    unit of the settings that held them in the last good run, when that is known; ``directory`` the key of the one whose
    word this is, ``None`` when it takes all of them.
    """

    guid: str
    found: bool
    distinguished_name: str = ""
    last_unit: str = ""
    directory: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class PersonState:
    """What the directory says of somebody at one moment, as far as having an extension goes by it.

    Of somebody who is not ``SELECTED`` only the name and where they are is known. ``has_bad_number`` is whether the
    number attribute holds something that is no number.
    """

    guid: str
    presence: Presence
    account_state: AccountState = AccountState.ENABLED
    number: str | None = None
    has_bad_number: bool = False
    distinguished_name: str = ""

    @classmethod
    def of(cls, person: Person | AbsentPerson) -> Self:
        """The state of somebody as a reading has them."""
        if isinstance(person, AbsentPerson):
            presence = Presence.ELSEWHERE if person.found else Presence.GONE
            return cls(person.guid, presence, distinguished_name=person.distinguished_name)
        return cls(
            person.guid,
            Presence.SELECTED,
            person.account_state,
            person.number,
            person.number_problem is not None,
            person.distinguished_name,
        )
