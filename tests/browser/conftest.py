"""The console served by uvicorn, Chromium, and windows signed in as somebody of each role."""

from collections.abc import Callable, Iterator

import playwright.sync_api as web
import pytest
from sqlalchemy import select

from services.api.access.sessions import open_session
from services.cli.deployment import workers
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import Account
from shared.worker.context import Context
from tests.browser.windows import Windows, chromium
from tests.integration.console.conftest import address, context, people, ready
from tests.support.ends import Ends, running_ends
from tests.support.site import Site

__all__ = ["address", "context", "people", "ready"]

Open = Callable[..., web.Page]
PEOPLE = 12


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs Chromium, and keep a file's tests on one worker: starting it takes its time."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group(f"browser-{item.path.stem}"))


# Not of the whole session: while Playwright runs, no other test of the process could use asyncio.
@pytest.fixture(scope="package")
def chrome() -> Iterator[web.Browser]:
    """The browser of this folder's tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def windows(chrome: web.Browser, address: str) -> Iterator[Windows]:
    """Windows on the test's console; whatever their pages did and must not fails the test."""
    made = Windows(chrome, address)
    try:
        yield made
    finally:
        made.close()
    assert made.mistakes == []


@pytest.fixture
def window(windows: Windows, context: Context) -> Open:
    """Open a window, signed in as the account of that name or as nobody."""

    def _open(name: str = "", **options: int | bool) -> web.Page:
        if not name:
            return windows.open(**options)  # type: ignore[arg-type]
        with context.database.read() as session:
            account = session.scalars(select(Account).where(Account.name == name)).one()
        return windows.open(open_session(context, account, "127.0.0.1"), **options)  # type: ignore[arg-type]

    return _open


@pytest.fixture
def ends(context: Context) -> Iterator[Ends]:
    """A directory of a few people, a phone system with three extensions, and the workers that reach them."""
    with running_ends(PEOPLE, PhoneSystemOptions(extensions=3)) as made, workers(context):
        yield made


@pytest.fixture
def site(context: Context, ends: Ends) -> Site:
    """The site of the test, set up to compare both ends."""
    made = Site(context)
    made.configure(ends.settings())
    return made
