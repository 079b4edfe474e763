"""A small company, a phone system, and a Rollcall between them: in this process, or as processes to be killed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.sandbox.directory import RunningDirectory
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import RunState
from shared.domain.plan import CONFLICTS_WAIT, Severity
from tests.faults.deployment import Deployment, deployment
from tests.support.phone_system import phone_system_settings
from tests.support.redis import RedisServer, redis_server
from tests.support.site import Site, embedded_site
from tests.support.staff import Staff, directory_settings

# Limits that no small test reaches, so that a run is held only where the test is about that.
FREE = {"removals": 1000, "disables": 1000, "updates": 1000, "people_down_percent": 100}


@dataclass(frozen=True, slots=True)
class World:
    """Both ends, both able to fail."""

    staff: Staff
    directory: RunningDirectory
    phone_system: RunningPhoneSystem

    def sections(self, **sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The settings that connect both ends; ``sections`` replace or add to them."""
        directory = directory_settings(self.directory, *self.staff.units) | sections.pop("directory", {})
        phone_system = phone_system_settings(self.phone_system, concurrency=4) | sections.pop(
            "phone_system", {}
        )
        return {"directory": directory, "phone_system": phone_system, "limits": FREE, "rules": {}} | sections

    def fault(self, kind: str, method: str = "", path: str = "", **more: Any) -> None:
        """Switch a fault of the phone system on."""
        problem = self.phone_system.faults.add({"kind": kind, "method": method, "path": path} | more)
        assert problem is None, problem

    def release(self) -> None:
        """Let the held requests go on."""
        httpx.post(
            f"{self.phone_system.base_url}/sandbox/release", trust_env=False, verify=False
        ).raise_for_status()


def settle(site: Site) -> None:
    """A run, approved when held, that must end well."""
    run = site.complete()
    assert run.state in (RunState.DONE, RunState.IN_STEP), (run.error_message, site.story())


def assert_in_step(site: Site) -> None:
    """The next run must have nothing to do, and says "in sync" unless a person must settle something."""
    run = site.complete()
    assert [(row.kind, row.number, row.reason) for row in site.commands(run.id)] == []
    found = [row for rows in site.findings(run.id).values() for row in rows]
    waits = any(row.severity == Severity.CONFLICT for row in found)
    said = (RunState.DONE, CONFLICTS_WAIT) if waits else (RunState.IN_STEP, None)
    assert (run.state, run.error_code) == said, run.error_message


@pytest.fixture
def world() -> Iterator[World]:
    """Nobody hired yet; five extensions that nobody in the directory knows, 100 to 104."""
    staff = Staff()
    with (
        RunningDirectory(staff.directory) as directory,
        RunningPhoneSystem(PhoneSystemOptions(extensions=5)) as phone_system,
    ):
        yield World(staff, directory, phone_system)
        phone_system.faults.clear()


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    """A Rollcall in this process between both ends, whose leases end soon."""
    with embedded_site(tmp_path, lease_seconds=1.5) as made:
        made.configure(world.sections())
        yield made


@pytest.fixture
def broker() -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    with redis_server() as server:
        yield server


@pytest.fixture
def processes(broker: RedisServer, world: World) -> Iterator[Deployment]:
    """A Rollcall of separate processes between both ends; none is started yet."""
    with deployment(broker.url) as made:
        made.configure(world.sections())
        yield made
