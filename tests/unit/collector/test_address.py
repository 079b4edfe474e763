"""What may stand in directory.servers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collector.address import Address, check_resolves, parse
from shared.errors import AddressUnknown, GlobalCatalogPort
from shared.settings.documents import Security


@pytest.mark.parametrize(
    ("text", "security", "expected"),
    [
        ("dc1.corp.example", Security.LDAPS, Address("dc1.corp.example", 636)),
        ("dc1.corp.example", Security.STARTTLS, Address("dc1.corp.example", 389)),
        ("dc1.corp.example", Security.PLAIN, Address("dc1.corp.example", 389)),
        (" dc1:6360 ", Security.LDAPS, Address("dc1", 6360)),
        ("ldaps://dc1.corp.example:636/", Security.LDAPS, Address("dc1.corp.example", 636)),
        ("192.0.2.7", Security.LDAPS, Address("192.0.2.7", 636)),
        ("[2001:db8::7]", Security.LDAPS, Address("2001:db8::7", 636)),
        ("[fe80::1%eth0]:389", Security.STARTTLS, Address("fe80::1%eth0", 389)),
    ],
)
def test_an_address_is_read(text: str, security: Security, expected: Address) -> None:
    assert parse(text, security) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dc1:",
        "dc1:0",
        "dc1:65536",
        "dc1:999999",
        "dc1 dc2",
        "dc1/ou",
        "2001:db8::7",
        "[dc1]",
        "http://dc1",
        "a:b",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AddressUnknown, match=r"looks like dc1\.corp\.example"):
        parse(text, Security.LDAPS)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused_as_one(text: str) -> None:
    try:
        found = parse(text, Security.LDAPS)
    except AddressUnknown:
        return
    assert 0 < found.port < 65536
    assert parse(str(found), Security.LDAPS) == found


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example", "..", "bad\0name"])
def test_a_host_that_does_not_exist_is_said_by_name(host: str) -> None:
    with pytest.raises(AddressUnknown) as caught:
        check_resolves(Address(host, 636))
    assert host[:8].replace("\0", "") in caught.value.message.replace("\0", "")


def test_an_address_in_figures_needs_no_name_server() -> None:
    check_resolves(Address("127.0.0.1", 636))


@pytest.mark.parametrize(
    "text", ["dc1:3268", "dc1.corp.example:3269", " ldaps://dc1:3269/ ", "[2001:db8::7]:3268"]
)
def test_a_port_of_the_global_catalog_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(
        GlobalCatalogPort, match=r"numbers would seem to be missing; enter '.*' without the port"
    ) as caught:
        parse(text, Security.LDAPS)
    assert caught.value.code == "global_catalog_port"
    assert "326" not in caught.value.message.partition("enter")[2]
