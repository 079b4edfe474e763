"""A snapshot of 10,000 people in 4 units of a real domain controller, beside ``ldapsearch`` reading the same.

Ours is what workers do: one ``snapshot_unit`` per unit, four at once, every page mapped to people and stored in
SQLite. The reference is ``ldapsearch`` (C, OpenLDAP) over LDAPS with pages of 1,000, the same filter and attributes,
its output thrown away: one unit after the other, as a script would; and, only told, four of them at once.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import select, update

from bench.report import Figure, best_of, best_of_both
from services.collector import selection
from services.collector.people import sources_of
from services.collector.snapshot import snapshot_unit
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import PartKind, PartState, Run, RunState, SnapshotPart
from shared.migrate import migrate
from shared.process_settings import load
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import AttributeSettings, DirectorySettings, PhoneSystemSettings, UnitSettings
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.support.samba import SambaDomain, person_ldif, samba_domain, unit_ldif
from tests.support.tools import require

PEOPLE = 10_000
FEW_PEOPLE = 1_000
UNITS = 4
REPEATS = 7
GOAL = 1.15
MEMORY_GOAL = 1.15


@dataclass(frozen=True, slots=True)
class Site:
    """What a reading needs to know of the controller; travels as JSON to the processes whose memory is measured."""

    address: str
    user: str
    password: str
    ca_certificate: str
    units: tuple[str, ...]
    people: int

    def settings(self, attributes: AttributeSettings = AttributeSettings()) -> DirectorySettings:
        """As an administrator would have set it."""
        return DirectorySettings(
            servers=(self.address,),
            user=self.user,
            password=SecretStr(self.password),
            ca_certificate=self.ca_certificate,
            units=tuple(UnitSettings(dn=unit, template_extension=None) for unit in self.units),
            attributes=attributes,
        )


def measure() -> list[Figure]:
    """Time against ``ldapsearch``, and the peak memory of a reader of 10,000 beside that of one of 1,000."""
    with samba_domain() as domain:
        many, few = fill(domain, "Many", PEOPLE), fill(domain, "Few", FEW_PEOPLE)
        with ldapsearch(many) as (search, count), reading(many) as read:
            found = sum(count(unit) for unit in many.units)
            if found != PEOPLE or read() != PEOPLE:
                raise AssertionError(
                    f"ldapsearch found {found:,} people, Rollcall {read():,}, not {PEOPLE:,}"
                )
            ours, reference = best_of_both(REPEATS, read, lambda: [search(unit) for unit in many.units])
            with ThreadPoolExecutor(UNITS) as pool:
                at_once = best_of(REPEATS, lambda: list(pool.map(search, many.units)))
        memory, least_memory = _peak_megabytes(many), _peak_megabytes(few)
    what = f"snapshot of {PEOPLE:,} people, {UNITS} units"
    return [
        Figure(what, ours, reference, GOAL, "against ldapsearch, one unit after the other"),
        Figure(what, ours, at_once, None, "against 4 ldapsearch at once"),
        Figure(
            f"peak memory, {PEOPLE:,} people",
            memory,
            least_memory,
            MEMORY_GOAL,
            f"against {FEW_PEOPLE:,} people, whose pages are a quarter full",
            unit="MB",
        ),
    ]


@contextmanager
def ldapsearch(site: Site) -> Iterator[tuple["partial[None]", "partial[int]"]]:
    """A function that reads one unit with ``ldapsearch``, and one that says how many people came so."""
    program = require(("ldapsearch",), "ldap-utils")["ldapsearch"]
    settings = site.settings()
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        ca, password = Path(folder, "ca.pem"), Path(folder, "password")
        ca.write_text(site.ca_certificate)
        password.touch(0o600)
        password.write_text(site.password)
        command = [
            program, "-x", "-LLL", "-o", "ldif-wrap=no", "-H", f"ldaps://{site.address}", "-D", site.user,
            "-y", str(password), "-E", f"pr={settings.page_size}/noprompt",
        ]  # fmt: skip
        asked = [selection.people(), *sources_of(settings).requested()]
        given = (command, asked, os.environ | {"LDAPTLS_CACERT": str(ca)})
        yield partial(_search, *given), partial(_count, *given)


def _search(command: list[str], asked: list[str], environment: dict[str, str], unit: str) -> None:
    """Output to the null device, so that nothing but the reading is measured."""
    subprocess.run([*command, "-b", unit, *asked], env=environment, stdout=subprocess.DEVNULL, check=True)


def _count(command: list[str], asked: list[str], environment: dict[str, str], unit: str) -> int:
    done = subprocess.run([*command, "-b", unit, *asked], env=environment, stdout=subprocess.PIPE, check=True)
    return done.stdout.count(b"\ndn:") + done.stdout.startswith(b"dn:")


@contextmanager
def reading(site: Site, attributes: AttributeSettings = AttributeSettings()) -> Iterator["partial[int]"]:
    """A function that starts a run, reads its units as workers do and returns how many people were stored."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        process = load({}, data=Path(folder))
        database = Database(process.effective_database_url)
        migrate(database)
        context = Context(create_app(process), process, database, encryption.load(process))
        phone_system = PhoneSystemSettings(base_url="https://pbx.example.test", client_id="bench")
        with database.begin() as session:
            for document in (site.settings(attributes), phone_system):
                store.write(session, "default", document, actor="bench", encryption=context.encryption)
        with ThreadPoolExecutor(UNITS) as workers:
            yield partial(_read, context, workers)
        database.close()


def _read(context: Context, workers: ThreadPoolExecutor) -> int:
    with context.database.begin() as session:
        session.execute(update(Run).values(state=RunState.CANCELLED.value))
        run_id = start_run(session, RunRequest("default"), context.encryption).id
        parts = session.scalars(
            select(SnapshotPart.id).where(
                SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value
            )
        ).all()
    list(workers.map(partial(snapshot_unit, context), parts))
    with context.database.read() as session:
        read = session.execute(
            select(SnapshotPart.state, SnapshotPart.item_count, SnapshotPart.error_message).where(
                SnapshotPart.id.in_(parts)
            )
        ).all()
    for state, _, error in read:
        if state != PartState.COMPLETE:
            raise RuntimeError(f"a unit was not read: {error}")
    return sum(items for _, items, _ in read)


def _peak_megabytes(site: Site) -> float:
    """The largest resident memory of a process of its own that reads the site once."""
    given = json.dumps([*(getattr(site, name) for name in Site.__slots__)])
    done = subprocess.run(
        [sys.executable, "-m", "bench.snapshot"], input=given, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def _peak_of_this_process() -> float:
    # VmHWM and not ru_maxrss: the latter begins with what the parent held when it started this process.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+([0-9]+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def fill(domain: SambaDomain, name: str, people: int) -> Site:
    """Units of that name with so many people."""
    top = f"OU={name},{domain.base_dn}"
    units = tuple(f"OU=Unit {index},{top}" for index in range(UNITS))
    domain.load(unit_ldif((top, *units)))
    domain.load("".join(_person(units[index % UNITS], name.lower(), index) for index in range(people)))
    return Site(domain.address, domain.user, domain.password, domain.ca_certificate, units, people)


def _person(unit: str, prefix: str, index: int) -> str:
    first, last = f"First{index % 997}", f"Lästname{index}"
    return person_ldif(
        unit,
        f"{prefix}{index}",
        cn=f"{first} {last}",
        givenName=first,
        sn=last,
        displayName=f"{first} {last}",
        mail=f"{prefix}{index}@corp.example.test",
        telephoneNumber=f"+1 801 555 0123 x{10_000 + index}",
        mobile=f"+1 801 555 {index:06d}",
        department=f"Department {index % 40}",
    )


def main(given: str) -> None:
    """Read the site once and print the peak memory in MB."""
    address, user, password, ca_certificate, units, people = json.loads(given)
    site = Site(address, user, password, ca_certificate, tuple(units), people)
    with reading(site) as read:
        if read() != people:
            raise AssertionError(f"not {people:,} people were read")
    print(_peak_of_this_process())


if __name__ == "__main__":
    main(sys.stdin.read())
