"""A real second controller that lags behind the first: a joiner stays, and whoever was dismissed does not come back."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from services.collector.active_directory import ActiveDirectory
from services.collector.controller import ended, reading_of
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import Run, RunState
from shared.domain.reading import Freshness, Reading, is_at_least_as_fresh
from shared.errors import GlobalCatalogPort
from shared.settings.documents import DirectorySettings
from tests.integration.end_to_end.conftest import FREE
from tests.support.office import Office
from tests.support.phone_system import extension, phone_system_settings, picture
from tests.support.samba import SambaDomain, samba_domain
from tests.support.site import Site, embedded_site

pytestmark = [pytest.mark.samba, pytest.mark.xdist_group("two controllers")]


class Pair:
    """The first controller, one that lags, and a unit with Ada (201) and Bob (202) on both."""

    def __init__(self, first: SambaDomain, folder: Path, stack: ExitStack) -> None:
        self.first = first
        self._stack = stack
        with first.administrator() as connection:
            office = Office(first, connection, "Lag")
            self.unit = office.unit("Sales")
            self.dns = {
                login: office.hire(self.unit, login, number)
                for login, number in (("ada", "201"), ("bob", "202"))
            }
        first.stop()
        self.second = first.replica(folder)
        stack.callback(self.second.kill)
        first.start()
        self.second.start()

    def office(self) -> Office:
        """To change people on the first controller."""
        connection = self._stack.enter_context(self.first.administrator())
        return Office(self.first, connection, "Lag", is_new=False)

    def settings(self) -> dict[str, Any]:
        """The section ``directory``; the first controller is asked first."""
        return {
            "servers": [self.first.address, self.second.address],
            "ca_certificate": self.first.ca_certificate + self.second.ca_certificate,
            "tls_name": self.first.tls_name,
            "user": self.first.user,
            "password": self.first.password,
            "units": [{"dn": self.unit}],
            "connect_timeout_seconds": 20,
        }

    def read(self, which: SambaDomain) -> Reading:
        """A reading of one of them."""
        only = DirectorySettings.model_validate(self.settings() | {"servers": [which.address]})
        with ActiveDirectory(only) as directory:
            return ended(directory, reading_of(directory))


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both controllers."""
    with ExitStack() as stack:
        # Not the test's own folder, whose name is too long for the sockets below it.
        folder = stack.enter_context(TemporaryDirectory(prefix="rollcall-dc-"))
        yield Pair(stack.enter_context(samba_domain()), Path(folder) / "second", stack)


@pytest.fixture
def phone_system() -> Iterator[RunningPhoneSystem]:
    """A phone system without extensions."""
    with RunningPhoneSystem(PhoneSystemOptions(extensions=0)) as running:
        yield running


def _run(site: Site) -> tuple[Run, set[str]]:
    run = site.complete()
    assert run.state in (RunState.DONE, RunState.IN_STEP), (run.error_message, site.story())
    return run, set(site.findings(run.id))


def test_nothing_goes_back_on_a_controller_that_lags(
    pair: Pair, phone_system: RunningPhoneSystem, tmp_path: Path
) -> None:
    then, other = pair.read(pair.first), pair.read(pair.second)
    assert is_at_least_as_fresh(pair.read(pair.first), then) is Freshness.PROVEN
    assert other.knows.keys() == {then.invocation_id} != {other.invocation_id}
    office = pair.office()
    with embedded_site(tmp_path / "data") as site:
        site.configure(
            {
                "directory": pair.settings(),
                "phone_system": phone_system_settings(phone_system),
                "limits": FREE,
                "rules": {"when_disabled": "delete", "when_deleted": "delete"},
            }
        )
        _run(site)
        office.hire(pair.unit, "nora", "399")
        office.change(pair.dns["ada"], telephoneNumber="301", sn="Married")
        office.disable(pair.dns["bob"])
        _run(site)
        before = picture(phone_system)
        assert {"301", "399"} <= before.keys()
        assert not {"201", "202"} & before.keys()

        assert is_at_least_as_fresh(pair.read(pair.second), pair.read(pair.first)) is Freshness.BEHIND
        pair.first.stop()
        for _ in range(2):
            run, found = _run(site)
            assert picture(phone_system) == before
            assert (run.state, run.error_code) == (RunState.DONE, "controller_behind")
            assert found == {"controller_behind"}
        pair.first.start()
        assert pair.read(pair.first).invocation_id == then.invocation_id
        run, found = _run(site)
        assert (run.state, found) == (RunState.IN_STEP, set())
        assert picture(phone_system) == before
        assert extension(phone_system, "301")["LastName"] == "Married"


def test_the_global_catalog_is_refused_by_its_port(pair: Pair) -> None:
    # Stored by an earlier release; saving it is refused.
    stored = pair.settings() | {"servers": [f"{pair.first.address}:3269"]}
    settings = DirectorySettings.model_validate(stored, context={"is_stored": True})
    with (
        pytest.raises(GlobalCatalogPort, match="numbers would seem to be missing"),
        ActiveDirectory(settings),
    ):
        pytest.fail("signed in")
