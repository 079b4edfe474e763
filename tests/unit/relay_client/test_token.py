"""When a token is renewed."""

import pytest

from services.relay_client.xapi.token import renew_after


@pytest.mark.parametrize(
    ("expires_in", "expected"), [(3600, 3540), (120, 60), (100, 50), (60, 30), (10, 5), (0, 0)]
)
def test_a_token_is_renewed_a_minute_early_but_never_before_half_of_its_life(
    expires_in: float, expected: float
) -> None:
    assert renew_after(expires_in) == expected
