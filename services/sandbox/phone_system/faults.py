"""Faults that can be switched on while the sandbox runs, each for some requests and some times.

A fault is an object such as ``{"kind": "drop_after", "method": "POST", "path": "/Users$", "times": 1}``:

- ``drop_before`` / ``drop_after``: the connection closes before, or after, the request took effect
- ``hold_before`` / ``hold_after``: the answer waits for ``POST /sandbox/release``, before or after the effect
- ``status``: answers ``status`` (500, 502, 503, 429 ...) with ``body`` ``html``, ``empty`` or ``odata`` and,
  if given, ``retry_after``; nothing takes effect
- ``latency``: waits ``ms`` milliseconds
- ``steal_token``: another client has asked for a token; ours is worth nothing any more
- ``edit``: somebody changes a field in the console just before: ``number``, ``changes``
"""

import asyncio
import re
from typing import Any

KINDS = (
    "drop_before", "drop_after", "hold_before", "hold_after", "status", "latency", "steal_token", "edit",
)  # fmt: skip
_FIELDS = {
    "kind",
    "method",
    "path",
    "times",
    "skip",
    "status",
    "body",
    "retry_after",
    "ms",
    "number",
    "changes",
}


class Faults:
    """The faults that are switched on, and the requests that are being held."""

    def __init__(self) -> None:
        self.switched_on: list[dict[str, Any]] = []
        self.held = 0
        self.fired: list[str] = []
        self._release = asyncio.Event()

    def add(self, fault: Any) -> str | None:
        """Switch a fault on; a sentence when it is malformed."""
        if not isinstance(fault, dict) or fault.get("kind") not in KINDS or set(fault) - _FIELDS:
            return (
                f"A fault needs a kind, one of {', '.join(KINDS)}, and may have {', '.join(sorted(_FIELDS))}."
            )
        try:
            re.compile(str(fault.get("path", "")))
        except re.error:
            return "The path is not a regular expression."
        self.switched_on.append({"times": 1, "skip": 0, "method": "", "path": ""} | fault)
        return None

    def clear(self) -> None:
        """Switch everything off and let go what is held."""
        self.switched_on.clear()
        self.release()

    def release(self) -> None:
        """Let go what is held now; later requests are held again."""
        self._release.set()
        self._release = asyncio.Event()

    async def hold(self) -> None:
        """Wait until released."""
        self.held += 1
        try:
            await self._release.wait()
        finally:
            self.held -= 1

    def take(self, method: str, path: str) -> list[dict[str, Any]]:
        """The faults that strike this request; each is used up by one of its times."""
        struck = []
        for fault in list(self.switched_on):
            if fault["method"] not in ("", method) or not re.search(fault["path"], path):
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            fault["times"] -= 1
            if fault["times"] <= 0:
                self.switched_on.remove(fault)
            self.fired.append(fault["kind"])
            struck.append(fault)
        return struck
