"""The life of every piece of work that a message asks for: its turn, its claim, a heartbeat, its failure, what follows.

A kind of work says what its claim is made of: the lease of a part (``parts``), or a lease for a whole run (``runs``).
Its writes name the holder, so a worker that was paused past its claim can change nothing that the next one does.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from billiard.exceptions import SoftTimeLimitExceeded

from shared.errors import LeaseHeld, RollcallError
from shared.work.bulkhead import turn
from shared.work.deadline import Deadline
from shared.work.heartbeat import Heartbeat, beating
from shared.work.leases import new_holder
from shared.worker.context import Context

W = TypeVar("W", bound="Work")


class Work(ABC):
    """One attempt of this process at a piece of work."""

    def __init__(self, context: Context, name: str) -> None:
        self.context = context
        self.name = name
        self.holder = new_holder()
        self.heartbeat = Heartbeat(context.settings.lease_seconds)
        self.deadline = Deadline(context.settings.task_seconds)

    @abstractmethod
    def is_suspect(self) -> bool:
        """Whether the end it needs did not answer last time, so that it must wait for its turn."""

    @abstractmethod
    def postpone(self) -> None:
        """It was not its turn: see to it that it is asked for again."""

    @abstractmethod
    def take(self) -> bool:
        """Claim it; ``False`` when there is nothing to do. After too many claims that just expired it is failed."""

    @abstractmethod
    def renew(self) -> bool:
        """Keep the claim for longer; ``False`` when it is not ours any more."""

    @abstractmethod
    def fail(self, error: RollcallError) -> float:
        """Note the failure, with a sentence in the Log: in how many seconds what follows is due."""

    @abstractmethod
    def end(self, *, is_done: bool) -> None:
        """Give the claim back; ``is_done`` when the work came to its end."""

    @abstractmethod
    def hand_on(self, seconds: float) -> None:
        """Publish what is due in so many seconds."""


@contextmanager
def claimed(context: Context, work: W) -> Iterator[W | None]:
    """The work, ours for the block, or ``None`` when there is nothing to do now.

    Failures of the block are noted as the kind of work has it, and whatever is due then is published. Loops of the block
    call ``work.deadline.check``; what hangs all the same keeps its claim no longer than a task may take.

    :raises LeaseHeld: another worker has it, or has taken over meanwhile.
    """
    with turn(context, is_suspect=work.is_suspect()) as has_turn:
        if not has_turn:
            work.postpone()
        if not has_turn or not work.take():
            yield None
            return
        is_done, seconds = False, 0.0
        deadline = work.deadline = Deadline(context.settings.task_seconds)
        seconds_of_lease = context.settings.lease_seconds
        try:
            with beating(work.renew, seconds_of_lease, work.name, deadline) as work.heartbeat:
                yield work
            is_done = True
        except LeaseHeld:
            raise
        except SoftTimeLimitExceeded:
            seconds = work.fail(deadline.exceeded())
        except RollcallError as error:
            seconds = work.fail(error)
        finally:
            work.end(is_done=is_done)
    work.hand_on(seconds)
