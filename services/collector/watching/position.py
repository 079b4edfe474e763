"""How far a watch has come, and whether another may go on from there. Pure."""

from dataclasses import dataclass

from shared.domain.watching import WatchMethod
from shared.language import declared

_FIRST = declared("Live changes were turned on.")

Key = tuple[str, str]
"""A site, and the key of one of its directories."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a watch has come, and by whose numbers. ``scope`` is a hash of what it asks for.

    ``usn`` is the controller's newest number before the last answer, from which changes are told again; ``usn_after`` the one
    after it, up to which the answer may have told. ``host`` is the controller's IP address.
    """

    server: str
    invocation_id: str
    method: WatchMethod
    cookie: bytes | None
    usn: int
    scope: str
    host: str = ""
    usn_after: int | None = None


def why_anew(position: Position | None, invocation_id: str, usn: int) -> str:
    """Why what the controller says cannot be joined to the last answer, in a sentence; empty when it can.

    Update sequence numbers and cookies are one controller's own: its invocationId changes when it is restored from a
    backup (MS-DRSR 5.166), and a number below the last one says that it was set back without that.
    """
    if position is None:
        return _FIRST
    if not invocation_id or invocation_id != position.invocation_id:
        return declared("Another domain controller is watched, or the last one was restored from a backup.")
    if usn < position.usn:
        return declared("The domain controller was set back to an earlier state.")
    if position.method is WatchMethod.DIRSYNC and not position.cookie:
        return _FIRST
    return ""
