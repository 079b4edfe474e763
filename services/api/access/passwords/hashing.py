"""The one place where Argon2id is computed: in a pool of few threads, so that memory stays bounded whoever asks.

``AT_ONCE`` × ``MEMORY_KIB``, with what the allocator keeps beside it at most 64 MiB, is all that passwords can take. Whoever finds the short queue full is turned away:
threads that wait for a hash serve nobody else.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from shared.errors import TooBusy
from shared.language import declared

AT_ONCE = 2
IN_QUEUE = 6
# OWASP's Password Storage Cheat Sheet: 19 MiB and two passes, so that many may sign in one after the other.
MEMORY_KIB = 19 * 1024
_PASSES = 2

T = TypeVar("T")
# Threads of its own: glibc keeps, for each thread that ever computed a hash, the memory it took.
_pool = ThreadPoolExecutor(AT_ONCE, "argon2")
_places = threading.BoundedSemaphore(AT_ONCE + IN_QUEUE)


def compute(secret: str) -> str:
    """The hash in PHC form; salt and parameters are part of it.

    :raises TooBusy: many passwords are being checked.
    """
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=_PASSES, lanes=1, memory_cost=MEMORY_KIB)
    return _in_turn(lambda: kdf.derive_phc_encoded(secret.encode()))


def matches(secret: str, stored: str) -> bool:
    """Whether ``stored`` is a hash of the secret.

    :raises TooBusy: many passwords are being checked.
    """
    try:
        _in_turn(lambda: Argon2id.verify_phc_encoded(secret.encode(), stored))
    except InvalidKey:
        return False
    return True


@contextmanager
def admitted() -> Iterator[None]:
    """A place in the queue for the block.

    :raises TooBusy: it is full.
    """
    if not _places.acquire(blocking=False):
        sentence = declared("Many passwords are being checked at the moment. Try again in a few seconds.")
        raise TooBusy(sentence, retry_after=3)
    try:
        yield
    finally:
        _places.release()


def _in_turn(work: Callable[[], T]) -> T:
    with admitted():
        return _pool.submit(work).result()
