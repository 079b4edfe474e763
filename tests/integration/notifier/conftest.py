"""A deployment without workers, whose notifications are asked for as ``sweep`` would, and its receivers."""

from collections.abc import Iterator

import pytest

from tests.integration.api.conftest import context, ready
from tests.support.receivers import MailServer, WebServer

__all__ = ["context", "ready"]


@pytest.fixture
def mail() -> MailServer:
    """A mail server that is not up yet."""
    return MailServer()


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server that is up."""
    server = WebServer()
    with server.up():
        yield server
