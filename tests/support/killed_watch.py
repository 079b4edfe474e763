"""A watcher in a process of its own that is killed when it has written an answer with changes, just before it commits.

Started by a test: ``python -m tests.support.killed_watch FOLDER URL``.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.orm import Session

from services.collector.watching import storing
from services.collector.watching.position import Key
from services.collector.watching.watcher import Watcher
from tests.support.holder import context_on


def main(folder: str, url: str) -> None:
    """Watch until then."""
    write = storing._write

    def _write_and_die(session: Session, key: Key, values: Mapping[str, object]) -> bool:
        is_written = write(session, key, values)
        session.flush()
        if "last_change_at" in values:
            os.kill(os.getpid(), signal.SIGKILL)
        return is_written

    storing._write = _write_and_die
    Watcher(context_on(Path(folder), url), threading.Event(), interval=0.05).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
