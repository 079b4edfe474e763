"""Which names and addresses can only be this computer."""

import pytest

from shared.errors import SettingsInvalid
from shared.settings import store
from shared.settings.documents import Section
from shared.values.hosts import is_host, is_loopback


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "127.0.0.1", "127.8.9.10", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    written = f"[{host}]" if host == "::1" else host
    store.validate(Section.PHONE_SYSTEM, {"base_url": f"http://{written}:5000"})


@pytest.mark.parametrize(
    "host",
    [
        "127.evil.example", "127.0.0.1.evil.example", "127.0.0.1x", "localhost.evil.example", "evil-localhost", "127.1",
        "2130706433", "0.0.0.0", "0x7f.1", "0177.0.0.1", "localhost..", "localhost.localdomain", "１２７.0.0.1", "10.0.0.1", "128.0.0.1", "::2", "", "xn--127-",
    ],
)  # fmt: skip
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)
    if host and ":" not in host:
        with pytest.raises(SettingsInvalid, match="https"):
            store.validate(Section.PHONE_SYSTEM, {"base_url": f"http://{host}:5000"})


@pytest.mark.parametrize(
    "host",
    [
        "dc1", "dc1.corp.example", "DC1.Corp.Example.", "my_host", "_msdcs.corp.example", "a" * 63 + ".example", "10.0.0.1",
        "2001:db8::1", "[2001:db8::1]", "fe80::1%eth0", "bücher.example", "xn--bcher-kva.example", "1.2",
    ],
)  # fmt: skip
def test_a_name_or_address_of_a_host(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    ["", ".", "..", "a..b", ".a", "a" * 64, "a" * 64 + ".example", "a." * 127 + "ab", "-a", "a-", "a b", "a/b", "ü" * 60,
     "a:b:c", "[::1", "::1]", "[dc1]", "[[::1]]"],
)  # fmt: skip
def test_no_name_of_a_host_is_refused_when_it_is_saved_and_still_read_when_it_is_stored(host: str) -> None:
    assert not is_host(host)
    if host:
        for section, values in (
            (Section.RELAY, {"host": host}),
            # Of an address from the browser, what stands behind the host is left out.
            (Section.PHONE_SYSTEM, {"base_url": f"https://{host.replace('/', '..')}:5001"}),
            (Section.DIRECTORY, {"tls_name": host}),
        ):
            with pytest.raises(SettingsInvalid):
                store.validate(section, values)
    if host in ("..", "a" * 64):
        store.validate(Section.RELAY, {"host": host}, is_stored=True)
        store.validate(Section.PHONE_SYSTEM, {"base_url": f"https://{host}:5001"}, is_stored=True)
