"""A phone system, a database that knows it, and a way to run commands against it without a planner."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from services.relay_client.archiving.archive import ArchiveReceipt, ArchiveRequest, NoRelay
from services.relay_client.execution.execute import execute_stage
from services.relay_client.xapi.client import Xapi
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared import encryption
from shared.database.commands import command_values
from shared.database.engine import Database
from shared.database.tables import BindingRow, CommandRow, Event, PartState, Run, RunState, SnapshotPart
from shared.domain.command import Command, CommandKind, CommandState
from shared.runs.start import RunRequest, start_run
from shared.settings import store
from shared.settings.documents import DirectorySettings, PhoneSystemSettings, UnitSettings
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.support.databases import deployment_settings
from tests.support.releases import give_a_release


class Silent(Context):
    """A context that publishes nothing: the test calls the next stage itself."""

    def publish(self, messages: object, countdown: float = 0) -> None:
        """Do nothing."""


class Bench:
    """One site, its phone system, and runs made of given commands."""

    def __init__(self, phone_system: RunningPhoneSystem, context: Context, base_url: str) -> None:
        self.phone_system = phone_system
        self.context = context
        self.base_url = base_url
        self.archiver: Any = VerifyingArchiver()

    def settings(self, **changes: Any) -> PhoneSystemSettings:
        """The site's settings for the phone system, with changes."""
        with self.context.database.read() as session:
            stored = store.read(session, "default", self.context.encryption).settings.phone_system
        values = stored.model_dump() | {"client_secret": stored.client_secret.get_secret_value()}
        return PhoneSystemSettings.model_validate(values | changes)

    def configure(self, **changes: Any) -> None:
        """Change the site's settings for the phone system."""
        settings = self.settings(**changes)
        with self.context.database.begin() as session:
            store.write(session, "default", settings, actor="test", encryption=self.context.encryption)

    def xapi(self, further: tuple[str, ...] = (), **changes: Any) -> Xapi:
        """A client of its own, as another worker would have it."""
        settings = self.settings(**changes)
        return Xapi(settings, self.context.database, self.context.encryption, further=further)

    def user(self, number: str) -> dict[str, Any]:
        """The user with this number as the phone system has it."""
        state = self.phone_system.state
        return state.user(state.user_by_number[number])

    def id_of(self, number: str) -> int:
        """The id of the user with this number."""
        return self.phone_system.state.user_by_number[number]

    def calls(self, operation: str) -> dict[str, list[dict[str, Any]]]:
        """What was really done, by number."""
        return {key: list(done) for key, done in self.phone_system.state.calls[operation].items()}

    def start(self, commands: Sequence[Command]) -> int:
        """A run in state executing with these commands, numbered in order."""
        with self.context.database.begin() as session:
            run = start_run(session, RunRequest("default"), self.context.encryption)
            run.state = RunState.EXECUTING.value
            session.execute(
                update(SnapshotPart)
                .where(SnapshotPart.run_id == run.id)
                .values(state=PartState.COMPLETE.value, completed_at=datetime.now(UTC))
            )
            rows = [
                command_values(run.id, replace(command, sequence=index))
                for index, command in enumerate(commands, start=1)
            ]
            session.execute(insert(CommandRow), rows)
            return run.id

    def end_collecting(self) -> None:
        """Cancel the run that is being read, so that another may start."""
        with self.context.database.begin() as session:
            session.execute(update(Run).values(state=RunState.CANCELLED.value))

    def leave_running(self, run_id: int, attempts: int = 1) -> None:
        """What a worker leaves behind that died with the run's commands in hand."""
        with self.context.database.begin() as session:
            session.execute(
                update(CommandRow)
                .where(CommandRow.run_id == run_id)
                .values(state=CommandState.RUNNING.value, attempts=attempts)
            )

    def changed(self, operation: str) -> dict[str, list[str]]:
        """By number, every field (or nothing, for a deletion) that was really changed, in order."""
        return {
            key: [name for item in items if item["changed"] for name in item["fields"]]
            for key, items in self.calls(operation).items()
        }

    def drain(self, run_id: int) -> Run:
        """Execute stage after stage until the run has ended."""
        for _stage in range(50):
            execute_stage(self.context, run_id, self.archiver)
            run = self.run(run_id)
            if run.state != RunState.EXECUTING:
                return run
        raise AssertionError("the run does not end")

    def execute(self, *commands: Command) -> list[CommandRow]:
        """Run the commands to the end and give back their rows."""
        run_id = self.start(commands)
        self.drain(run_id)
        return self.rows(run_id)

    def run(self, run_id: int) -> Run:
        """The run as it stands."""
        with self.context.database.read() as session:
            return session.get_one(Run, run_id)

    def rows(self, run_id: int) -> list[CommandRow]:
        """The commands of the run as they stand."""
        with self.context.database.read() as session:
            return list(
                session.scalars(
                    select(CommandRow).where(CommandRow.run_id == run_id).order_by(CommandRow.sequence)
                )
            )

    def bindings(self) -> dict[str, tuple[int, str, bool]]:
        """(extension id, number, disabled by us) of every bound person."""
        with self.context.database.read() as session:
            return {
                row.person_guid: (row.extension_id, row.number, row.is_disabled_by_rollcall)
                for row in session.scalars(select(BindingRow))
            }

    def log(self) -> list[str]:
        """The messages of the Log."""
        with self.context.database.read() as session:
            return list(session.scalars(select(Event.message).order_by(Event.id)))


class VerifyingArchiver(NoRelay):
    """A faithful stand-in for the relay: moves, remembers, verifies."""

    def __init__(self, *, is_verified: bool = True) -> None:
        self.archived: list[str] = []
        self.is_verified = is_verified

    def archive(self, request: ArchiveRequest) -> ArchiveReceipt:
        """Note the number; give the receipt that the test asked for."""
        self.archived.append(request.number)
        return ArchiveReceipt(self.is_verified, items=1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Spread the tests over the releases of 3CX."""
    give_a_release(metafunc)


@pytest.fixture
def options(release: str) -> PhoneSystemOptions:
    """Ten extensions, 100 to 109."""
    return PhoneSystemOptions(extensions=10, release=release)


@pytest.fixture
def bench(tmp_path: Path, options: PhoneSystemOptions) -> Iterator[Bench]:
    """A site with its phone system."""
    process = deployment_settings(tmp_path, lease_seconds=5)
    database = Database(process.effective_database_url)
    secrets = encryption.load(process)
    with RunningPhoneSystem(options) as phone_system:
        with database.begin() as session:
            for document in (
                DirectorySettings(servers=("dc1",), units=(UnitSettings(dn="OU=Sales,DC=x"),)),
                PhoneSystemSettings.model_validate(
                    {
                        "base_url": phone_system.base_url,
                        "client_id": phone_system.client_id,
                        "client_secret": phone_system.client_secret,
                        "timeout_seconds": 2,
                        "concurrency": 4,
                    }
                ),
            ):
                store.write(session, "default", document, actor="test", encryption=secrets)
        yield Bench(
            phone_system, Silent(create_app(process), process, database, secrets), phone_system.base_url
        )
    database.close()


def creation(index: int = 1, **after: Any) -> Command:
    """Create extension 200 + index for Anna<index> Berg."""
    number = str(200 + index)
    values: dict[str, Any] = {
        "number": number,
        "first_name": f"Anna{index}",
        "last_name": "Berg",
        "email": f"anna{index}@corp.example.test",
        "enabled": True,
    }
    return Command(
        0,
        CommandKind.CREATE_EXTENSION,
        "test",
        number,
        f"guid-{index}",
        f"Anna{index} Berg",
        after=values | after,
    )


def change(bench: Bench, kind: CommandKind, number: str, before: Any, after: Any, **more: Any) -> Command:
    """A command about an extension that exists."""
    return Command(
        0,
        kind,
        "test",
        number,
        f"guid-{number}",
        "Somebody",
        bench.id_of(number),
        before=before,
        after=after,
        **more,
    )
