"""Waits for what another thread or process does, when nothing signals it to us."""

import time
from collections.abc import Callable


def wait_until(what: str, condition: Callable[[], object], seconds: float = 60) -> None:
    """Poll until the condition is true.

    :raises TimeoutError: naming ``what`` did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)
