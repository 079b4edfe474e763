"""A small company whose changes are planned and executed against the phone system, with trouble at chosen writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import insert, select

from services.api.runs.use_cases.decisions import cancel
from services.reconciler.planner import make_plan
from services.reconciler.run_inputs import bindings_of, left_behind_of
from services.reconciler.unfinished import settle_unfinished
from services.relay_client.execution.readback import read_back
from shared.database import owed, unfinished
from shared.database.tables import BindingRow, Event, Run, RunState
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import Rules, UnitRule
from shared.errors import RollcallError, TransientError
from tests.builders.domain import NOW, SALES, guid, make_person, make_rules, make_units
from tests.integration.relay_client.between import Answer, Between, Forward, Passing
from tests.integration.relay_client.conftest import Bench

MAINTENANCE = Answer(302, headers={"Location": "https://elsewhere.example.test/"})
RULES: Rules = make_rules(
    units=(UnitRule(SALES, template_number="100"),),
    add_to_departments=True,
    create_missing_departments=True,
)


class Disturbance(Protocol):
    """What is done to the requests of a run."""

    def begin(self, bench: Bench, run_id: int) -> None:
        """The run that it is about to disturb."""

    def handle(self, passing: Passing, forward: Forward) -> Answer:
        """Answer one request."""

    def goes_on(self) -> bool:
        """Whether another worker goes on with a run that was interrupted; else it is cancelled."""


@dataclass
class Trouble:
    """At the write numbered ``at`` (from 1): the phone system goes away, or a person cancels the run.

    ``took_effect`` is whether that write did. Away means that every request is sent elsewhere until ``ends``.
    """

    at: int
    took_effect: bool = True
    cancels: bool = False
    writes: int = 0
    is_away: bool = False
    on_cancel: Callable[[], object] = field(default=lambda: None)

    def begin(self, bench: Bench, run_id: int) -> None:
        """The run that it is about to disturb."""
        self.on_cancel = lambda: cancel(bench.context, run_id, "test")

    def goes_on(self) -> bool:
        """Whether another worker goes on with a run that was interrupted."""
        return False

    def handle(self, passing: Passing, forward: Forward) -> Answer:
        """Answer one request."""
        if self.is_away:
            return MAINTENANCE
        if passing.method == "GET" or not passing.path.startswith("/xapi/v1/"):
            return forward()
        self.writes += 1
        if self.writes != self.at:
            return forward()
        if self.took_effect:
            forward()
        if self.cancels:
            self.on_cancel()
        self.is_away = True
        return MAINTENANCE


class Company:
    """People and their extensions: a joiner, one with a new number, a leaver, one out of use, one with a new name."""

    def __init__(self, bench: Bench, proxy: Between, rules: Rules = RULES) -> None:
        self.bench, self.proxy, self.rules = bench, proxy, rules
        state = bench.phone_system.state
        state.change_user(
            bench.id_of("100"),
            {"RecordCalls": True, "Language": "DE", "SRTPMode": "SRTPEnforced"},
            is_counted=False,
        )
        state.change_user(
            bench.id_of("104"), {"RecordCalls": True, "HideInPhonebook": True}, is_counted=False
        )
        self.people = [
            make_person(1, departments=("Sales",)),
            self.theirs(4, number="204"),
            self.theirs(3, account_state=AccountState.DISABLED),
            self.theirs(2, first_name="Dora", mobile="+49302"),
        ]
        self.absent = [AbsentPerson(guid(5), found=False)]
        with bench.context.database.begin() as session:
            session.execute(insert(BindingRow), [self._binding(index) for index in (2, 3, 4, 5)])
        bench.configure(base_url=proxy.base_url, concurrency=1)

    def theirs(self, index: int, **changes: Any) -> Person:
        """The person whom extension 10<index> shows."""
        user = self.bench.user(f"10{index}")
        values = {
            "number": f"10{index}",
            "first_name": user["FirstName"],
            "last_name": user["LastName"],
            "email": user["EmailAddress"],
            "departments": ("DEFAULT",),
        }
        return make_person(index, **(values | changes))

    def bind(self, index: int, **changes: Any) -> None:
        """Link the person of that index to extension 10<index>."""
        with self.bench.context.database.begin() as session:
            session.execute(insert(BindingRow), [self._binding(index) | changes])

    def _binding(self, index: int) -> dict[str, Any]:
        user = self.bench.user(f"10{index}")
        return {
            "site_id": "default",
            "person_guid": guid(index),
            "extension_id": user["Id"],
            "number": f"10{index}",
            "origin": "created",
            "person_name": f"{user['FirstName']} {user['LastName']}",
            "is_disabled_by_rollcall": False,
            "shown_first_name": user["FirstName"],
            "shown_last_name": user["LastName"],
            "shown_email": user["EmailAddress"],
            "updated_at": datetime.now(UTC),
        }

    def run(self, trouble: Disturbance | None = None) -> Plan:
        """Read, plan and execute once, as a run does; with trouble it may end in the middle."""
        bench, database = self.bench, self.bench.context.database
        self.proxy.handling = lambda _passing, forward: forward()
        with bench.xapi() as xapi:
            read_back(bench.context, "default", xapi)
            extensions = tuple(xapi.extensions())
            phone_system = PhoneSystemSnapshot(
                extensions, tuple(xapi.departments()), tuple(xapi.peers()), len(extensions)
            )
        with database.begin() as session:
            found = owed.rows(session, "default")
            plan = make_plan(
                self.people,
                phone_system,
                bindings_of(session, "default"),
                self.absent,
                self.rules,
                make_units(len(self.people)),
                left_behind_of(session, "default", found),
                owed.owed_of(found),
                now=NOW,
            )
            plan = settle_unfinished(
                plan, unfinished.unfinished_of(found), phone_system, bindings_of(session, "default")
            )
            unfinished.remove(session, "default", plan.settled)
        if not plan.commands:
            return plan
        run_id = bench.start(plan.commands)
        if trouble is not None:
            trouble.begin(bench, run_id)
            self.proxy.handling = trouble.handle
        try:
            bench.drain(run_id)
        except TransientError:
            self.proxy.handling = lambda _passing, forward: forward()
            if trouble is None or not trouble.goes_on():
                cancel(bench.context, run_id, "test")
            else:
                bench.drain(run_id)
        except RollcallError:
            assert bench.run(run_id).state in (RunState.FAILED, RunState.CANCELLED)
        return plan

    def settle(self, most: int = 4) -> None:
        """Run undisturbed until nothing is left to do."""
        for _run in range(most):
            if not self.run().commands:
                return
        raise AssertionError(f"{[command.reason for command in self.run().commands]}\n{self.bench.log()}")

    def picture(self) -> dict[str, Mapping[str, Any]]:
        """Every extension by number, without what is random or the phone system's own."""
        state = self.bench.phone_system.state
        names = (
            "FirstName", "LastName", "EmailAddress", "Mobile", "Enabled", "RecordCalls", "Language", "SRTPMode",
            "HideInPhonebook", "PrimaryGroupId",
        )  # fmt: skip
        return {
            number: {name: state.user(user_id).get(name) for name in names}
            | {"Groups": sorted(row["GroupId"] for row in state.user(user_id)["Groups"])}
            for number, user_id in state.user_by_number.items()
        }

    def told(self) -> list[tuple[str, str | None]]:
        """Code and number of every change that the Log tells, in order of both; and with which run."""
        with self.bench.context.database.read() as session:
            rows = session.execute(
                select(Event.code, Event.number, Event.run_id).where(
                    Event.code.startswith("extension.") | Event.code.startswith("department.")
                )
            ).all()
            runs = set(session.scalars(select(Run.id)))
        assert all(row.run_id in runs for row in rows)
        return sorted((row.code, row.number or "") for row in rows)
