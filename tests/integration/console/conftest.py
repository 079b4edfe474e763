"""The console served by uvicorn, somebody of each role with an account, and browsers signed in as them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from services.api.access.accounts import add
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import workers
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import AccountRole
from shared.worker.context import Context
from tests.integration.api.conftest import SITE, answering, context, ready, serving
from tests.integration.console.browser import Browser
from tests.support.phone_system import phone_system_settings

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
    """The hash of everybody's password, cheap to check: what a real one costs is paid at every sign-in of a test."""
    kdf = Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=8)
    return kdf.derive_phc_encoded(PASSWORD.encode())


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


@pytest.fixture
def phone_system(context: Context) -> Iterator[RunningPhoneSystem]:
    """A phone system with the extensions 100 to 104, in the settings, and the workers that reach it."""
    with RunningPhoneSystem(PhoneSystemOptions(extensions=5)) as phone_system, workers(context):
        settings.apply_settings(context, SITE, {"phone_system": phone_system_settings(phone_system)}, "test")
        yield phone_system
