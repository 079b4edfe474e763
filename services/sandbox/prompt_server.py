"""uvicorn in a thread, which ends at once: its own server looks every 0.1 s whether it shall, and then waits 0.1 s more."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

import uvicorn

_END_SECONDS = 10
_LOOK_SECONDS = 1.0


class PromptServer(uvicorn.Server):
    """Serves in a thread of its own, between ``start`` and ``stop``."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, listening: Sequence[socket.socket], name: str) -> None:
        """Serve on sockets that listen already, so that the first request may come at once."""

        loop = self._loop = asyncio.new_event_loop()

        def _run() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self.serve(sockets=list(listening)))

        self._thread = threading.Thread(target=_run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all connections, whatever they wait for, and end the thread."""
        if self._loop is None or self._thread is None:
            return
        self.should_exit = self.force_exit = True
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(_END_SECONDS)

    async def main_loop(self) -> None:
        """Called by uvicorn; ends with ``stop``. Looks now and then all the same, for the date in its answers."""
        while not await self.on_tick(0):
            try:
                await asyncio.wait_for(self._ended.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn when ``main_loop`` has ended."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            connection.transport.close()
