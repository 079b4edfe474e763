"""Both ends and a Rollcall between them; each test has an organizational unit and a data folder of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import ldap3
import pytest

from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import RunState
from tests.support.office import Office
from tests.support.phone_system import phone_system_settings
from tests.support.releases import give_a_release
from tests.support.samba import SambaDomain
from tests.support.site import Site, embedded_site

_offices = count(1)
# Limits that no small test reaches, so that a run is held only where the test is about that.
FREE = {
    "removals": 1000,
    "disables": 1000,
    "updates": 1000,
    "people_down_percent": 100,
}


@dataclass(frozen=True, slots=True)
class Ends:
    """The directory at one end, the phone system at the other, and the site that keeps them in step."""

    office: Office
    phone_system: RunningPhoneSystem
    site: Site

    def configure(self, units: list[Any], **sections: dict[str, Any]) -> None:
        """Connect both ends; ``sections`` are merged over what that needs."""
        directory = self.office.settings(units) | sections.pop("directory", {})
        self.site.configure(
            {
                "directory": directory,
                "phone_system": phone_system_settings(self.phone_system),
                "limits": FREE,
                # As they are where none were ever saved: leavers are deleted at once.
                "rules": {},
            }
            | sections
        )

    def settle(self) -> None:
        """A run, approved when held, that must end well."""
        run = self.site.complete()
        assert run.state in (RunState.DONE, RunState.IN_STEP), (run.error_message, self.site.story())

    def assert_in_step(self, *, but_for: str | None = None) -> None:
        """The next run must have nothing to do, and says so but for the code of what waits for a person."""
        run = self.site.complete()
        left = [(row.kind, row.number, row.reason) for row in self.site.commands(run.id)]
        assert left == []
        state = RunState.IN_STEP if but_for is None else RunState.DONE
        assert (run.state, run.error_code) == (state, but_for)


@pytest.fixture(scope="session")
def administrator(samba: SambaDomain) -> Iterator[ldap3.Connection]:
    """A connection with all rights."""
    with samba.administrator() as connection:
        yield connection


@pytest.fixture
def office(samba: SambaDomain, administrator: ldap3.Connection) -> Office:
    """An organizational unit for this test alone."""
    return Office(samba, administrator, f"Office{next(_offices)}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spread the tests over the releases of 3CX."""
    give_a_release(metafunc)


@pytest.fixture
def options(release: str) -> PhoneSystemOptions:
    """Five extensions nobody in the directory knows, 100 to 104."""
    return PhoneSystemOptions(extensions=5, release=release)


@pytest.fixture
def ends(tmp_path: Path, office: Office, options: PhoneSystemOptions) -> Iterator[Ends]:
    """Both ends and the site, not configured yet."""
    with RunningPhoneSystem(options) as phone_system, embedded_site(tmp_path) as site:
        yield Ends(office, phone_system, site)
