"""Turns a raw directory entry into a ``Person``. Pure: the moment comes as an argument, the bytes as read.

Called for every entry of every page, so it is written to be quick. It decides nothing about extensions.
Rules of the attributes: MS-ADA1/MS-ADA3 (accountExpires, userAccountControl), MS-DTYP 2.3.4 (objectGUID).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.collector.numbers import NumberOptions, read_numbers
from shared.domain.person import AccountState, Person
from shared.values import email, text
from shared.values.e164 import e164
from shared.values.phone import dialled

Attributes = Mapping[str, Sequence[bytes]]

_ACCOUNT_DISABLED = 0x0002
_NEVER_EXPIRES = (0, 0x7FFFFFFFFFFFFFFF)
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_FILETIME_TICKS_PER_MICROSECOND = 10
# Of an attribute with more values than anybody has numbers or addresses, the rest is left.
_MOST_VALUES = 1000
_MOST_BYTES = 4 * text.MOST_CHARACTERS
# Attributes that are read whatever the settings say.
_ALWAYS = (
    "objectGUID", "cn", "displayName", "sAMAccountName", "userAccountControl", "accountExpires", "uSNChanged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AttributeNames:
    """Which attribute of the directory gives which field; compared without regard to case."""

    number: str = "telephoneNumber"
    first_name: str = "givenName"
    last_name: str = "sn"
    display_name: str = "displayName"
    email: str = "mail"
    mobile: str = "mobile"
    department: str | None = "department"

    def configured(self) -> tuple[str, ...]:
        """The names chosen by the administrator."""
        names = (
            self.number, self.first_name, self.last_name, self.display_name, self.email, self.mobile,
            self.department,
        )  # fmt: skip
        return tuple(name for name in names if name)

    def requested(self) -> tuple[str, ...]:
        """All attributes to ask for, each once."""
        return tuple({name.lower(): name for name in (*_ALWAYS, *self.configured())}.values())


class UnusableEntry(ValueError):
    """An entry without an objectGUID: nobody can be recognised by it."""


@dataclass(frozen=True, slots=True)
class PersonMapping:
    """The settings of a reading, and how its entries become people. ``now`` decides which accounts have expired.

    ``mobile_country``: two letters; mobile numbers are then brought into the international form.
    """

    unit: str
    names: AttributeNames
    number_options: NumberOptions
    now: datetime
    mobile_country: str = ""
    _now_ticks: int = field(init=False)
    _keys: AttributeNames = field(init=False)

    def __post_init__(self) -> None:
        names = self.names
        object.__setattr__(self, "_now_ticks", filetime(self.now))
        object.__setattr__(
            self,
            "_keys",
            AttributeNames(
                names.number.lower(), names.first_name.lower(), names.last_name.lower(),
                names.display_name.lower(), names.email.lower(), names.mobile.lower(),
                names.department.lower() if names.department else None,
            ),
        )  # fmt: skip

    def person(self, distinguished_name: bytes, attributes: Attributes) -> Person:
        """The person of an entry whose attributes are keyed in lower case.

        :raises UnusableEntry: the entry has no objectGUID of 16 bytes.
        """
        keys = self._keys
        name = clean(distinguished_name)
        guid = attributes.get("objectguid", ())
        if len(guid) != 1 or len(guid[0]) != 16:
            raise UnusableEntry(f"The entry {name} has no usable objectGUID.")
        first_name = _first(attributes.get(keys.first_name))
        last_name = _first(attributes.get(keys.last_name))
        display_name = _first(attributes.get(keys.display_name))
        if not first_name and not last_name:
            last_name = display_name or _first(attributes.get("displayname")) or _first(attributes.get("cn"))
        number = read_numbers(_texts(attributes.get(keys.number)), self.number_options)
        read_email = email.primary_address if keys.email == "proxyaddresses" else email.one_address
        return Person(
            guid=str(UUID(bytes_le=guid[0])),
            distinguished_name=name,
            unit=self.unit,
            first_name=first_name,
            last_name=last_name,
            display_name=display_name,
            email=read_email(_texts(attributes.get(keys.email))),
            mobile=self._mobile(_first(attributes.get(keys.mobile))),
            number=number.number,
            number_text=number.text,
            number_problem=number.problem,
            departments=_distinct(attributes.get(keys.department)) if keys.department else (),
            account_state=self._account_state(attributes),
            login=_first(attributes.get("samaccountname")),
            usn=_integer(attributes.get("usnchanged")),
        )

    def _mobile(self, said: str) -> str:
        """What is dialled; what cannot be dialled stays as it is, for the planner to tell of."""
        if not said:
            return said
        return (self.mobile_country and e164(said, self.mobile_country)) or dialled(said) or said

    def _account_state(self, attributes: Attributes) -> AccountState:
        if _integer(attributes.get("useraccountcontrol")) & _ACCOUNT_DISABLED:
            return AccountState.DISABLED
        expires = _integer(attributes.get("accountexpires"))
        if expires not in _NEVER_EXPIRES and expires <= self._now_ticks:
            return AccountState.EXPIRED
        return AccountState.ENABLED


def filetime(moment: datetime) -> int:
    """A moment as Active Directory counts time: intervals of 100 ns since 1601 (MS-DTYP 2.3.3)."""
    return (moment - _FILETIME_EPOCH) // timedelta(microseconds=1) * _FILETIME_TICKS_PER_MICROSECOND


def clean(value: bytes) -> str:
    """A value as one line of text (``shared.values.text``), undecodable bytes replaced."""
    # More bytes than the characters that are kept could have are not even decoded.
    if len(value) > _MOST_BYTES:
        value = value[:_MOST_BYTES]
    return text.clean(value.decode("utf-8", "replace"))


def _texts(values: Sequence[bytes] | None) -> list[str]:
    if not values:
        return []
    return [
        clean(value) for value in (values if len(values) <= _MOST_VALUES else sorted(values)[:_MOST_VALUES])
    ]


def _first(values: Sequence[bytes] | None) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return clean(values[0])
    # A directory keeps no order among values: the same one must be chosen in every reading.
    return min(_texts(values))


def _distinct(values: Sequence[bytes] | None) -> tuple[str, ...]:
    if not values:
        return ()
    distinct: dict[str, str] = {}
    for name in sorted(_texts(values)):
        if name:
            distinct.setdefault(name.casefold(), name)
    return tuple(distinct.values())


def _integer(values: Sequence[bytes] | None) -> int:
    if not values:
        return 0
    try:
        return int(values[0])
    except ValueError:
        return 0
