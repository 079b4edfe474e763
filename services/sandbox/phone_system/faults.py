"""Faults that can be switched on while the sandbox runs, each for some requests and some times.

A fault is an object such as ``{"kind": "drop_after", "method": "POST", "path": "/Users$", "times": 1}``:

- ``drop_before`` / ``drop_after``: the connection closes before, or after, the request took effect
- ``hold_before`` / ``hold_after``: the answer waits for ``POST /sandbox/release``, before or after the effect
- ``status``: answers ``status`` (500, 502, 503, 429, 302, even 200 ...) with ``body`` ``html``, ``empty`` or ``odata``
  and, if given, ``retry_after``; nothing takes effect
- ``lie``: a success that is not true, ``how``: ``empty_page``, ``earlier_page`` (the first one once more),
  ``wrong_count`` (``@odata.count`` is ``count``) or ``truncated`` JSON
- ``latency``: waits ``ms`` milliseconds
- ``steal_token``: another client has asked for a token; ours is worth nothing any more
- ``edit``: somebody changes a field in the console just before: ``number``, ``changes``
``method`` and ``path`` (a regular expression, searched in the path behind ``/xapi/v1``) say which requests it
strikes; ``/connect/token`` must be named. ``skip`` lets so many of them pass first.
"""

import asyncio
import re
from typing import Any

KINDS = (
    "drop_before", "drop_after", "hold_before", "hold_after", "status", "lie", "latency", "steal_token", "edit",
)  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "method": (str,),
    "path": (str,),
    "times": (int,),
    "skip": (int,),
    "status": (int,),
    "body": (str,),
    "retry_after": (int, float),
    "ms": (int, float),
    "how": (str,),
    "count": (int,),
    "number": (str,),
    "changes": (dict,),
}
_BODIES = ("html", "empty", "odata")
LIES = ("empty_page", "earlier_page", "wrong_count", "truncated")


class Faults:
    """The faults that are switched on, and the requests that are being held."""

    def __init__(self) -> None:
        self.switched_on: list[dict[str, Any]] = []
        self.held = 0
        self.fired: list[str] = []
        self._release = asyncio.Event()

    def add(self, fault: Any) -> str | None:
        """Switch a fault on; a sentence when it is malformed."""
        if not isinstance(fault, dict) or fault.get("kind") not in KINDS or not set(fault) <= set(_TYPES):
            return (
                f"A fault needs a kind, one of {', '.join(KINDS)}, and may have {', '.join(sorted(_TYPES))}."
            )
        for name, value in fault.items():
            if not isinstance(value, _TYPES[name]):
                return f"{name} must be {' or '.join(kind.__name__ for kind in _TYPES[name])}."
        if fault["kind"] == "status" and not 200 <= fault.get("status", 500) <= 599:
            return "status must be from 200 to 599."
        if fault.get("body", "html") not in _BODIES:
            return f"body must be one of {', '.join(_BODIES)}."
        if fault["kind"] == "lie" and fault.get("how") not in LIES:
            return f"how must be one of {', '.join(LIES)}."
        if fault["kind"] == "edit" and not {"number", "changes"} <= set(fault):
            return "An edit needs number and changes."
        try:
            re.compile(fault.get("path", ""))
        except re.error:
            return "path is not a regular expression."
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

    def take(self, method: str, path: str) -> dict[str, dict[str, Any]]:
        """The faults that strike this request, at most one of a kind; each is used up by one of its times."""
        struck: dict[str, dict[str, Any]] = {}
        for fault in list(self.switched_on):
            if fault["kind"] in struck or not _concerns(fault, method, path):
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            fault["times"] -= 1
            if fault["times"] <= 0:
                self.switched_on.remove(fault)
            self.fired.append(fault["kind"])
            struck[fault["kind"]] = fault
        return struck


def _concerns(fault: dict[str, Any], method: str, path: str) -> bool:
    # A fault for any path is one of the API; asking for a token fails only where it is named.
    if path == "/connect/token" and not fault["path"]:
        return False
    return fault["method"] in ("", method) and re.search(fault["path"], path) is not None
