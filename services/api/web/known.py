"""Whose credentials were good a moment ago: kept in memory, of a few thousand callers, as hashes.

It decides only how much somebody may ask for, never what they may do.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers

SESSION_COOKIE = "rollcall_session"
_SECONDS = 300.0
_MOST = 4096
_LONGEST = 200
_KEY = "rollcall.known"


class KnownCallers:
    """Credentials that were good within the last minutes."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def note(self, credential: str) -> None:
        """It was good just now."""
        key = _hash(credential)
        self._seen[key] = time.monotonic()
        self._seen.move_to_end(key)
        while len(self._seen) > _MOST:
            self._seen.popitem(last=False)

    def knows(self, credential: str) -> bool:
        """Whether it was good within the last minutes."""
        noted = self._seen.get(_hash(credential))
        return noted is not None and time.monotonic() - noted < _SECONDS

    def introduce(self, scope: MutableMapping[str, Any]) -> None:
        """Let whoever handles this request note what they find out."""
        scope[_KEY] = self


def note_signed_in(scope: Mapping[str, Any], credential: str) -> None:
    """The request's credential is good."""
    known = scope.get(_KEY)
    if isinstance(known, KnownCallers):
        known.note(credential)


def credential_of(scope: Mapping[str, Any]) -> str:
    """The token or session that the request brings along, good or not; empty without one that could be."""
    headers = Headers(scope=scope)  # type: ignore[arg-type]
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and 0 < len(token) <= _LONGEST:
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("Cookie", "")[:8192]).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie is not None and len(cookie.value) <= _LONGEST else ""


def _hash(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogateescape")).digest()
