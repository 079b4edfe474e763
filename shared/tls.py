"""What TLS connections trust is kept for some minutes: to read the certificates of all authorities takes longer than
most tasks. What changes on the host is noticed afterwards.

The oldest version of TLS is said here: some Pythons (Debian's) are built to allow whatever the host's OpenSSL does.
"""

import ssl
import time
from collections.abc import Callable
from functools import lru_cache, wraps

OLDEST_TLS = ssl.TLSVersion.TLSv1_2

_KEPT_SECONDS = 300
_MOST = 64


def kept_for_a_while(make: Callable[[str], ssl.SSLContext]) -> Callable[[str], ssl.SSLContext]:
    """``make``, which gives the same context again for the same certificate. What it raises is not kept."""

    @lru_cache(_MOST)
    def _made(ca_certificate: str, _period: int) -> ssl.SSLContext:
        context = make(ca_certificate)
        context.minimum_version = OLDEST_TLS
        return context

    @wraps(make)
    def _kept(ca_certificate: str) -> ssl.SSLContext:
        return _made(ca_certificate, int(time.monotonic() // _KEPT_SECONDS))

    return _kept
