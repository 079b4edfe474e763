"""The relay's log stays short whatever the network does, and says how much it left out."""

import io
import logging

import pytest

from rollcall_relay import quiet


class _Log:
    """Loggers of these names that nobody else has configured, and what a handler with the filter writes of them."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)
        self._handler.addFilter(quiet.Quiet())

    def named(self, name: str) -> logging.Logger:
        """A logger of this name."""
        made = logging.Logger(name)
        made.addHandler(self._handler)
        return made

    @property
    def lines(self) -> list[str]:
        """What was written."""
        return self._stream.getvalue().splitlines()


def test_lines_of_one_kind_are_few_in_a_minute_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _Log()
    relay = written.named("rollcall.relay")

    def _refuse(text: str) -> None:
        relay.warning("refused a request from %s", text)

    for number in range(1000):
        _refuse(str(number))
    assert len(written.lines) == quiet.LINES
    relay.info("operation %s: %s", "archive-0001", "done")
    assert written.lines[-1] == "operation archive-0001: done"
    monkeypatch.setattr(quiet, "SECONDS", 0.0)
    _refuse("the next minute")
    assert written.lines[-1] == "refused a request from the next minute (990 more like this before)"


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error"])
def test_libraries_leave_no_traceback(name: str) -> None:
    written = _Log()
    try:
        raise OSError(24, "Too many open files")
    except OSError:
        written.named(name).exception("socket.accept() out of system resource\nsocket: <...>")
    assert written.lines == ["socket.accept() out of system resource: OSError"]
