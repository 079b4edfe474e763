"""Every page of the console for 200 sites, one of them with 10,000 extensions and 1,000,000 entries of the Log.

The application is the real one, served over HTTP by a process of its own. The time is the median of what a client waits
for the page; beside it stand the server's processor time, which other work on the machine does not lengthen, and how many
statements it sent to the database. Weights are as sent.
"""

import multiprocessing
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, event, func, insert, select, update
from sqlalchemy.orm import Session

from bench.log_page import fill
from bench.report import Figure
from bench.roll import take
from services.api.access.accounts import add
from services.api.access.sessions import open_session
from services.api.console.request import SESSION_COOKIE
from services.api.settings.forms.steps import STEPS
from services.api.settings.forms.tabs import TABS
from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.sites import create_site
from shared import encryption
from shared.database.commands import command_values, finding_values
from shared.database.engine import Database
from shared.database.events import audit
from shared.database.pages import Item, write_page
from shared.database.tables import (
    AccountRole,
    BindingRow,
    CommandRow,
    FindingRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPart,
)
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension, Membership
from shared.domain.person import Person
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.migrate import migrate
from shared.process_settings import ProcessSettings, load
from shared.runs.start import RunRequest, start_run
from shared.settings.store import DEFAULT_SITE
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.integration.api.conftest import READY, serving
from tests.support.postgresql import postgres_server

EXTENSIONS = 10_000
SITES = 200
GOAL_SECONDS = 0.050
GOAL_KILOBYTES = 120.0
GOAL_WITH_FILES = 150.0
_TIMES = 15
_PAGE_OF_SNAPSHOT = 500
_SALES = "OU=Sales,DC=corp,DC=example"
_FINDINGS = 300
_AUDITED = 2_000


def measure(on_postgresql: bool = False) -> list[Figure]:
    """Every page's time, and the weight of the heaviest ones."""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres_server() if on_postgresql else nullcontext() as server,
    ):
        settings = load({}, data=Path(folder), database_url=server.url("postgres") if server else "")
        database = Database(settings.effective_database_url)
        migrate(database)
        context = Context(create_app(settings), settings, database, encryption.load(settings))
        paths = _furnish(context)
        if server:
            server.execute("ANALYZE")
        with database.begin() as session:
            account = add(session, "bench", "Bench", AccountRole.MANAGER, "unused", "bench")
        cookies = {SESSION_COOKIE: open_session(context, account, "127.0.0.1")}
        database.close()
        with (
            _in_a_process(settings) as (address, asked),
            httpx.Client(base_url=address, cookies=cookies, timeout=60, trust_env=False) as client,
        ):
            figures = [_time(client, path, asked) for path in paths]
            figures += _heaviest(client, paths)
        return figures


measure_on_postgresql = partial(measure, on_postgresql=True)


@contextmanager
def _in_a_process(settings: ProcessSettings) -> Iterator[tuple[str, Connection]]:
    """The API's address, and what answers with its processor seconds and statements so far."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(
        target=_serve, args=(settings.data, settings.database_url, theirs), daemon=True
    )
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send(False)
        process.join()


def _serve(data: Path, database_url: str, asker: Connection) -> None:
    statements = 0

    def _count(*_: Any) -> None:
        nonlocal statements
        statements += 1

    event.listen(Engine, "before_cursor_execute", _count)
    settings = load({}, data=data, database_url=database_url)
    database = Database(settings.effective_database_url)
    context = Context(create_app(settings), settings, database, encryption.load(settings))
    with serving(context) as served:
        asker.send(str(served.base_url))
        while asker.recv():
            asker.send((time.process_time(), statements))
    database.close()


def _time(client: httpx.Client, path: str, asked: Connection) -> Figure:
    def _so_far() -> tuple[float, int]:
        asked.send(True)
        seconds, statements = asked.recv()
        return seconds, statements

    waited, worked, sent, size = [], [], [], 0
    for _ in range(_TIMES):
        working, statements = _so_far()
        began = time.perf_counter()
        answer = client.get(f"/console{path}")
        waited.append(time.perf_counter() - began)
        now_working, now_statements = _so_far()
        worked.append(now_working - working)
        sent.append(now_statements - statements)
        size = answer.num_bytes_downloaded
        if answer.status_code != 200:
            raise AssertionError(f"{path} answers {answer.status_code}")
    note = (
        f"{statistics.median(worked) * 1000:.0f} ms of processor time, {statistics.median(sent):.0f} statements, "
        f"{size / 1000:.0f} kB"
    )
    return Figure(f"console {path}", statistics.median(waited), GOAL_SECONDS, 1.0, note)


def _heaviest(client: httpx.Client, paths: list[str]) -> Iterator[Figure]:
    """The heaviest page alone, and with its files, which a browser keeps."""
    alone, whole = {}, {}
    for path in paths:
        page = client.get(f"/console{path}")
        files = set(re.findall(r'(?:src|href)="(/console/(?:static/)?[^"]+\.(?:js|css)[^"]*)"', page.text))
        alone[path] = len(page.content)
        whole[path] = alone[path] + sum(len(client.get(file).content) for file in files)
    for name, weights, goal in (
        ("console, the heaviest page", alone, GOAL_KILOBYTES),
        ("console, the heaviest page with its files", whole, GOAL_WITH_FILES),
    ):
        heaviest = max(weights, key=lambda path: weights[path])
        yield Figure(name, weights[heaviest] / 1000, goal, 1.0, heaviest, unit="kB")


def _furnish(context: Context) -> list[str]:
    """Fill the site; the paths of its pages."""
    apply_settings(context, DEFAULT_SITE, READY, "bench")
    fill(context.database)
    take(context.database, EXTENSIONS)
    dice = random.Random(1)
    people = [_person(index) for index in range(EXTENSIONS)]
    with context.database.begin() as session:
        session.execute(
            insert(BindingRow),
            [
                {
                    "site_id": DEFAULT_SITE,
                    "person_guid": person.guid,
                    "extension_id": index + 1,
                    "number": person.number,
                    "origin": "created",
                    "person_name": person.display_name,
                    "updated_at": datetime.now(UTC),
                }
                for index, person in enumerate(people)
            ],
        )
        for number in range(_AUDITED):
            audit(
                session,
                DEFAULT_SITE,
                actor="account:bench",
                action="run.approved",
                details={"run_id": number},
            )
        for age in range(40, 0, -1):
            _past_run(context, session, timedelta(hours=age), dice.randint(0, 40))
        waiting = _plan(context, session, people)
    for number in range(1, SITES):
        _small_site(context, f"site-{number:03}")
    person = people[EXTENSIONS // 2]
    return [
        "/",
        "/sites",
        "/sites/site-007/",
        "/search?q=Berg",
        "/notifications",
        "/runs",
        f"/runs/{waiting}",
        f"/runs/{waiting}/plan",
        f"/runs/{waiting}/plan?after={EXTENSIONS // 2}",
        f"/runs/{waiting}/plan?q=Last4321",
        f"/runs/{waiting}/findings",
        "/log",
        "/log?level=error",
        "/log?text=extension+77",
        "/log?before=500000",
        "/people",
        f"/people?q={person.number}",
        f"/people?q={person.login}",
        *(f"/settings/{tab.slug}" for tab in TABS),
        "/settings/directory/history",
        *(f"/wizard/{step.slug}" for step in STEPS if step.slug not in ("units", "number", "templates")),
        "/accounts",
        "/account",
        "/tokens",
        "/audit",
        "/support",
    ]


def _person(index: int) -> Person:
    first, last = f"First{index % 997}", f"Last{index}"
    return Person(
        guid=f"{index:08x}-0000-4000-8000-000000000000",
        distinguished_name=f"CN={first} {last},{_SALES}",
        unit=_SALES,
        first_name=first,
        last_name=last,
        display_name=f"{first} {last}",
        email=f"user{index}@corp.example",
        mobile=f"+1801555{index:06d}",
        number=str(10_000 + index),
        number_text=str(10_000 + index),
        login=f"user{index}",
    )


def _past_run(
    context: Context, session: Session, age: timedelta, updates: int, site_id: str = DEFAULT_SITE
) -> None:
    run = start_run(session, RunRequest(site_id, RunKind.FULL, actor="schedule"), context.encryption)
    moment = datetime.now(UTC) - age
    session.execute(
        update(Run)
        .where(Run.id == run.id)
        .values(
            state=(RunState.DONE if updates else RunState.IN_STEP).value,
            counts={"update_extension": updates} if updates else {},
            people=EXTENSIONS,
            created_at=moment,
            planned_at=moment + timedelta(seconds=9),
            finished_at=moment + timedelta(seconds=20),
        )
    )


def _small_site(context: Context, site_id: str) -> None:
    """A site with a month of runs, the newest of which read its phone system."""
    create_site(context, site_id, "bench", f"Customer {site_id}")
    phone_system = READY["phone_system"] | {"base_url": f"https://{site_id}.example.test:5001"}
    apply_settings(context, site_id, READY | {"phone_system": phone_system}, "bench")
    with context.database.begin() as session:
        for age in range(30, 0, -1):
            _past_run(context, session, timedelta(days=age), age % 3, site_id)
        newest = select(func.max(Run.id)).where(Run.site_id == site_id).scalar_subquery()
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.run_id == newest)
            .values(
                state=PartState.COMPLETE.value,
                proof={"version": "20.0.7", "used_extensions": 40, "max_extensions": 100},
            )
        )


def _plan(context: Context, session: Session, people: list[Person]) -> int:
    """A run whose plan waits: a command for everybody, after both ends were read to the end."""
    run_id = start_run(
        session, RunRequest(DEFAULT_SITE, RunKind.FULL, actor="schedule"), context.encryption
    ).id
    pages = range(0, EXTENSIONS, _PAGE_OF_SNAPSHOT)
    for part in session.scalars(select(SnapshotPart).where(SnapshotPart.run_id == run_id)):
        part.state = PartState.COMPLETE.value
        part.completed_at = datetime.now(UTC)
        part.source = "dc1.corp.example"
        if part.kind not in (PartKind.UNIT.value, PartKind.EXTENSIONS.value) or part.unit not in ("", _SALES):
            continue
        part.item_count, part.page_count = EXTENSIONS, len(pages)
        for number, start in enumerate(pages):
            chosen = range(start, start + _PAGE_OF_SNAPSHOT)
            items: list[Item] = (
                [people[index] for index in chosen]
                if part.kind == PartKind.UNIT.value
                else [_extension(people[index], index) for index in chosen]
            )
            write_page(session, part.id, 0, number, items)
    commands = tuple(
        Command(
            index + 1,
            CommandKind.UPDATE_EXTENSION,
            "The mobile number changed in the directory.",
            number=person.number or "",
            person_guid=person.guid,
            person_name=person.display_name,
            extension_id=index + 1,
            before={"mobile": "", "email": "old@corp.example"},
            after={"mobile": person.mobile, "email": person.email},
            unit=_SALES,
            evidence="Read at 12:04:11 from dc1.corp.example.",
        )
        for index, person in enumerate(people)
    )
    findings = tuple(
        Finding(
            FindingCode.DUPLICATE_NUMBER,
            Severity.CONFLICT,
            f"{people[index].display_name} and {people[index + 1].display_name} both have {people[index].number}.",
            people[index].number or "",
            (people[index].guid, people[index + 1].guid),
            (people[index].display_name, people[index + 1].display_name),
        )
        for index in range(_FINDINGS)
    )
    plan = Plan(commands, findings, people=EXTENSIONS)
    session.execute(insert(CommandRow), [command_values(run_id, command) for command in commands])
    session.execute(insert(FindingRow), [finding_values(run_id, finding) for finding in findings])
    session.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(
            state=RunState.HELD.value,
            plan_hash=plan.content_hash,
            counts=dict(plan.counts),
            people=EXTENSIONS,
            hold_reasons={
                "reasons": [{"code": "first_run", "message": "This is the first run.", "unit": None}]
            },
            planned_at=datetime.now(UTC),
        )
    )
    return run_id


def _extension(person: Person, index: int) -> Extension:
    return Extension(
        index + 1,
        person.number or "",
        person.first_name,
        person.last_name,
        person.email,
        "",
        True,
        (Membership(1, "DEFAULT"),),
        1,
    )
