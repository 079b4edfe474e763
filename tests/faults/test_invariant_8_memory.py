"""Invariant 8: memory of every process stays flat as people grow. Here the collector, from 1,000 to 10,000 people."""

import json
import os
import subprocess
import sys
from pathlib import Path

from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import RunningPhoneSystem
from tests.support.databases import database_url
from tests.support.phone_system import phone_system_settings
from tests.support.site import embedded_site
from tests.support.staff import directory_settings

# Two pages of 1,000 entries, raw and decoded, and what the allocator keeps of them.
MOST_GROWTH_MB = 12
# Reads all units of the run that waits, in a process of its own; prints its peak memory in kB and the people.
# VmHWM and not ru_maxrss, which a child inherits from the process that started it.
_COLLECTOR = r"""
import json, re
from pathlib import Path
from services.cli.deployment import open_deployment
from services.collector.snapshot import snapshot_unit
from shared.database.tables import SnapshotPart
from shared.process_settings import load
from sqlalchemy import select

context = open_deployment(load())
with context.database.read() as session:
    units = session.scalars(select(SnapshotPart.id).where(SnapshotPart.kind == "unit")).all()
for unit in units:
    snapshot_unit(context, unit)
with context.database.read() as session:
    read = session.scalars(select(SnapshotPart.item_count).where(SnapshotPart.kind == "unit")).all()
peak = re.search(r"VmHWM:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
print(json.dumps([int(peak[1]), sum(read)]))
"""


def peak_memory_mb(folder: Path, people: int) -> float:
    """The peak resident memory of a collector that reads a company of so many people."""
    company = build_company(people)
    folder.mkdir()
    with RunningDirectory(company) as directory, RunningPhoneSystem() as phone_system:
        # The workers end before the run starts, so that its parts wait for the process that is measured.
        with embedded_site(folder) as site:
            site.configure(
                {
                    "directory": directory_settings(directory, *company.units),
                    "phone_system": phone_system_settings(phone_system),
                }
            )
        site.start_run()
        site.context.database.close()
        done = subprocess.run(
            [sys.executable, "-c", _COLLECTOR],
            env=os.environ | {"ROLLCALL_DATA": str(folder), "ROLLCALL_DATABASE_URL": database_url(folder)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    kilobytes, read = json.loads(done.stdout.splitlines()[-1])
    assert read == people
    return float(kilobytes) / 1024


def test_memory_of_the_collector_stays_flat_from_1000_to_10000_people(tmp_path: Path) -> None:
    small = peak_memory_mb(tmp_path / "small", 1_000)
    large = peak_memory_mb(tmp_path / "large", 10_000)
    print(f"peak memory: {small:.0f} MB at 1,000 people, {large:.0f} MB at 10,000")
    assert large - small <= MOST_GROWTH_MB
