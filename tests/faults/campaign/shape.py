"""Rollcall in its production shape between two ends: every process apart, a wire of ours on every connection."""

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from sqlalchemy import select

from services.api.access.tokens import create_token
from services.api.operations.use_cases.backup import Backup
from services.api.settings.use_cases import pairing
from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.sites import create_site
from services.sandbox.relay_data.build import Mailbox
from shared.database.tables import Lease, Run, SnapshotPart
from shared.errors import RollcallError
from tests.faults.campaign.directories import WindowsDomain
from tests.faults.campaign.ends import CompanyDirectory, Ends, stand_in, two_stand_ins
from tests.faults.campaign.plan import Form
from tests.faults.campaign.servers import Broker, Clock, Disk, Servers, family, signal_all, small_disk
from tests.faults.campaign.wires import Wire, wire_to
from tests.faults.deployment import Deployment
from tests.integration.relay.peer import ServedRelay, served
from tests.integration.relay.phones import Phones, make_phones
from tests.support import databases, forked
from tests.support.forked import Process
from tests.support.postgresql import PostgresServer
from tests.support.receivers import WebServer
from tests.support.site import SITE

LEASE_SECONDS, SWEEP_SECONDS = 3.0, 1.0
ARCHIVE = "104"
_BRANCH = "branch"
_LIVE = {"is_enabled": True, "mode": "every", "every_minutes": 1440, "live": True}
# What the phone system's own database knows; the first of them have voicemails and recordings.
_NUMBERS = [str(number) for number in range(2001, 2101)]
_WITH_MAIL = _NUMBERS[:8]
_FEW, _MANY = 5, 215
_SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_TAKING_OVER_SECONDS = 4 * LEASE_SECONDS
# Of each kind so many processes are kept running.
KEPT = {"worker": 2, "beat": 1, "watch": 1, "api": 1}
_ANSWER_SECONDS = 20


class Processes(Deployment):
    """A deployment whose data lie on a disk of their own, its logs elsewhere."""

    clocks: tuple[Clock, ...] = ()
    """That of each host; every second worker runs on the second one."""

    def __init__(self, data: Path, logs: Path, broker_url: str, **options: Any) -> None:
        super().__init__(
            data, broker_url, lease_seconds=LEASE_SECONDS, sweep_seconds=SWEEP_SECONDS, **options
        )
        self.folder = logs

    def _start(self, command: list[str], name: str, extra: Mapping[str, str]) -> Process:
        path = self.folder / f"{name}-{len(self._processes)}.log"
        self._logs.append(path)
        clock = self.clocks[name == "worker" and len(self._processes) % 2] if self.clocks else None
        environment = os.environ | self.environment | dict(extra) | (clock.environment if clock else {})
        process = forked.start(command, environment, path, prefix=clock.prefix if clock else ())
        self._processes.append(process)
        return process


class Shape:
    """What an episode plays on: one or two sites. ``keep_running`` is the supervisor: called after every step."""

    def __init__(self, form: Form, servers: Servers, stack: ExitStack) -> None:
        self.form, self.servers = form, servers
        self.backups: list[Backup] = []
        """Those that were taken, oldest first."""
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-campaign-")))
        directory: CompanyDirectory
        if form.directory == "samba":
            directory = WindowsDomain(servers.samba(), f"Campaign{time.time_ns() % 10**9}")
        else:
            directory = two_stand_ins(stack) if form.directory == "two stand-ins" else stand_in(stack)
        self.main = Ends(SITE, directory, _MANY if form.is_large else _FEW, stack)
        self.ends = [self.main]
        if form.has_branch:
            self.ends.append(Ends(_BRANCH, stand_in(stack, "branch.example.test", 3), _FEW, stack))
        self.broker: Broker = servers.broker(form.broker)
        self.postgresql: PostgresServer | None = None
        self.disk: Disk | None
        self.wires: dict[str, Wire] = {}
        for ends in self.ends:
            prefix = "" if ends is self.main else f"{ends.site_id}'s "
            self.wires |= {f"{prefix}{name}": wire for name, wire in ends.wires.items()}
        self.receiver = WebServer()
        self.taken: list[str] = []
        """The ids of the notices that the receiver has taken, in order."""
        self.receiver.on_arrival = self._take
        self._receiving = stack.enter_context(ExitStack())
        self.start_receiver()
        self._wire("receiver", "127.0.0.1", self.receiver.port)
        self._wire("broker", "127.0.0.1", self.broker.port)
        data, own_url, seen_url = folder / "data", "", ""
        if form.database == "postgresql":
            self.postgresql, name = servers.postgresql(), servers.new_database()
            self.disk = servers.disk
            self._wire("database", "127.0.0.1", self.postgresql.port)
            own_url = self.postgresql.url(name)
            seen_url = f"postgresql+psycopg://rollcall@127.0.0.1:{self.wires['database'].port}/{name}"
        else:
            self.disk = stack.enter_context(small_disk("sqlite"))
            data = self.disk.folder / "data"
            stack.enter_context(databases.using(databases.Kind.SQLITE))
            databases.deployment_settings(data)
        data.mkdir(exist_ok=True)
        backend = servers.redis().url if form.broker != "redis" else ""
        self.site = Processes(
            data, folder, self.broker.url, result_backend_url=backend, own_database_url=own_url
        )
        stack.callback(self.site.stop)
        if seen_url:
            self.site.environment["ROLLCALL_DATABASE_URL"] = seen_url
        through = self.broker.url.replace(f":{self.broker.port}", f":{self.wires['broker'].port}")
        self.site.environment["ROLLCALL_BROKER_URL"] = through
        if not backend:
            self.site.environment["ROLLCALL_RESULT_BACKEND_URL"] = through
        if form.has_own_clock:
            self.site.clocks = servers.clocks()
            self.set_clocks(0)
        self.token = create_token(self.site.context, "campaign")
        self.running: dict[str, list[Process]] = {kind: [] for kind in KEPT}
        self.api_address = ""
        self.phones: Phones | None = None
        self.kept: Counter[str] = Counter()
        """Every voicemail and recording of the phone system's host."""
        self.relay: ServedRelay | None = None
        self._relays = ExitStack()
        stack.callback(self._relays.close)

    def _wire(self, name: str, host: str, port: int) -> None:
        self.wires[name] = self._stack.enter_context(wire_to(host, port))

    # --- the settings --------------------------------------------------------------------------------------

    def configure(self) -> None:
        """Connect both ends; with a relay, leavers are archived before they are deleted."""
        sections = self.main.sections()
        if self.form.has_relay:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-phones-")))
            boxes = [
                Mailbox(number, "Mailbox", number, *((2, 2) if number in _WITH_MAIL else ()))
                for number in _NUMBERS
            ]
            database = self.servers.cluster().cleared_database()
            self.phones = make_phones(folder, database, [Mailbox(ARCHIVE, "Archive", ""), *boxes])
            self.kept = self.phones.account().contents()
            self.main.book.when_deleted = self._lose
            self.start_relay()
            assert self.relay is not None
            self._wire("relay", "127.0.0.1", self.relay.port)
            sections["archive"] = {"is_enabled": True, "extension": ARCHIVE}
            sections["relay"] = {
                "host": "127.0.0.1", "port": self.wires["relay"].port, "public_key": self.relay.public_key, "timeout_seconds": 3,
            }  # fmt: skip
        for ends in self.ends:
            if ends is not self.main:
                create_site(self.site.context, ends.site_id, "campaign")
                sections = ends.sections()
            sections["notifications"] = {
                "webhook_url": f"http://127.0.0.1:{self.wires['receiver'].port}/hook",
                "webhook_secret": _SIGNING,
            }
            if self.form.is_live:
                sections["schedule"] = _LIVE
            apply_settings(self.site.context, ends.site_id, sections, actor="campaign")

    def pair(self) -> None:
        """With the relay, if there is one: a worker does it."""
        if self.relay is not None:
            pairing.pair_relay(self.site.context, SITE, self.relay.code, actor="campaign")

    def _lose(self, number: str) -> None:
        """3CX deletes what lies in the folders of an extension with it."""
        assert self.phones is not None
        with suppress(FileNotFoundError, psycopg.Error):
            self.phones.lose(number)

    def start_relay(self) -> None:
        """Serve it, on the same port as before."""
        assert self.phones is not None
        self._relays.close()
        port = self.relay.port if self.relay else 0
        self.relay = self._relays.enter_context(served(self.phones, port=port))

    def start_receiver(self) -> None:
        """Serve the receiver of notices."""
        self._receiving.close()
        self.receiver.status = 202
        self._receiving.enter_context(self.receiver.up())

    def stop_receiver(self) -> None:
        """Refuse connections to it."""
        self._receiving.close()

    def _take(self) -> None:
        if self.receiver.status < 300:
            self.taken.append(self.receiver.requests[-1][1]["webhook-id"].removeprefix("msg_"))

    def set_clocks(self, seconds: int) -> None:
        """How far the clocks of all hosts go before the real one."""
        for clock in self.site.clocks:
            clock.set(seconds)

    # --- the processes -------------------------------------------------------------------------------------

    def keep_running(self) -> None:
        """Start again what has ended."""
        for kind, wanted in KEPT.items():
            if kind == "watch" and not self.form.is_live:
                continue
            alive = [process for process in self.running[kind] if process.poll() is None]
            while len(alive) < wanted:
                alive.append(self._start(kind))
            self.running[kind] = alive

    def _start(self, kind: str) -> Process:
        if kind == "api":
            try:
                process, self.api_address = self.site.start_api()
            except TimeoutError as error:
                raise AssertionError(f"{error}\n{self.site.story()}") from error
            return process
        starts: dict[str, Callable[[], Process]] = {
            "worker": self.site.start_worker, "beat": self.site.start_beat, "watch": self.site.start_watch,
        }  # fmt: skip
        return starts[kind]()

    def pids(self, kind: str) -> list[int]:
        """All processes of a server or of one of ours, with their children."""
        if kind == "database":
            assert self.postgresql is not None
            assert self.postgresql._process is not None
            return family(self.postgresql._process.pid)
        if kind == "relay":
            assert self.relay is not None
            return family(self.relay.process.pid)
        return [pid for process in self.running[kind] for pid in family(process.pid)]

    def wait_until_taken_over(self, pids: Collection[int]) -> None:
        """Wait until none of these holds a lease any more. Clocks that are off may make one last for hours: not for long."""
        deadline = time.monotonic() + _TAKING_OVER_SECONDS
        while self._hold_leases(pids) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _hold_leases(self, pids: Collection[int]) -> bool:
        with self.site.context.database.read() as session:
            holders = [
                *session.scalars(select(Lease.holder).where(Lease.expires_at > datetime.now(UTC))),
                *session.scalars(
                    select(SnapshotPart.lease_holder).where(SnapshotPart.lease_expires_at > datetime.now(UTC))
                ),
            ]
        names = {str(pid) for pid in pids}
        return any(names & {*holder.split(":")} for holder in holders if holder)

    def freeze(self, pids: list[int], seconds: float) -> None:
        """Stop processes for a while."""
        signal_all(pids, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            signal_all(pids, signal.SIGCONT)

    def heal(self) -> None:
        """Everything works again."""
        for wire in self.wires.values():
            wire.mend()
        for ends in self.ends:
            ends.phone_system.faults.switched_on.clear()
            ends.directory.heal()
        self.release()
        # A relay refuses whoever's clock is far off.
        self.set_clocks(0)
        self.start_receiver()
        if self.disk is not None:
            self.disk.free()
        if self.postgresql is not None and not _answers(self.postgresql):
            self.postgresql.stop()
            self.postgresql.start()
        self.keep_running()

    def release(self) -> None:
        """Let held requests go on."""
        for ends in self.ends:
            with suppress(httpx.HTTPError):
                httpx.post(f"{ends.phone_system.base_url}/sandbox/release", trust_env=False, timeout=30)

    # --- asking --------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """What the API answers; nothing while it does not."""
        try:
            return httpx.request(
                method, f"{self.api_address}/api/v1{path}", json=body, timeout=_ANSWER_SECONDS, trust_env=False,
                headers={"Authorization": f"Bearer {self.token}"},
            )  # fmt: skip
        except httpx.HTTPError:
            return None

    def look_at_runs(self) -> None:
        """See which runs there are and which have ended, by this process's clock."""
        before = [ends.book.now() for ends in self.ends]
        try:
            with self.site.context.database.read() as session:
                rows = session.execute(select(Run.site_id, Run.id, Run.kind, Run.state, Run.error_code)).all()
        except RollcallError:
            return
        for ends, moment in zip(self.ends, before, strict=True):
            ends.see(
                [
                    (row.id, row.kind, row.state, row.error_code)
                    for row in rows
                    if row.site_id == ends.site_id
                ],
                moment,
            )

    def newest_run(self) -> int | None:
        """The id of the newest run of any site that was seen."""
        return max((run.id for ends in self.ends for run in ends.runs), default=None)


def _answers(server: PostgresServer) -> bool:
    try:
        server.execute("SELECT 1")
    except Exception:
        return False
    return True


@contextmanager
def watched(shape: Shape) -> Iterator[None]:
    """Somebody looks at the runs twice a second."""
    is_over = threading.Event()

    def _look() -> None:
        while not is_over.wait(0.5):
            shape.look_at_runs()

    thread = threading.Thread(target=_look, name="looking at runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        shape.look_at_runs()


@contextmanager
def shape_of(form: Form, servers: Servers) -> Iterator[Shape]:
    """Rollcall, configured and running, between an empty directory and a phone system with five extensions."""
    with ExitStack() as stack:
        shape = Shape(form, servers, stack)
        shape.configure()
        shape.keep_running()
        shape.pair()
        stack.enter_context(watched(shape))
        yield shape
