"""Our BER against pyasn1 and ldap3's grammar, and against bytes that nobody should send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.protocol.rfc2696 import RealSearchControlValue
from ldap3.protocol.rfc4511 import (
    LDAPMessage,
    ProtocolOp,
    SearchResultDone,
    SearchResultEntry,
)
from pyasn1.codec.ber.decoder import decode
from pyasn1.codec.ber.encoder import encode
from pyasn1.type.univ import Integer, OctetString

from services.collector import answers
from shared import ber

OID = b"1.2.840.113556.1.4.319"
attribute_names = st.text("abcdefghijklmnopqrstuvwxyzABCDEF;=-0123456789", min_size=1, max_size=30)
attributes = st.dictionaries(
    attribute_names, st.lists(st.binary(max_size=300), min_size=1, max_size=4), max_size=5
)


def _message(message_id: int, name: str, operation: object) -> bytes:
    message = LDAPMessage()
    message["messageID"] = message_id
    message["protocolOp"] = ProtocolOp().setComponentByName(name, operation)
    encoded: bytes = encode(message)
    return encoded


def _entry(dn: bytes, values: dict[str, list[bytes]]) -> SearchResultEntry:
    entry = SearchResultEntry()
    entry["object"] = dn
    entry["attributes"].clear()
    for position, (name, listed) in enumerate(values.items()):
        part = entry["attributes"].componentType.clone()
        part["type"] = name.encode()
        for index, value in enumerate(listed):
            part["vals"][index] = value
        entry["attributes"][position] = part
    return entry


@given(st.integers(0, 0xFF), st.binary(max_size=70_000))
def test_the_header_finds_what_was_put_into_an_element(tag: int, content: bytes) -> None:
    data = ber.encode(tag, content)
    found, start, end = ber.header(data, 0, len(data))
    assert (found, data[start:end], end) == (tag, content, len(data))


@given(st.integers(0, 2**62))
def test_an_integer_is_encoded_as_pyasn1_does(value: int) -> None:
    data = ber.integer(value)
    assert data == encode(Integer(value))
    start, end = ber.expect(ber.INTEGER, data, 0, len(data))
    assert ber.read_integer(data, start, end) == value


@given(st.binary(max_size=5000))
def test_pyasn1_reads_our_octet_strings(content: bytes) -> None:
    value, rest = decode(ber.encode(ber.OCTET_STRING, content), asn1Spec=OctetString())
    assert (bytes(value), rest) == (content, b"")


@given(st.integers(1, 2**31 - 1), st.binary(max_size=60), attributes)
def test_an_entry_encoded_by_ldap3s_grammar_is_read_back(
    message_id: int, dn: bytes, values: dict[str, list[bytes]]
) -> None:
    data = _message(message_id, "searchResEntry", _entry(dn, values))
    envelope = answers.envelope(data)
    assert (envelope.message_id, envelope.operation) == (message_id, 0x64)
    name, found = answers.entry(data, envelope.start, envelope.end, {})
    expected: dict[str, list[bytes]] = {}
    for key, listed in values.items():
        expected.setdefault(key.lower(), []).extend(listed)
    assert name == dn
    assert {key: sorted(item) for key, item in found.items()} == {k: sorted(v) for k, v in expected.items()}


@given(st.sampled_from([0, 1, 4, 32, 49, 53, 80]), st.text(max_size=40), st.text(max_size=200))
def test_a_result_encoded_by_ldap3s_grammar_is_read_back(code: int, dn: str, text: str) -> None:
    done = SearchResultDone()
    done["resultCode"] = code
    done["matchedDN"] = dn
    done["diagnosticMessage"] = text
    data = _message(7, "searchResDone", done)
    envelope = answers.envelope(data)
    assert answers.result(data, envelope.start, envelope.end) == answers.Result(code, dn, text)


@given(st.binary(max_size=400))
def test_the_cookie_of_a_page_is_read_back(cookie: bytes) -> None:
    value = RealSearchControlValue()
    value["size"] = 0
    value["cookie"] = cookie
    assert answers.page_cookie(encode(value)) == cookie


def test_a_control_is_found_among_others_with_and_without_criticality() -> None:
    def _control(oid: bytes, *rest: bytes) -> bytes:
        return ber.encode(ber.SEQUENCE, ber.encode(ber.OCTET_STRING, oid) + b"".join(rest))

    value = ber.encode(ber.OCTET_STRING, b"value")
    data = _control(b"1.2.3") + _control(OID, ber.TRUE, value)
    assert answers.control_value(data, 0, len(data), OID) == b"value"
    assert answers.control_value(_control(OID, value), 0, len(_control(OID, value)), OID) == b"value"
    assert answers.control_value(_control(OID), 0, len(_control(OID)), OID) == b""
    assert answers.control_value(data, 0, len(data), b"9.9") is None


def _read_everything(data: bytes) -> None:
    envelope = answers.envelope(data)
    answers.control_value(data, envelope.controls_start, envelope.controls_end, OID)
    for read in (
        answers.result,
        lambda d, s, e: answers.entry(d, s, e, {}),
        lambda d, s, e: answers.page_cookie(d[s:e]),
    ):
        try:
            read(data, envelope.start, envelope.end)
        except ber.BerError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        _read_everything(data)
    except ber.BerError:
        return


@given(st.binary(max_size=60), st.data())
def test_a_message_with_some_bytes_changed_is_read_or_refused(dn: bytes, choices: st.DataObject) -> None:
    data = bytearray(_message(5, "searchResEntry", _entry(dn, {"cn": [b"Ada", b"x" * 200], "sn": [b"L"]})))
    for _ in range(choices.draw(st.integers(1, 4))):
        data[choices.draw(st.integers(0, len(data) - 1))] = choices.draw(st.integers(0, 255))
    try:
        _read_everything(bytes(data))
    except ber.BerError:
        return


def test_a_message_cut_short_anywhere_is_refused() -> None:
    data = _message(5, "searchResEntry", _entry(b"CN=Ada,DC=x", {"cn": [b"Ada", b"x" * 200]}))
    for length in range(len(data)):
        with pytest.raises(ber.BerError):
            answers.envelope(data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80\x02\x01\x01\x00\x00",  # indefinite length
        b"\x30\x85\x01\x00\x00\x00\x00",  # a length of five bytes
        b"\x30\x03\x02\x09\x01",  # an integer beyond its message
        b"\x30\x04\x02\x00\x65\x00",  # an integer of no byte
        b"\x30\x0d\x02\x09" + b"\x01" * 9 + b"\x65\x00",  # an integer of nine bytes
        b"\x31\x05\x02\x01\x01\x65\x00",  # not a message at all
    ],
)
def test_forms_that_ldap_does_not_use_are_refused(data: bytes) -> None:
    with pytest.raises(ber.BerError):
        answers.envelope(data)
