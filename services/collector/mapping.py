"""Turns a raw directory entry into a ``Person``. Pure: the moment comes as an argument, the bytes as read.

Called for every entry of every page, so it is written to be quick. It decides nothing about extensions.
Rules of the attributes: MS-ADA1/MS-ADA3 (accountExpires, userAccountControl), MS-DTYP 2.3.4 (objectGUID).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.collector.numbers import NumberOptions, NumberReading, read_numbers
from shared.domain.further import FURTHER
from shared.domain.person import AccountState, Person
from shared.language import phrase
from shared.mapping.compiling import Value, each_once, several
from shared.mapping.errors import MappingError
from shared.mapping.mapping import FieldMapping, compile_mapping
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


_SIDS = ("objectSid", "sIDHistory")


@dataclass(frozen=True, slots=True)
class Sources:
    """What gives which field: the name of an attribute (in any case), or an expression over attributes."""

    number: str = "telephoneNumber"
    first_name: str = "givenName"
    last_name: str = "sn"
    display_name: str = "displayName"
    email: str = "mail"
    mobile: str = "mobile"
    department: str | None = "department"
    caller_id: str | None = None
    language: str | None = None
    emergency_info: str | None = None
    template: str | None = None

    def mappings(self) -> dict[str, FieldMapping]:
        """Those that are set, by field."""
        texts = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: compile_mapping(text) for name, text in texts.items() if text}

    def configured(self) -> tuple[str, ...]:
        """The attributes that the administrator named, each once."""
        return each_once(name for mapping in self.mappings().values() for name in mapping.attributes)

    def requested(self) -> tuple[str, ...]:
        """All attributes to ask for, each once."""
        return each_once((*_ALWAYS, *self.configured()))


class UnusableEntry(ValueError):
    """An entry without an objectGUID: nobody can be recognised by it."""


class _Entry:
    """The attributes of one entry, what its expressions made of them, and which of them do not work for it."""

    __slots__ = ("_expressions", "_names", "_plain", "_values", "attributes", "problems")

    def __init__(self, mapping: "PersonMapping", attributes: Attributes) -> None:
        self.attributes = attributes
        self.problems: dict[str, str] = {}
        self._plain = mapping.plain
        self._expressions = mapping.expressions
        self._names = mapping.names_in_expressions
        self._values: dict[str, Value] | None = None

    def texts(self, field: str) -> Sequence[str]:
        """Every value of a field."""
        key = self._plain.get(field)
        return _texts(self.attributes.get(key)) if key is not None else self._worked_out(field)

    def text(self, field: str) -> str:
        """The one value of a field."""
        key = self._plain.get(field)
        if key is not None:
            return _first(self.attributes.get(key))
        texts = self._worked_out(field)
        return texts[0] if texts else ""

    def _worked_out(self, field: str) -> Sequence[str]:
        expression = self._expressions.get(field)
        if expression is None:
            return ()
        if self._values is None:
            self._values = {name: value_of(self.attributes.get(name)) for name in self._names}
        try:
            return expression.texts(self._values)
        except MappingError as error:
            self.problems[field] = error.sentence
            return ()


@dataclass(frozen=True, slots=True)
class PersonMapping:
    """The settings of a reading, and how its entries become people. ``now`` decides which accounts have expired.

    ``keeps_disabled``: an account that is disabled counts as enabled. ``with_sids``: security identifiers are read too, by
    which an account is known again in another domain. ``mobile_country``: two letters; mobile numbers are then brought into the
    international form. ``plain`` are the
    attributes, in lower case, of fields that are one; ``expressions`` those of the others; ``further`` are the fields that
    are managed besides the usual ones.
    """

    unit: str
    sources: Sources
    number_options: NumberOptions
    now: datetime
    mobile_country: str = ""
    keeps_disabled: bool = False
    with_sids: bool = False
    plain: Mapping[str, str] = field(init=False)
    expressions: Mapping[str, FieldMapping] = field(init=False)
    names_in_expressions: Sequence[str] = field(init=False)
    further: Sequence[str] = field(init=False)
    _now_ticks: int = field(init=False)

    def __post_init__(self) -> None:
        mappings = self.sources.mappings()
        expressions = {name: mapping for name, mapping in mappings.items() if mapping.is_expression}
        plain = {name: item.text.lower() for name, item in mappings.items() if not item.is_expression}
        used = {name.lower() for mapping in expressions.values() for name in mapping.attributes}
        for name, value in (
            ("_now_ticks", filetime(self.now)), ("plain", plain), ("expressions", expressions),
            ("names_in_expressions", tuple(used)), ("further", tuple(name for name in FURTHER if name in mappings)),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def requested(self) -> tuple[str, ...]:
        """All attributes to ask for, each once."""
        return (*self.sources.requested(), *_SIDS) if self.with_sids else self.sources.requested()

    def person(self, distinguished_name: bytes, attributes: Attributes) -> Person:
        """The person of an entry whose attributes are keyed in lower case.

        :raises UnusableEntry: the entry has no objectGUID of 16 bytes.
        """
        name = clean(distinguished_name)
        guid = attributes.get("objectguid", ())
        if len(guid) != 1 or len(guid[0]) != 16:
            raise UnusableEntry(phrase("The entry {name} has no usable objectGUID.", name=name))
        entry = _Entry(self, attributes)
        first_name, last_name, display_name = map(entry.text, ("first_name", "last_name", "display_name"))
        if not first_name and not last_name:
            last_name = display_name or _first(attributes.get("displayname")) or _first(attributes.get("cn"))
        number = self._number(entry)
        further = (
            tuple((name, text) for name in self.further if (text := entry.text(name))) if self.further else ()
        )
        template = entry.text("template")
        is_of_addresses = self.plain.get("email") == "proxyaddresses"
        read_email = email.primary_address if is_of_addresses else email.one_address
        return Person(
            guid=str(UUID(bytes_le=guid[0])),
            distinguished_name=name,
            unit=self.unit,
            first_name=first_name,
            last_name=last_name,
            display_name=display_name,
            email=read_email(entry.texts("email")),
            mobile=self._mobile(entry.text("mobile")),
            number=number.number,
            number_text=number.text,
            number_problem=number.problem,
            departments=distinct(entry.texts("department")),
            account_state=self._account_state(attributes),
            login=_first(attributes.get("samaccountname")),
            usn=_integer(attributes.get("usnchanged")),
            further=further,
            template=template,
            sid=_sid(attributes.get("objectsid")) if self.with_sids else "",
            sid_history=tuple(map(sid_text, attributes.get("sidhistory", ()))) if self.with_sids else (),
            unmapped=tuple(sorted(entry.problems.items())) if entry.problems else (),
        )

    def _number(self, entry: _Entry) -> NumberReading:
        texts = entry.texts("number")
        problem = entry.problems.pop("number", None)
        if problem is not None:
            return NumberReading(
                problem=phrase(
                    "The expression for the extension number does not work: {problem}", problem=problem
                )
            )
        return read_numbers(texts, self.number_options)

    def _mobile(self, number: str) -> str:
        """What is dialled; what cannot be dialled stays as it is, for the planner to tell of."""
        if not number:
            return number
        return (self.mobile_country and e164(number, self.mobile_country)) or dialled(number) or number

    def _account_state(self, attributes: Attributes) -> AccountState:
        if not self.keeps_disabled and _integer(attributes.get("useraccountcontrol")) & _ACCOUNT_DISABLED:
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


def value_of(values: Sequence[bytes] | None) -> Value:
    """An attribute as expressions have it: a text, empty when it is not set, or several."""
    if not values:
        return ""
    if len(values) == 1:
        return clean(values[0])
    return several(dict.fromkeys(sorted(_texts(values))))


def distinct(texts: Sequence[str]) -> tuple[str, ...]:
    """Each once, in order, whatever its capitals."""
    if len(texts) < 2:
        return tuple(texts) if texts and texts[0] else ()
    found: dict[str, str] = {}
    for name in sorted(texts):
        if name:
            found.setdefault(name.casefold(), name)
    return tuple(found.values())


def _integer(values: Sequence[bytes] | None) -> int:
    if not values:
        return 0
    try:
        return int(values[0])
    except ValueError:
        return 0


def sid_text(value: bytes) -> str:
    """A security identifier as it is written, e.g. ``S-1-5-21-1-2-3-1104`` (MS-DTYP 2.4.2.1); empty when it is none."""
    if len(value) < 8 or len(value) != 8 + 4 * value[1]:
        return ""
    parts = (str(int.from_bytes(value[start : start + 4], "little")) for start in range(8, len(value), 4))
    return "-".join(("S", str(value[0]), str(int.from_bytes(value[2:8])), *parts))


def _sid(values: Sequence[bytes] | None) -> str:
    return sid_text(values[0]) if values else ""
