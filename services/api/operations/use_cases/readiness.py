"""Whether this process is ready: one look at a time, in a thread of its own, for all who ask meanwhile.

So a process whose threads are all at work, or that is asked by many at once, is not taken for one that is unwell.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from services.api.operations.use_cases import doctor
from services.api.operations.use_cases.broker_health import BrokerHealth
from shared.worker.context import Context


class ReadinessLook:
    """Looks for whoever asks; used in one event loop."""

    def __init__(self, context: Context, broker: BrokerHealth) -> None:
        self._context = context
        self._broker = broker
        self._thread = ThreadPoolExecutor(1, "readiness")
        self._looking: asyncio.Future[dict[str, bool]] | None = None

    async def checks(self) -> dict[str, bool]:
        """Each check and whether it is well; ``broker`` is there when all others are."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._thread, self._look)
        return await asyncio.shield(self._looking)

    def _look(self) -> dict[str, bool]:
        checks = {check.name: check.ok for check in doctor.ready(self._context)}
        return checks | {"broker": self._broker.answers()} if all(checks.values()) else checks
