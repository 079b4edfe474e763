"""Beat ends in order whenever the signal comes, also while it publishes."""

import subprocess
import sys

_BEAT = """
import signal, sys, threading
from services.cli.processes import ended_by_signal
from shared.process_settings import load
from shared.worker import beat
from shared.worker.app import create_app

class Sending:
    # As the lock that a connection holds while it sends a message.
    lock = threading.Lock()

    def tick(self, *arguments, **options):
        with self.lock:
            signal.raise_signal(signal.SIGTERM)
            # A handler is called between two steps.
            for _step in range(1000):
                pass
            print("sent")
        return 60

    def close(self):
        print("closed" if self.lock.acquire(blocking=False) else "closed while it sends")

beat.PromptScheduler.__bases__ = (Sending, *beat.PromptScheduler.__bases__)
with ended_by_signal():
    beat.BeatProgram(create_app(load({})), alive_file=None, log_level="error").run()
"""


def test_beat_sends_a_message_to_its_end_and_then_ends_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", _BEAT], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "sent\nclosed\n"), done.stderr
