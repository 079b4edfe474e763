"""A few people in a sandbox directory, in two units, and the changes of a day; quick, and able to fail on purpose."""

from typing import Any

from services.sandbox.directory import Directory, RunningDirectory
from services.sandbox.directory import names as dn_names


class Staff:
    """A directory, ``corp.example.test``, with OU=Sales and OU=Support; people are named by their login."""

    def __init__(self, domain: str = "corp.example.test", seed: int = 1) -> None:
        self.directory = Directory(domain, seed=seed)
        self.sales = self.directory.add_unit("Sales")
        self.support = self.directory.add_unit("Support")
        self._guids: dict[str, Any] = {}

    @property
    def units(self) -> tuple[str, str]:
        """Both units."""
        return self.sales, self.support

    def hire(self, login: str, number: str | None, unit: str | None = None, **attributes: Any) -> str:
        """A new account, in OU=Sales unless said otherwise; the objectGUID as text."""
        values: dict[str, Any] = {
            "objectClass": "user",
            "sAMAccountName": login,
            "givenName": f"Given{login}",
            "sn": f"Family{login}",
            "mail": f"{login}@corp.example.test",
            "telephoneNumber": number,
        } | attributes
        entry = self.directory.add(dn_names.child("CN", login, unit or self.sales), values)
        self._guids[login] = entry.guid
        return str(entry.guid)

    def hire_many(self, count: int, first_number: int = 2000) -> list[str]:
        """So many people named p0000 and on, every second one in OU=Support."""
        logins = [f"p{index:04}" for index in range(count)]
        for index, login in enumerate(logins):
            self.hire(login, str(first_number + index), self.units[index % 2])
        return logins

    def dn(self, login: str) -> str:
        """Where the person is now."""
        entry = self.directory.find_guid(self._guids[login])
        assert entry is not None
        return entry.dn

    def guid(self, login: str) -> str:
        """Their objectGUID as text."""
        return str(self._guids[login])

    def change(self, login: str, **attributes: Any) -> None:
        """Replace attributes; ``None`` clears one."""
        self.directory.modify(self.dn(login), attributes)

    def leave(self, login: str) -> None:
        """Delete the account."""
        self.directory.delete(self.dn(login))

    def move(self, login: str, unit: str) -> None:
        """Into another unit."""
        self.directory.move(self.dn(login), unit)

    def set_enabled(self, login: str, enabled: bool) -> None:
        """Enable or disable the account."""
        self.directory.set_enabled(self.dn(login), enabled)


def directory_settings(served: RunningDirectory, *units: str, **changes: Any) -> dict[str, Any]:
    """The section ``directory`` of the settings that reads these units of a sandbox directory."""
    return {
        "servers": [served.url.partition("//")[2]],
        "ca_certificate": served.ca_certificate,
        "tls_name": served.tls_name,
        "user": served.user,
        "password": served.password,
        "units": [{"dn": unit} for unit in units],
        "receive_timeout_seconds": 5,
    } | changes
