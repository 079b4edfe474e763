"""``rollcall demo``: a made-up company, a sandbox phone system and a whole Rollcall in one process.

Works on a folder of its own, never on the deployment's data. Everything happens through the same use cases as in
earnest; the demo only plays the person who approves the first plan.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from sqlalchemy import select

from services.api.access import tokens
from services.api.log.use_cases.log import read_log
from services.api.runs.use_cases import runs
from services.api.settings.use_cases import sections as settings
from services.cli.console_commands import invitation
from services.cli.deployment import embedded, open_deployment
from services.cli.following import follow
from services.cli.options import DEFAULT_SITE, FAILED
from services.cli.output import console, print_json, show_commands, show_events, show_findings, show_run
from services.cli.processes import ended_by_signal
from services.cli.serving import listening, serve
from services.sandbox.directory import Company, RunningDirectory, build_company, change_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import Run, RunKind, RunState
from shared.database.watches import waiting_changes, watch_statuses
from shared.domain.command import CommandKind, CommandState
from shared.domain.rules import Outcome
from shared.domain.watching import is_watched
from shared.errors import AddressUnknown, StorageUnavailable
from shared.process_settings import ProcessSettings
from shared.settings.documents import SiteSettings
from shared.worker.context import Context

ACTOR = "demo"
FOLDER = Path(".demo")
_FILES = ("rollcall.db", "rollcall.db-wal", "rollcall.db-shm", "secret.key")
_TEMPLATE = "900"
# So many in a hundred have an extension already, with a mobile number that has changed since.
_KNOWN_ALREADY = 4
_COMMANDS_SHOWN = 12
_EVENTS_SHOWN = 14
# What is not live by then is left to the schedule.
_LIVE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the demo did: commands done by kind, and what stands in the phone system after it."""

    people: int
    created: int
    updated: int
    enabled: int
    disabled: int
    deleted: int
    findings: int
    extensions_after: int
    state: str
    seconds: float


def play(given: ProcessSettings, people: int, *, once: bool, as_json: bool) -> None:
    """Play the demo; ends at once, or when somebody stops it."""
    with _folder(once) as folder:
        process = _process(given, folder, once)
        context = open_deployment(process)
        phone_options = PhoneSystemOptions(extensions=6, max_extensions=200_000)
        company = build_company(people)
        with (
            nullcontext(None) if once else _port(process) as api,
            RunningPhoneSystem(phone_options) as phone_system,
            RunningDirectory(company) as directory,
            ended_by_signal(),
            embedded(context),
        ):
            _seed(phone_system, company)
            settings.apply_settings(context, DEFAULT_SITE, _settings(phone_system, directory), ACTOR)
            show = _Show(context, phone_system, company, as_json=as_json)
            show.play()
            if api is not None:
                show.play_live()
                _tell_the_way(context, api[1], folder)
                serve(context, api[0])


class _Show:
    """The runs, one after the other."""

    def __init__(
        self, context: Context, phone_system: RunningPhoneSystem, company: Company, *, as_json: bool
    ) -> None:
        self.context = context
        self.phone_system = phone_system
        self.company = company
        self.as_json = as_json

    def play(self) -> None:
        """First run, a second one that finds nothing to do, and the run of the next day."""
        self._headline(f"A company of {len(self.company.people())} people and its phone system")
        first = self._run("1. The first run. On a new site its plan needs approval.")
        second_run = self._run_alone("2. A second run right after it:")
        changes = change_company(self.company)
        self._headline(
            f"3. A day passes: {len(changes.joined)} join, {len(changes.left)} leave, "
            f"{len(changes.renamed)} marry, "
            f"{'one moves' if changes.moved else 'nobody moves'} to another department."
        )
        next_day = self._run("")
        if self.as_json:
            second = {"second_run_commands": sum(second_run.counts.values())}
            print_json(asdict(first) | second | {"next_day": asdict(next_day)})
        else:
            entries = read_log(self.context, DEFAULT_SITE, limit=_EVENTS_SHOWN).entries
            show_events(entries[::-1])
        if RunState.FAILED in (first.state, second_run.state, next_day.state):
            raise typer.Exit(FAILED)

    def play_live(self) -> None:
        """Another day passes, and nobody starts a run."""
        schedule = {"is_enabled": True, "live": True, "mode": "every", "every_minutes": 15}
        settings.apply_settings(self.context, DEFAULT_SITE, {"schedule": schedule}, ACTOR)
        self._until(self._is_watched)
        changes = change_company(self.company, seed=2)
        self._headline(
            f"4. Live changes: {len(changes.joined)} join and {len(changes.left)} leave, and nobody starts a run."
        )
        began = time.monotonic()
        if self._until(self._has_changed):
            seconds = time.monotonic() - began
            self._headline(f"In the phone system after {seconds:.1f} s.", style="green")

    def _is_watched(self) -> bool:
        with self.context.database.read() as session:
            return is_watched(watch_statuses(session).get(DEFAULT_SITE, ()), datetime.now(UTC))

    def _has_changed(self) -> bool:
        with self.context.database.read() as session:
            done = select(Run.id).where(Run.kind == RunKind.CHANGES.value, Run.finished_at.is_not(None))
            return session.scalar(done.limit(1)) is not None and not waiting_changes(session)

    def _until(self, condition: Callable[[], bool]) -> bool:
        until = time.monotonic() + _LIVE_SECONDS
        while time.monotonic() < until:
            if condition():
                return True
            time.sleep(0.1)
        return False

    def _run(self, headline: str) -> Result:
        began = time.monotonic()
        if headline:
            self._headline(headline)
        run = self._follow(runs.start(self.context, DEFAULT_SITE, RunKind.FULL, ACTOR))
        if not self.as_json:
            view = runs.plan_of(self.context, run.id, limit=_COMMANDS_SHOWN)
            show_run(run, view.reasons)
            show_commands(view.commands, view.total)
            if headline:
                show_findings(view.findings)
        if run.state == RunState.HELD:
            run = self._follow(runs.approve(self.context, run.id, run.plan_hash or "", ACTOR))
        result = self._result(run, time.monotonic() - began)
        self._headline(
            f"Done in {result.seconds:.1f} s: {result.created} created, {result.updated} updated, "
            f"{result.disabled} disabled, {result.deleted} deleted. The phone system has "
            f"{result.extensions_after} extensions.",
            style="green",
        )
        return result

    def _run_alone(self, headline: str) -> Run:
        self._headline(headline)
        run = self._follow(runs.start(self.context, DEFAULT_SITE, RunKind.FULL, ACTOR))
        if not self.as_json:
            show_run(run, ())
        return run

    def _follow(self, run: Run) -> Run:
        return follow(self.context, run.id)

    def _result(self, run: Run, seconds: float) -> Result:
        view = runs.plan_of(self.context, run.id, state=CommandState.DONE)
        done = [row.kind for row in view.commands]
        return Result(
            people=run.people,
            created=done.count(CommandKind.CREATE_EXTENSION),
            updated=done.count(CommandKind.UPDATE_EXTENSION),
            enabled=done.count(CommandKind.ENABLE_EXTENSION),
            disabled=done.count(CommandKind.DISABLE_EXTENSION),
            deleted=done.count(CommandKind.DELETE_EXTENSION),
            findings=len(view.findings),
            extensions_after=len(self.phone_system.state.users),
            state=run.state,
            seconds=round(seconds, 2),
        )

    def _headline(self, text: str, style: str = "bold") -> None:
        if not self.as_json:
            console().print(f"\n[{style}]{escape(text)}[/]")


@contextmanager
def _folder(is_temporary: bool) -> Iterator[Path]:
    if is_temporary:
        with tempfile.TemporaryDirectory(prefix="rollcall-demo-") as folder:
            yield Path(folder)
        return
    try:
        FOLDER.mkdir(exist_ok=True)
        for name in _FILES:
            (FOLDER / name).unlink(missing_ok=True)
    except OSError as error:
        raise StorageUnavailable(
            f"The demo's folder {FOLDER.absolute()} cannot be written ({error.strerror}). Start it in a "
            "folder of yours."
        ) from error
    yield FOLDER


def _process(given: ProcessSettings, folder: Path, once: bool) -> ProcessSettings:
    return ProcessSettings(
        data=folder,
        api_host=given.api_host,
        api_port=0 if once else given.api_port,
        log_level=given.log_level,
        worker_threads=given.worker_threads,
    )


@contextmanager
def _port(process: ProcessSettings) -> Iterator[Any]:
    """The API's socket; any free port when the usual one is taken, for a demo must not fail for that."""
    try:
        with listening(process) as bound:
            yield bound
            return
    except AddressUnknown:
        free = process.model_copy(update={"api_port": 0})
    with listening(free) as bound:
        yield bound


def _seed(phone_system: RunningPhoneSystem, company: Company) -> None:
    state = phone_system.state
    state.add_user({"Number": _TEMPLATE, "FirstName": "Template", "LastName": "Staff"}, is_counted=False)
    chance = random.Random(1)  # noqa: S311  (the same company is always the same)
    seen: set[str] = set()
    for entry in company.people():
        number = (entry.text("telephoneNumber") or "").rpartition("x")[2].strip()
        if not number.isdecimal() or number in seen or chance.randrange(100) >= _KNOWN_ALREADY:
            continue
        seen.add(number)
        state.add_user(
            {
                "Number": number,
                "FirstName": entry.text("givenName") or "",
                "LastName": entry.text("sn") or "",
                "Mobile": "+1 801 555 9999",
            },
            is_counted=False,
        )


def _settings(phone_system: RunningPhoneSystem, directory: RunningDirectory) -> dict[str, Any]:
    defaults = SiteSettings()
    return {
        "directory": {
            "servers": [directory.url.partition("//")[2]],
            "security": "ldaps",
            "ca_certificate": directory.ca_certificate,
            "tls_name": directory.tls_name,
            "user": directory.user,
            "password": directory.password,
            "units": [{"dn": unit, "template_extension": _TEMPLATE} for unit in directory.units],
        },
        "phone_system": {
            "base_url": phone_system.base_url,
            "client_id": phone_system.client_id,
            "client_secret": phone_system.client_secret,
            "concurrency": defaults.phone_system.concurrency,
        },
        "rules": {
            "when_deleted": Outcome.DELETE.value,
            "add_to_departments": True,
            "create_missing_departments": True,
        },
        # Turned on when the runs of the demo are over.
        "schedule": {"is_enabled": False, "live": False},
    }


def _tell_the_way(context: Context, address: str, folder: Path) -> None:
    token = tokens.create_token(context, "demo", 1, ACTOR)
    console().print(escape(invitation(context, address)), soft_wrap=True)
    console().print(
        f"\n[bold]The API serves {address}/api/v1[/], with this token for a day:\n\n"
        f"  curl -H 'Authorization: Bearer {token}' {address}/api/v1/sites/default/runs\n\n"
        "In another terminal, the command line works on the same data:\n\n"
        f"  .venv/bin/rollcall --data {folder} runs\n"
        f"  .venv/bin/rollcall --data {folder} run --preview --wait\n"
        f"  .venv/bin/rollcall --data {folder} log\n\n"
        "Changes in the directory take effect within seconds. Ctrl+C ends the demo.",
        soft_wrap=True,
    )
