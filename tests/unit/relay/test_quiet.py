"""The relay's log stays short whatever the network does, and says how much it left out."""

import logging

import pytest

from services.relay import quiet


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What a handler with the filter writes."""
    caplog.handler.addFilter(quiet.Quiet())
    caplog.set_level(logging.INFO)
    return caplog


def _refuse(text: str) -> None:
    logging.getLogger("rollcall.relay").warning("refused a request from %s", text)


def test_lines_of_one_kind_are_few_in_a_minute_and_counted(
    written: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1000):
        _refuse(str(number))
    assert len(written.messages) == quiet.LINES
    logging.getLogger("rollcall.relay").info("operation %s: %s", "archive-0001", "done")
    assert written.messages[-1] == "operation archive-0001: done"
    monkeypatch.setattr(quiet, "SECONDS", 0.0)
    _refuse("the next minute")
    assert written.messages[-1] == "refused a request from the next minute (990 more like this before)"


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error"])
def test_libraries_leave_no_traceback(written: pytest.LogCaptureFixture, name: str) -> None:
    try:
        raise OSError(24, "Too many open files")
    except OSError:
        logging.getLogger(name).exception("socket.accept() out of system resource\nsocket: <...>")
    assert written.messages == ["socket.accept() out of system resource: OSError"]
    assert "Traceback" not in written.text
