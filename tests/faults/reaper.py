"""Kills a worker at an exact moment: while somebody else holds what it waits for."""

from collections.abc import Callable

from tests.faults.conftest import World
from tests.faults.deployment import Deployment
from tests.support.forked import Process
from tests.support.waiting import wait_until


class Reaper:
    """Runs one worker; kills it (-9, with its children) in the middle of something and starts the next.

    ``moment`` is the fault that holds requests: with ``hold_after`` only the answer is lost, with ``hold_before``
    the request takes effect when the test releases it, long after its sender is dead.
    """

    def __init__(
        self, processes: Deployment, world: World, moment: str, start: Callable[[], Process]
    ) -> None:
        self.killed = 0
        self._processes = processes
        self._world = world
        self._moment = moment
        self._start = start
        self._worker = start()
        self._left_held = 0

    def hold(self, method: str, path: str, skip: int = 0) -> None:
        """Have the phone system hold one such request."""
        self._world.fault(self._moment, method, path, skip=skip)

    def strike_at_request(self, then_hold: tuple[str, str] | None = None) -> None:
        """Kill the worker that waits for a held request; its successor may meet ``then_hold``."""
        faults = self._world.phone_system.faults
        self.strike("a held request", lambda: faults.held > self._left_held, then_hold)
        if self._moment == "hold_before":
            self._left_held += 1
        else:
            self.release_all()

    def strike(
        self, what: str, is_held: Callable[[], bool], then_hold: tuple[str, str] | None = None
    ) -> None:
        """Wait until the worker is in the middle of it, kill it, and start the next."""
        try:
            wait_until(what, is_held, 60)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self._processes.story()}") from error
        self._processes.kill(self._worker)
        self.killed += 1
        if then_hold is not None:
            self.hold(*then_hold)
        self._worker = self._start()

    def release_all(self) -> None:
        """Let every held request go on, and wait until it has."""
        self._world.release()
        wait_until("the release", lambda: self._world.phone_system.faults.held == 0)
        self._left_held = 0
