"""What a refusal of the relay is said to mean: a clock that is off, or a peer that it does not know."""

import time
from email.utils import formatdate

import httpx
import pytest

from services.relay_client.archiving.relay import Relay
from shared.settings.documents import RelaySettings
from tests.support.relay import absent_relay


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(7200, "clock is 7"), (60, "clock is"), (-60, "clock is"), (0, "not paired"), (30, "not paired")],
)
def test_a_refusal_at_the_edge_of_what_the_relay_allows_is_the_clocks_and_not_the_pairings(
    seconds: int, reason: str
) -> None:
    relay = Relay(RelaySettings.model_validate(absent_relay()))
    refusal = httpx.Response(401, headers={"Date": formatdate(time.time() + seconds, usegmt=True)})
    assert reason in relay._refused(refusal).message
