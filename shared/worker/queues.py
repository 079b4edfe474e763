"""One queue per service; a task's name says which: ``collector.snapshot_unit`` goes to ``collector``."""

from enum import StrEnum


class Queue(StrEnum):
    """The queues a worker may listen to."""

    COLLECTOR = "collector"
    RECONCILER = "reconciler"
    RELAY_CLIENT = "relay_client"
    SCHEDULER = "scheduler"


def queue_of(task: str) -> Queue:
    """The queue of a task by its name.

    :raises ValueError: the name belongs to no service.
    """
    return Queue(task.partition(".")[0])
