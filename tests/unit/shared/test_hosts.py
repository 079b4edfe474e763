"""Which names and addresses can only be this computer."""

import pytest

from shared.errors import SettingsInvalid
from shared.settings import store
from shared.settings.documents import Section
from shared.values.hosts import is_loopback


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "127.0.0.1", "127.8.9.10", "::1", "[::1]"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    written = f"[{host}]" if host == "::1" else host
    store.validate(Section.PHONE_SYSTEM, {"base_url": f"http://{written}:5000"})


@pytest.mark.parametrize(
    "host",
    [
        "127.evil.example", "127.0.0.1.evil.example", "127.0.0.1x", "localhost.evil.example", "evil-localhost", "127.1",
        "2130706433", "0.0.0.0", "0x7f.1", "10.0.0.1", "128.0.0.1", "::2", "", "xn--127-",
    ],
)  # fmt: skip
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)
    if host and ":" not in host:
        with pytest.raises(SettingsInvalid, match="https"):
            store.validate(Section.PHONE_SYSTEM, {"base_url": f"http://{host}:5000"})
