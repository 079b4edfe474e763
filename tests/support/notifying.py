"""A notifier's worker in a process of its own, for tests that kill it: ``python -m tests.support.notifying FOLDER URL SITE``."""

import sys
from pathlib import Path

from services.notifier.notifying import notify
from tests.support.holder import context_on

if __name__ == "__main__":
    notify(context_on(Path(sys.argv[1]), sys.argv[2]), sys.argv[3])
