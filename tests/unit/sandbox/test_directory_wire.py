"""What comes over the wire to the sandbox directory: names, filters, and bytes that mean nothing."""

import uuid
from typing import Any

import ldap3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ldap3.operation.search import search_operation
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from pyasn1.codec.ber import encoder

from services.sandbox.directory import Directory, Faults, messages, names
from services.sandbox.directory.entry import Attribute, Entry
from services.sandbox.directory.filters import parse
from services.sandbox.directory.matching import compile_filter
from services.sandbox.directory.session import Answer, Session, Then
from shared import ber
from shared.ber import BerError, element

BASE = "DC=corp,DC=example,DC=test"
# Nothing that comes over the wire changes it.
DIRECTORY = Directory()
# What a name may be made of; a lone surrogate cannot be sent.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.lists(TEXT, min_size=1, max_size=4))
@example([" Berg, Bob "])
@example(["#1", "+", '"', "\\", ";", "<>", "=", "\n", "é"])
def test_a_name_is_read_as_it_was_written(values: list[str]) -> None:
    dn = BASE
    for value in values:
        dn = names.child("CN", value, dn)
    assert names.split(dn) == [("CN", value) for value in reversed(values)] + names.split(BASE)
    assert names.parent(dn).count("=") < dn.count("=")
    assert names.key(dn)[: len(names.key(BASE))] == names.key(BASE)


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_is_refused_as_one(text: str) -> None:
    try:
        names.key(text)
    except names.InvalidName:
        return
    assert names.split(text) == [] or "=" in text


@pytest.mark.parametrize("spelling", ["cn=a\\2cb,dc=x", 'CN="a,b", DC=X', "CN=A\\,B;dc=x"])
def test_a_name_is_the_same_in_every_spelling(spelling: str) -> None:
    assert names.key(spelling) == names.key("CN=a\\,b,DC=x")


def _search(text: str) -> Any:
    """A search of the whole domain with this filter, as ldap3 makes it."""
    return search_operation(BASE, text, ldap3.SUBTREE, ldap3.DEREF_NEVER, ["cn"], 0, 0, False, False, False)


def _matches(text: str, entry: Entry) -> bool | None:
    encoded = encoder.encode(_search(text)["filter"])
    return compile_filter(parse(element(encoded)), [entry], BASE)(entry)


def _escaped(text: str) -> str:
    """A value in a filter with every byte escaped: clients cut off spaces otherwise (RFC 4515 section 3)."""
    return "".join(f"\\{byte:02x}" for byte in text.encode())


def _message(text: str) -> bytes:
    message = LDAPMessage()
    message["messageID"] = MessageID(2)
    message["protocolOp"] = ProtocolOp().setComponentByName("searchRequest", _search(text))
    encoded: bytes = encoder.encode(message)
    return encoded


def _entry(**attributes: str) -> Entry:
    made = {name.lower(): Attribute(name, (value.encode(),)) for name, value in attributes.items()}
    return Entry(f"CN=x,{BASE}", uuid.UUID(int=1), made)


@given(TEXT, st.data())
def test_a_value_matches_itself_its_parts_and_nothing_else(value: str, data: st.DataObject) -> None:
    entry = _entry(description=value)
    start = data.draw(st.integers(0, len(value)))
    head, tail = _escaped(value[:start]), _escaped(value[start:])
    assert _matches(f"(description={head}{tail})", entry) is True
    assert _matches(f"(description={head}*{tail})", entry) is True
    assert _matches(f"(description={head}{tail}x)", entry) is False
    assert _matches(f"(!(description={head}*{tail}))", entry) is False


CONDITIONS: dict[str, bool | None] = {
    "(description=one)": True,
    "(description=two)": False,
    "(userAccountControl:1.2.3:=1)": None,
}


@st.composite
def _conditions(draw: st.DrawFn, depth: int = 3) -> tuple[str, bool | None]:
    """A filter and what it is worth: true, false or undefined (RFC 4511 section 4.5.1.7)."""
    kind = draw(st.sampled_from(["leaf", "and", "or", "not"] if depth else ["leaf"]))
    if kind == "leaf":
        text = draw(st.sampled_from(sorted(CONDITIONS)))
        return text, CONDITIONS[text]
    if kind == "not":
        text, worth = draw(_conditions(depth - 1))
        return f"(!{text})", None if worth is None else not worth
    parts = draw(st.lists(_conditions(depth - 1), min_size=1, max_size=3))
    worths = [worth for _text, worth in parts]
    decisive = kind == "or"
    value = decisive if decisive in worths else None if None in worths else not decisive
    return f"({'|' if decisive else '&'}{''.join(text for text, _worth in parts)})", value


@given(_conditions())
def test_conditions_combine_in_three_values(condition: tuple[str, bool | None]) -> None:
    text, worth = condition
    assert _matches(text, _entry(description="one")) is worth


@given(st.binary(max_size=200))
@example(bytes.fromhex("30050201016000"))
@example(bytes.fromhex("30840000000102"))
@example(b"\x30\x80\x00\x00")
def test_bytes_that_mean_nothing_are_answered_and_never_raise(data: bytes) -> None:
    session = Session(DIRECTORY, "dc", Faults(), is_secure=True, allow_plain=True)
    assert isinstance(session.answer(data), Answer)


def _session() -> Session:
    """The session of somebody who has signed in."""
    session = Session(DIRECTORY, "dc", Faults(), is_secure=True, allow_plain=True)
    password = ber.encode(0x80, DIRECTORY.password.encode())
    bind = ber.sequence(ber.integer(3), ber.octets(DIRECTORY.user), password, tag=messages.BIND)
    session.answer(messages.write(1, bind))
    return session


GOOD = _message("(&(objectClass=domainDNS)(|(dc=c*p)(!(cn:1.2.840.113556.1.4.803:=1))))")


def test_a_request_that_is_not_damaged_is_answered_with_what_it_asks_for() -> None:
    assert len(_session().answer(GOOD).entries) == 1


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_damaged_request_is_answered_and_never_raises(position: int, byte: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] = byte
    answer = _session().answer(bytes(damaged))
    assert answer.rest or answer.then is not Then.STAY or damaged[5] == messages.ABANDON


def test_a_filter_nested_beyond_reason_is_refused() -> None:
    data = b"\x87\x02cn"
    for _ in range(200):
        length = len(data)
        data = b"\xa2" + (bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")) + data
    with pytest.raises(BerError):
        parse(element(data))
