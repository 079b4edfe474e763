"""Keeps the log short, whatever happens on the network: so many lines of a kind in a minute, and no tracebacks of libraries."""

import logging
import time

LINES = 10
SECONDS = 60.0
_LIBRARIES = ("asyncio", "uvicorn")


class Quiet(logging.Filter):
    """Lets ``LINES`` lines through that were written at one place of the code, then counts until the minute is over."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; the first of another minute says how many were not."""
        # Where it was written, as the text may hold anything: there are only so many places.
        place = (record.pathname, record.lineno)
        now = time.monotonic()
        began, lines = self._seen.get(place, (float("-inf"), 0))
        if now - began >= SECONDS:
            left_out = lines - LINES
            if left_out > 0:
                record.msg, record.args = f"{record.getMessage()} ({left_out} more like this before)", ()
            began, lines = now, 0
        self._seen[place] = (began, lines + 1)
        if record.name.partition(".")[0] in _LIBRARIES:
            self._shorten(record)
        return lines < LINES

    def _shorten(self, record: logging.LogRecord) -> None:
        message = record.getMessage().partition("\n")[0][:300]
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            message = f"{message}: {type(error).__name__}"
        record.msg, record.args, record.exc_info, record.exc_text = message, (), None, None
