"""One episode: a company begins, lives through its strikes, is left in peace until it has settled, and is judged."""

import copy
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from services.api.operations.use_cases import backup
from services.api.operations.use_cases.restore import restore
from services.api.people.use_cases.owed import try_again
from shared import encryption
from shared.database import audit_chain
from shared.database.engine import Database
from shared.database.tables import (
    AuditEntry,
    BindingRow,
    ChangeRow,
    Event,
    FindingRow,
    OutboxRow,
    OwedSteps,
    Run,
)
from shared.domain.notifying import MessageState
from shared.domain.owed import Owes
from shared.domain.plan import FindingCode, Severity
from shared.errors import RollcallError
from shared.runs.start import ACTIVE_STATES
from shared.worker.app import create_app
from shared.worker.context import Context
from tests.faults.campaign import oracle
from tests.faults.campaign.life import DEEDS, Company, approve
from tests.faults.campaign.plan import Part, Plan
from tests.faults.campaign.servers import Servers
from tests.faults.campaign.shape import Shape, shape_of
from tests.faults.campaign.strikes import STRIKES
from tests.support import databases
from tests.support.site import ENDED

# Undisturbed runs until nothing is left to do: some, because what was begun is finished before something new begins.
_MOST_RUNS = 8
# A host whose clock is four minutes ahead says that a part is to be read again in four minutes; and machines are slow.
_RUN_SECONDS = 480
_BEGINNERS = 8
Say = Callable[[str], None]


@dataclass(slots=True)
class Verdict:
    """What came of an episode."""

    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    seconds: float = 0.0


def play(plan: Plan, servers: Servers, say: Say = lambda _line: None) -> Verdict:
    """Play it, and judge."""
    verdict, began = Verdict(), time.monotonic()
    with shape_of(plan.form, servers) as shape:

        def _tell(line: str) -> None:
            verdict.story.append(f"{shape.main.book.now():7.2f} {line}")
            say(verdict.story[-1])

        try:
            _live(plan, [Company(shape, ends) for ends in shape.ends], verdict, _tell)
        except AssertionError as error:
            # A process that does not start again.
            verdict.violations.append(str(error))
        if verdict.violations:
            verdict.story += [str(effect) for ends in shape.ends for effect in ends.book.effects]
            verdict.story += [*shape.site.log(), *shape.site.story().splitlines()]
    verdict.seconds = time.monotonic() - began
    return verdict


def _live(plan: Plan, companies: Sequence[Company], verdict: Verdict, tell: Say) -> None:
    shape = companies[0].shape
    dice = random.Random(plan.seed)
    for company in companies:
        for _person in range(_BEGINNERS):
            company.hire(dice, company.next_number())
        verdict.violations += settle(company, tell)
    for step in plan.steps:
        dice = random.Random(f"{step.name} {step.seed}")
        if step.part is Part.DEED:
            tell(f"- {DEEDS[step.name][1](dice.choice(companies), dice)}")
        else:
            tell(f"* {STRIKES[step.name][2](shape, dice)}")
            verdict.struck[step.name] += 1
            shape.keep_running()
    shape.heal()
    tell("all is calm")
    for company in companies:
        verdict.violations += settle(company, tell)
    shape.look_at_runs()
    for company in companies:
        evidence = evidence_of(company)
        verdict.effects += len(evidence.effects)
        verdict.violations += oracle.judge(evidence)
    verdict.violations += books_are_whole(companies)
    verdict.violations += notices_are_right(shape)
    if shape.phones is not None and (now := shape.phones.account().contents()) != shape.kept:
        verdict.violations.append(
            f"voicemails and recordings lost: {(shape.kept - now).total()}, twice: {(now - shape.kept).total()}"
        )


def settle(company: Company, say: Say) -> list[str]:
    """Full runs, approved when they are held, until one says "in sync"; what is wrong when none does."""
    shape, last = company.shape, "no run"
    for _run in range(_MOST_RUNS):
        if not _wait(lambda: _is_idle(company)):
            return [f"a run does not end though all is calm: {_states(shape)}"]
        _retry_refused(company)
        _wait(lambda: _start(company) in (201, 409), 60)
        if not _wait(lambda: _has_ended(company)):
            return [f"a run does not end though all is calm: {_states(shape)}"]
        state, code = _newest(company)
        last = f"{state} {code or ''}".strip()
        say(f"a run in peace: {last}")
        is_helped = _help_swaps(company, say) | _help_forgotten(company, say)
        if last == "in_step" and not is_helped and not (shape.form.is_live and _has_changes(company)):
            return []
    return [f"not settled after {_MOST_RUNS} runs in peace: {last}"]


def _has_changes(company: Company) -> bool:
    of_site = select(func.count()).select_from(ChangeRow).where(ChangeRow.site_id == company.ends.site_id)
    with company.shape.site.context.database.read() as session:
        return bool(session.scalar(of_site))


def _help_swaps(company: Company, say: Say) -> bool:
    """Do as the finding says: whoever waits for the number of another one who waits gets a free one."""
    with company.shape.site.context.database.read() as session:
        of_site = Run.site_id == company.ends.site_id
        newest = select(func.max(Run.id)).where(of_site, Run.kind == "full").scalar_subquery()
        names = session.scalars(
            select(FindingRow.person_names).where(
                FindingRow.run_id == newest, FindingRow.code == FindingCode.NUMBER_CYCLE.value
            )
        ).all()
    people = [company.of_name(concerned[0]) for concerned in names]
    for person in people:
        say(f"- {company.renumber(person)}")
    return bool(people)


def _help_forgotten(company: Company, say: Say) -> bool:
    """Do as the findings say of a number that is in the way: free it in 3CX, where it is that of somebody whose extension an old
    backup did not know. Nobody but a person can tell that it may go.
    """
    forgotten = {person.first_name for person in company.book.people.values() if person.is_forgotten}
    with company.shape.site.context.database.read() as session:
        of_site = Run.site_id == company.ends.site_id
        newest = select(func.max(Run.id)).where(of_site, Run.kind == "full").scalar_subquery()
        numbers = session.scalars(
            select(FindingRow.number).where(
                FindingRow.run_id == newest, FindingRow.severity == Severity.CONFLICT.value
            )
        ).all()
    found = [
        key
        for key, extension in company.book.picture().items()
        if extension["FirstName"] in forgotten and extension["Number"] in numbers
    ]
    for key in found:
        state = company.ends.phone_system.state
        company.book.without_counting(partial(state.remove_user, key))
        company.book.look()
        say(f"- by hand: extension {key} deleted, which the backup did not know")
    return bool(found)


def _has_ended(company: Company) -> bool:
    approve(company)
    return _is_idle(company) and _newest(company)[0] in ENDED


def _wait(condition: Callable[[], bool], seconds: float = _RUN_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(RollcallError):
            if condition():
                return True
        time.sleep(0.2)
    return False


def _start(company: Company) -> int:
    answer = company.shape.ask("POST", f"/sites/{company.ends.site_id}/runs", {"kind": "full"})
    return answer.status_code if answer is not None else 0


def _is_idle(company: Company) -> bool:
    is_active = (Run.site_id == company.ends.site_id, Run.state.in_(ACTIVE_STATES))
    with company.shape.site.context.database.read() as session:
        return not session.scalar(select(func.count()).select_from(Run).where(*is_active))


def _newest(company: Company) -> tuple[str, str | None]:
    full = (Run.site_id == company.ends.site_id, Run.kind == "full")
    with company.shape.site.context.database.read() as session:
        row = session.execute(
            select(Run.state, Run.error_code).where(*full).order_by(Run.id.desc()).limit(1)
        ).one()
        return row[0], row[1]


def _states(shape: Shape) -> str:
    with shape.site.context.database.read() as session:
        rows = session.execute(
            select(Run.id, Run.kind, Run.state, Run.error_code).order_by(Run.id.desc()).limit(4)
        )
        return str([tuple(row) for row in rows])


def _retry_refused(company: Company) -> None:
    """What 3CX refused is tried again when a person says so."""
    context, site_id = company.shape.site.context, company.ends.site_id
    with suppress(RollcallError):
        with context.database.read() as session:
            refused = session.scalars(
                select(OwedSteps.number).where(
                    OwedSteps.site_id == site_id, OwedSteps.owes == Owes.REFUSED_STEPS.value
                )
            ).all()
        for number in refused:
            try_again(context, site_id, number, "campaign")


def evidence_of(company: Company) -> oracle.Evidence:
    """What the oracle judges by, of this moment."""
    book, site_id = company.book, company.ends.site_id
    with company.shape.site.context.database.read() as session:
        told = session.execute(
            select(Event.code, Event.number, func.count())
            .where(Event.site_id == site_id)
            .group_by(Event.code, Event.number)
        ).all()
    with book.lock:
        return oracle.Evidence(
            copy.deepcopy(book.people), list(book.effects), list(book.moments), company.ends.runs,
            {(code, number or ""): times for code, number, times in told},
        )  # fmt: skip


def notices_are_right(shape: Shape) -> list[str]:
    """Every notice was written once, and taken by its receiver, or is known as not sent."""
    with shape.site.context.database.read() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.id)).all()
        failures = session.scalar(
            select(func.count()).select_from(Event).where(Event.code == "notification.failed")
        )
    notices = [
        oracle.Sent(
            row.message_id,
            f"{row.kind} {row.path} {list(row.lines)}",
            row.path if row.path.startswith("/runs/") else "",
            MessageState(row.state),
            row.error_message or "",
        )
        for row in rows
    ]
    return oracle.told_to_the_receiver(notices, shape.taken, failures or 0)


def books_are_whole(companies: Sequence[Company]) -> list[str]:
    """The audit's chain, that it holds whatever was confirmed, and that a backup brings everything back."""
    context, found = companies[0].shape.site.context, list[str]()
    with context.database.read() as session:
        state = audit_chain.verify(session)
        counts = Counter(session.scalars(select(AuditEntry.action)))
        bindings = {row.person_guid: row.number for row in session.scalars(select(BindingRow))}
    if state.problem is not audit_chain.Problem.NONE:
        found.append(f"the audit is not whole: {state}")
    saved, approved = sum(it.saved for it in companies), sum(it.approved for it in companies)
    for action, confirmed in (("settings.changed", saved), ("run.approved", approved)):
        if counts[action] < confirmed:
            found.append(f"{confirmed} {action} were confirmed, the audit holds {counts[action]}")
    try:
        back = _brought_back(context)
    except RollcallError as error:
        return [*found, f"the backup is not restored: {error}"]
    if back != bindings:
        found.append(f"restored from the backup: {back}, not {bindings}")
    return found


def _brought_back(context: Context) -> dict[str, str]:
    """The bindings of a new database that a backup was restored into."""
    made = backup.parse(backup.collect(context, "campaign"))
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-restored-") as folder,
        databases.using(databases.Kind.SQLITE),
    ):
        settings = databases.deployment_settings(Path(folder))
        other = Context(create_app(settings), settings, Database(settings.effective_database_url), encryption.load(settings))  # fmt: skip
        try:
            restore(other, made, "campaign")
            with other.database.read() as session:
                return {row.person_guid: row.number for row in session.scalars(select(BindingRow))}
        finally:
            other.database.close()
            other.app.close()
