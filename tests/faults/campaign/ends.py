"""Both ends of one site and what has happened at them: a directory, a phone system, its book, and the site's runs."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from services.sandbox.directory import RunningDirectory
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from tests.faults.campaign.book import Book, SeenRun
from tests.faults.campaign.directories import StandIn, TwoStandIns, WindowsDomain
from tests.faults.campaign.wires import Wire, wire_to
from tests.support.phone_system import phone_system_settings
from tests.support.site import ENDED
from tests.support.staff import Staff

CompanyDirectory = StandIn | TwoStandIns | WindowsDomain
_SECOND = "emea.example.test"
_PATIENCE = {"connect_timeout_seconds": 5, "receive_timeout_seconds": 5}
_FREE = {"removals": 1000, "disables": 1000, "updates": 1000, "people_down_percent": 100}


def stand_in(stack: ExitStack, *domain: Any) -> StandIn:
    """A directory of its own, served while the stack lasts."""
    staff = Staff(*domain)
    return StandIn(staff, stack.enter_context(RunningDirectory(staff.directory)))


def two_stand_ins(stack: ExitStack) -> TwoStandIns:
    """Two domains of one company."""
    return TwoStandIns(stand_in(stack), stand_in(stack, _SECOND, 2))


class Ends:
    """The ends of the site ``site_id``, each behind a wire of its own."""

    def __init__(self, site_id: str, directory: CompanyDirectory, extensions: int, stack: ExitStack) -> None:
        self.site_id, self.directory = site_id, directory
        self.phone_system: RunningPhoneSystem = stack.enter_context(
            RunningPhoneSystem(PhoneSystemOptions(extensions=extensions))
        )
        self.book = Book(self.phone_system.state)
        self.wires: dict[str, Wire] = {}
        """By what they lead to."""
        ports = {"phone system": ("127.0.0.1", int(self.phone_system.base_url.rpartition(":")[2]))}
        ports |= {name: domain.address for name, domain in self._domains().items()}
        for name, (host, port) in ports.items():
            self.wires[name] = stack.enter_context(wire_to(host, port))
        self._seen: dict[int, SeenRun] = {}
        self._last_look = 0.0

    def _domains(self) -> dict[str, StandIn | WindowsDomain]:
        if isinstance(self.directory, TwoStandIns):
            return dict(zip(("directory", "second directory"), self.directory.parts, strict=True))
        return {"directory": self.directory}

    @property
    def stand_ins(self) -> list[StandIn]:
        """Its directories that can lie."""
        return [domain for domain in self._domains().values() if isinstance(domain, StandIn)]

    def sections(self) -> dict[str, Any]:
        """The settings that connect both ends."""
        directory, *others = [
            domain.settings() | _PATIENCE | {"servers": [f"127.0.0.1:{self.wires[name].port}"]}
            for name, domain in self._domains().items()
        ]
        return {
            "directory": directory,
            "directories": {"others": [other | {"name": _SECOND} for other in others]},
            "phone_system": phone_system_settings(self.phone_system, concurrency=4)
            | {"base_url": f"http://127.0.0.1:{self.wires['phone system'].port}"},
            "limits": _FREE,
            "rules": {},
        }

    def see(self, runs: Iterable[tuple[int, str, str, str | None]], before: float) -> None:
        """Note which runs (id, kind, state, error code) there are and which have ended; asked for at ``before``."""
        now = self.book.now()
        for run_id, kind, state, code in runs:
            seen = self._seen.get(run_id)
            if seen is not None and seen.state in ENDED:
                continue
            after = seen.after if seen else self._last_look
            self._seen[run_id] = SeenRun(run_id, kind, state, code, after, now)
        self._last_look = before

    @property
    def runs(self) -> list[SeenRun]:
        """All that were seen."""
        return list(self._seen.values())

    def newest_run(self) -> int | None:
        """The id of the newest run that was seen."""
        return max(self._seen, default=None)
