"""Processes that tests start and kill."""

import os
import signal
from pathlib import Path

from tests.support import forked


def test_the_group_of_a_process_can_be_killed_as_soon_as_it_is_started(tmp_path: Path) -> None:
    for _again in range(10):
        process = forked.start(["--version"], dict(os.environ), tmp_path / "said")
        # There is no such group as long as the process does not lead it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
