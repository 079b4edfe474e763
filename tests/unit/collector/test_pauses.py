"""How often a controller is asked what has changed."""

import pytest

from services.collector.watching.watch import pause_after


@pytest.mark.parametrize(("seconds", "pause"), [(0.0, 1.0), (0.9, 1.0), (4.0, 4.0), (30.0, 10.0)])
def test_a_slow_controller_has_as_long_for_others_as_it_took_to_answer(seconds: float, pause: float) -> None:
    assert pause_after(seconds, 1.0) == pause
