"""A situation in one call, and its plan in a few words."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.domain.binding import Binding, LeftBehind
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.grace import Grace
from shared.domain.owed import Owed
from shared.domain.person import AbsentPerson, Person
from shared.domain.plan import Finding, Plan
from shared.domain.rules import Rules
from tests.builders.domain import NOW, make_phone_system, make_rules, make_units
from tests.unit.reconciler.aside import make_either_way


def plan_of(
    people: Iterable[Person] = (),
    extensions: Iterable[Extension] | PhoneSystemSnapshot = (),
    bindings: Iterable[Binding] = (),
    absent: Iterable[AbsentPerson] = (),
    rules: Rules | None = None,
    left_behind: Iterable[LeftBehind] = (),
    owed: Iterable[Owed] = (),
    graces: Iterable[Grace] = (),
    now: datetime = NOW,
    **unit: Any,
) -> Plan:
    """The plan; ``unit`` changes the reading of the first unit (``is_complete=False``)."""
    phone_system = (
        extensions if isinstance(extensions, PhoneSystemSnapshot) else make_phone_system(extensions)
    )
    listed = list(people)
    units = make_units(len(listed), **unit)
    decided = rules or make_rules()
    return make_either_way(
        listed, phone_system, bindings, absent, decided, units, left_behind, owed, graces, now=now
    )


def steps(plan: Plan) -> list[str]:
    """Each command in a few words: "disable 201", "update 201 email mobile", "wave 1: create 202"."""
    return [_step(command) for command in plan.commands]


def codes(plan: Plan) -> list[str]:
    """The codes of the findings."""
    return [finding.code.value for finding in plan.findings]


def only_finding(plan: Plan) -> Finding:
    """The one finding of a plan that must have exactly one."""
    (finding,) = plan.findings
    return finding


def _step(command: Command) -> str:
    verb = command.kind.value.removesuffix("_extension")
    words = [verb, command.number or str(command.after["name"])]
    if command.kind is CommandKind.UPDATE_EXTENSION:
        words += sorted(command.after)
    if command.kind is CommandKind.RENUMBER_EXTENSION:
        words.insert(1, str(command.before["number"]))
    return (f"wave {command.wave}: " if command.wave else "") + " ".join(words)
