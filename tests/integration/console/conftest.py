"""The console served by uvicorn, somebody of each role with an account, and browsers signed in as them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from services.api.console.access.accounts import add
from services.api.console.access.passwords.own import hash_password
from shared.database.tables import AccountRole
from shared.worker.context import Context
from tests.integration.api.conftest import answering, context, ready, serving
from tests.integration.console.browser import Browser

__all__ = ["answering", "context", "ready"]

PASSWORD = "quiet river stone"
Open = Callable[..., Browser]


@pytest.fixture
def people(context: Context) -> None:
    """One account of each role: mary manages, oscar operates, vera views."""
    with context.database.begin() as session:
        for name, role in (
            ("mary", AccountRole.MANAGER),
            ("oscar", AccountRole.OPERATOR),
            ("vera", AccountRole.VIEWER),
        ):
            add(session, name, name.title(), role, password_hash(), "test")


@cache
def password_hash() -> str:
    """The hash of everybody's password: slow to make, so made once."""
    return hash_password("somebody", PASSWORD)


@pytest.fixture
def address(context: Context) -> Iterator[str]:
    """Where the console is served."""
    with serving(context) as client:
        yield str(client.base_url)


@pytest.fixture
def browser(address: str) -> Iterator[Open]:
    """Open a browser, signed in as somebody or as nobody."""
    with ExitStack() as stack:

        def _open(name: str = "") -> Browser:
            made = stack.enter_context(Browser(address))
            if name:
                assert made.sign_in(name, PASSWORD).response.url.path == "/console/"
            return made

        yield _open
