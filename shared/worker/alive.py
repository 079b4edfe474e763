"""Shows a supervisor that a worker goes on: a file whose time is that of its last sign of life."""

from pathlib import Path

from celery.signals import heartbeat_sent


def show_of_worker(file: Path) -> None:
    """Touch the file whenever the worker of this process sends a heartbeat, every two seconds."""

    def _touch(**_signal: object) -> None:
        file.touch()

    heartbeat_sent.connect(_touch, weak=False)
