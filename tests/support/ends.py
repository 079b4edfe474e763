"""Both ends of a site, from the sandbox, and the settings that reach them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from tests.support.phone_system import phone_system_settings


@dataclass(frozen=True, slots=True)
class Ends:
    """A directory and a phone system, running."""

    directory: RunningDirectory
    phone_system: RunningPhoneSystem

    @property
    def staff_unit(self) -> str:
        """The unit that holds all others."""
        return self.directory.units[0].partition(",")[2]

    def settings(self) -> dict[str, dict[str, Any]]:
        """The sections of the settings that compare the whole staff with the phone system."""
        return {
            "directory": {
                "servers": [self.directory.url.partition("//")[2]],
                "tls_name": self.directory.tls_name,
                "ca_certificate": self.directory.ca_certificate,
                "user": self.directory.user,
                "password": self.directory.password,
                "units": [{"dn": self.staff_unit}],
            },
            "phone_system": phone_system_settings(self.phone_system),
        }


@contextmanager
def running_ends(people: int, options: PhoneSystemOptions) -> Iterator[Ends]:
    """Both ends, with so many people and the phone system's own extensions."""
    with RunningDirectory(build_company(people)) as directory, RunningPhoneSystem(options) as phone_system:
        yield Ends(directory, phone_system)
