"""One queue per service; a task's name says which: ``collector.snapshot_unit`` goes to ``collector``."""

from collections.abc import Sequence
from enum import StrEnum


class Queue(StrEnum):
    """The queues a worker may listen to."""

    COLLECTOR = "collector"
    RECONCILER = "reconciler"
    RELAY_CLIENT = "relay_client"
    SCHEDULER = "scheduler"
    NOTIFIER = "notifier"


# Has too little to do for a process of its own: the worker of the first takes messages of the second along.
TAKEN_ALONG = {Queue.SCHEDULER: Queue.NOTIFIER}


def served_by(chosen: Sequence[Queue]) -> list[Queue]:
    """The queues that a worker which was told to serve these takes messages from."""
    return list(dict.fromkeys([*chosen, *(TAKEN_ALONG[queue] for queue in chosen if queue in TAKEN_ALONG)]))


def queue_of(task: str) -> Queue:
    """The queue of a task by its name.

    :raises ValueError: the name belongs to no service.
    """
    return Queue(task.partition(".")[0])
