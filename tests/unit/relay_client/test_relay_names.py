"""A host that cannot be one, stored before such names were refused, is told as what it is."""

import pytest

from services.relay_client.archiving.relay import Relay
from shared.errors import AddressUnknown
from shared.settings import store
from shared.settings.documents import RelaySettings, Section
from tests.support.relay import absent_relay


@pytest.mark.parametrize("host", ["..", "a" * 64])
def test_a_name_that_cannot_be_resolved_is_unknown(host: str) -> None:
    settings = store.validate(Section.RELAY, absent_relay() | {"host": host}, is_stored=True)
    assert isinstance(settings, RelaySettings)
    with pytest.raises(AddressUnknown, match=r"relay\.host"):
        Relay(settings).test()
