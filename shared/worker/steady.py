"""When beat publishes next: by a clock that nobody sets.

Celery's own schedule goes by the wall clock: one that is set back two hours keeps sweep and tick away for as long.
"""

import time
from datetime import UTC, datetime, timedelta

from celery.schedules import schedule

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any moment of this clock: an entry that ran then is due at once."""
_BEGAN = datetime(2001, 1, 1, tzinfo=UTC)


def every(seconds: float) -> schedule:
    """A schedule that is due again so many seconds after it was, whatever happens to the wall clock."""
    return schedule(timedelta(seconds=seconds), nowfun=_now)


def _now() -> datetime:
    return _BEGAN + timedelta(seconds=time.monotonic())
