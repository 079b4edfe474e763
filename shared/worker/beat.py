"""Celery's beat, which ends as soon as it is told to: between two messages, never in the middle of one.

Celery's own program closes the connection in its signal handler. When the signal comes while beat publishes, that waits
for ever for the lock of the message it has interrupted; and Celery's own pause between two looks cannot be cut short.
"""

import signal
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from celery import Celery
from celery.apps.beat import Beat
from celery.beat import Scheduler, Service


class PromptScheduler(Scheduler):
    """Celery's own, in memory: two fixed entries, for what is due is in the database. Pauses until ``ended`` is set."""

    def __init__(
        self, *arguments: Any, ended: threading.Event, alive_file: Path | None, **options: Any
    ) -> None:
        self._ended = ended
        self._alive_file = alive_file
        super().__init__(*arguments, **options)

    def tick(self, *arguments: Any, **options: Any) -> float:
        """One look at what is due, and the pause after it; touches the file, for whoever watches over this process."""
        if self._alive_file is not None:
            self._alive_file.touch()
        self._ended.wait(super().tick(*arguments, **options))
        return 0

    def _ensure_connected(self) -> Any:
        def _end() -> None:
            # Called between two attempts, of which there is no last one.
            if self._ended.is_set():
                raise SystemExit

        return self.connection.ensure_connection(callback=_end)


class BeatThread:
    """Beat as a thread of this process, until ``stop``."""

    def __init__(self, app: Celery) -> None:
        self._ended = threading.Event()
        self._service = Service(
            app,
            scheduler_cls=partial(PromptScheduler, ended=self._ended, alive_file=None),
            remote_control=False,
        )
        self._thread = threading.Thread(target=self._service.start, name="beat", daemon=True)

    def start(self) -> None:
        """Begin to publish what is due."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """End; waits at most so long for the message in hand."""
        self._ended.set()
        self._service.stop()
        self._thread.join(seconds)


class BeatProgram(Beat):
    """Beat as this process, until SIGTERM or SIGINT. A second signal ends it in the middle of what it does."""

    def __init__(self, app: Celery, *, alive_file: Path | None, log_level: str) -> None:
        self._ended = threading.Event()
        super().__init__(
            app=app,
            scheduler=partial(PromptScheduler, ended=self._ended, alive_file=alive_file),
            loglevel=log_level,
            quiet=True,
            redirect_stdouts=False,
        )

    def install_sync_handler(self, service: Service) -> None:
        """Called by Celery before it begins."""

        def _end(_number: int, _frame: FrameType | None) -> None:
            if self._ended.is_set():
                raise SystemExit(1)
            self._ended.set()
            service.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
