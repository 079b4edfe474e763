"""The directories a company can have: one or two stand-ins, which can lie, or a real domain controller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.sandbox.directory import RunningDirectory
from tests.support.office import Office
from tests.support.samba import SambaDomain
from tests.support.staff import Staff, directory_settings


class StandIn:
    """The stand-in directory: dies, falls silent or answers wrongly on purpose."""

    def __init__(self, staff: Staff, running: RunningDirectory) -> None:
        self.running = running
        self._staff = staff
        self.units = staff.units
        self.elsewhere = staff.directory.add_unit("Withdrawn")

    @property
    def address(self) -> tuple[str, int]:
        """Where it is served."""
        return "127.0.0.1", self.running.port

    def settings(self) -> dict[str, Any]:
        """The section ``directory``."""
        return directory_settings(self.running, *self.units)

    def home(self, login: str) -> "StandIn | WindowsDomain":
        """The domain that somebody is in."""
        return self

    def hire(self, login: str, number: str, unit: str) -> None:
        """A new account."""
        self._staff.hire(login, number, unit)

    def change(self, login: str, **attributes: Any) -> None:
        """Replace attributes."""
        self._staff.change(login, **attributes)

    def move(self, login: str, unit: str) -> None:
        """Into another unit."""
        self._staff.move(login, unit)

    def leave(self, login: str) -> None:
        """Delete the account."""
        self._staff.leave(login)

    def set_enabled(self, login: str, enabled: bool) -> None:
        """Enable or disable it."""
        self._staff.set_enabled(login, enabled)

    def heal(self) -> None:
        """Serve, and tell the truth."""
        self.running.faults.clear()
        if self.running._loop is None:
            self.running.start()


class TwoStandIns:
    """Two domains of one company. Whoever is hired into a unit of one stays in that domain."""

    def __init__(self, first: StandIn, second: StandIn) -> None:
        self.parts = (first, second)
        self.units = (*first.units, *second.units)
        self.elsewhere = first.elsewhere
        self._homes: dict[str, StandIn] = {}

    def home(self, login: str) -> StandIn:
        """The domain that somebody is in."""
        return self._homes[login]

    def hire(self, login: str, number: str, unit: str) -> None:
        """A new account."""
        self._homes[login] = next(part for part in self.parts if unit in part.units)
        self.home(login).hire(login, number, unit)

    def change(self, login: str, **attributes: Any) -> None:
        """Replace attributes."""
        self.home(login).change(login, **attributes)

    def move(self, login: str, unit: str) -> None:
        """Into the unit, or that which takes its place in their domain."""
        home = self.home(login)
        there = home.elsewhere if unit == self.elsewhere else home.units[self.units.index(unit) % 2]
        home.move(login, there)

    def leave(self, login: str) -> None:
        """Delete the account."""
        self.home(login).leave(login)

    def set_enabled(self, login: str, enabled: bool) -> None:
        """Enable or disable it."""
        self.home(login).set_enabled(login, enabled)

    def heal(self) -> None:
        """Serve, and tell the truth."""
        for part in self.parts:
            part.heal()


class WindowsDomain:
    """A domain controller of its own kind: Samba's."""

    def __init__(self, domain: SambaDomain, name: str) -> None:
        self.domain = domain
        self._name = name
        with domain.administrator() as connection:
            office = Office(domain, connection, name)
            self.units = (office.unit("Sales"), office.unit("Support"))
            self.elsewhere = office.unit("Withdrawn")
        self._dns: dict[str, str] = {}

    @property
    def address(self) -> tuple[str, int]:
        """Where it is served."""
        return self.domain.address, 636

    def settings(self) -> dict[str, Any]:
        """The section ``directory``."""
        with self._office() as office:
            return office.settings(self.units)

    @contextmanager
    def _office(self) -> Iterator[Office]:
        # A connection for each deed: the controller may have been away meanwhile.
        with self.domain.administrator() as connection:
            yield Office(self.domain, connection, self._name, is_new=False)

    def home(self, login: str) -> "StandIn | WindowsDomain":
        """The domain that somebody is in."""
        return self

    def hire(self, login: str, number: str, unit: str) -> None:
        """A new account."""
        with self._office() as office:
            mail = f"{login}@corp.example.test"
            self._dns[login] = office.hire(unit, login, number, mail=mail)

    def change(self, login: str, **attributes: Any) -> None:
        """Replace attributes."""
        with self._office() as office:
            office.change(self._dns[login], **attributes)

    def move(self, login: str, unit: str) -> None:
        """Into another unit."""
        with self._office() as office:
            self._dns[login] = office.move(self._dns[login], unit)

    def leave(self, login: str) -> None:
        """Delete the account."""
        with self._office() as office:
            office.delete(self._dns[login])

    def set_enabled(self, login: str, enabled: bool) -> None:
        """Enable or disable it."""
        with self._office() as office:
            (office.enable if enabled else office.disable)(self._dns[login])

    def heal(self) -> None:
        """Serve."""
        if self.domain._process is None:
            self.domain.start()
        else:
            self.domain.thaw()
