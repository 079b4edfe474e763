"""A site without workers: its runs are read part by part by the test itself, as a worker would."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from services.api.settings.use_cases import sections as site_settings
from services.collector.absent import locate_absent
from services.collector.snapshot import snapshot_unit
from services.sandbox.directory import RunningDirectory
from shared.database.pages import read_items
from shared.database.tables import Event, PartKind, PartState, Run, RunState, SnapshotPart
from shared.domain.person import AbsentPerson, Person
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import SiteSettings
from shared.worker.context import Context

SITE = "default"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Json = dict[str, Any]


class Collecting:
    """One site and the runs whose parts the test reads itself, as a worker would."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def configure(self, directory: Json, **sections: Json) -> None:
        """Save the settings; the phone system is never asked here."""
        phone_system = {"base_url": "https://pbx.example.test:5001", "client_id": "x", "client_secret": "y"}
        given = {"directory": directory, "phone_system": phone_system, **sections}
        site_settings.apply_settings(self.context, SITE, given, actor="test")

    def settings(self) -> SiteSettings:
        """The settings as they are stored."""
        with self.context.database.read() as session:
            return store.read(session, SITE, self.context.encryption).settings

    def runs(self) -> list[str]:
        """What started the runs so far."""
        with self.context.database.read() as session:
            return list(session.scalars(select(Run.trigger).order_by(Run.id)))

    def start(self) -> int:
        """A new run; one that still collects is cancelled."""
        with self.context.database.begin() as session:
            session.execute(
                update(Run)
                .where(Run.state == RunState.COLLECTING.value)
                .values(state=RunState.CANCELLED.value)
            )
            return start_run(session, RunRequest(SITE), self.context.encryption).id

    def read(self) -> list[SnapshotPart]:
        """A new run with every unit tried once; its units."""
        run_id = self.start()
        for part in self.units(run_id):
            snapshot_unit(self.context, part.id)
        return self.units(run_id)

    def read_again(self, part: SnapshotPart) -> SnapshotPart:
        """The next attempt at a part, without waiting until it is due."""
        with self.context.database.begin() as session:
            session.execute(update(SnapshotPart).values(next_attempt_at=None))
        snapshot_unit(self.context, part.id)
        return self.part(part.id)

    def locate(self, run_id: int) -> dict[str, AbsentPerson]:
        """Who is stated to be absent, by objectGUID; the part must complete."""
        with self.context.database.read() as session:
            part_id = session.scalars(
                select(SnapshotPart.id).where(
                    SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.ABSENT.value
                )
            ).one()
        locate_absent(self.context, part_id)
        assert self.part(part_id).state == PartState.COMPLETE, self.part(part_id).error_message
        return {one.guid: one for one in read_items(self.context.database, part_id, AbsentPerson)}

    def units(self, run_id: int) -> list[SnapshotPart]:
        """The unit parts of a run, in the order of the settings."""
        with self.context.database.read() as session:
            return list(
                session.scalars(
                    select(SnapshotPart)
                    .where(SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.UNIT.value)
                    .order_by(SnapshotPart.position)
                )
            )

    def part(self, part_id: int) -> SnapshotPart:
        """A part as it stands."""
        with self.context.database.read() as session:
            return session.get_one(SnapshotPart, part_id)

    def people(self, part: SnapshotPart) -> list[Person]:
        """Who was read in a complete part."""
        assert part.state == PartState.COMPLETE, part.error_message
        found = list(read_items(self.context.database, part.id, Person))
        assert len(found) == part.item_count
        return found

    def log(self) -> list[str]:
        """The messages of the Log."""
        with self.context.database.read() as session:
            return list(session.scalars(select(Event.message).order_by(Event.id)))


def sandbox_settings(running: RunningDirectory, units: list[str] | None = None, **changes: Any) -> Json:
    """The section ``directory`` that reads a sandbox directory."""
    return {
        "servers": [f"127.0.0.1:{running.port}"],
        "ca_certificate": running.ca_certificate,
        "user": running.user,
        "password": running.password,
        "units": [{"dn": dn} for dn in (running.units if units is None else units)],
        "connect_timeout_seconds": 3,
        "receive_timeout_seconds": 1,
    } | changes
