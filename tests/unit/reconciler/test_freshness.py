"""What counts of a plan that rests on a reading which may be older than what is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.freshness import Evidence, Weighed, weigh
from services.reconciler.licence import fit_into_licence
from shared.domain.grace import Departure, Grace
from shared.domain.memory import Memory
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.plan import Plan
from shared.domain.reading import Reading
from shared.domain.rules import Outcome, RemovalScope
from tests.builders.domain import (
    guid,
    make_binding,
    make_extension,
    make_person,
    make_phone_system,
    make_rules,
)
from tests.unit.reconciler.scenario import codes, plan_of, steps

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
A = Reading("dc1.corp.example", "dc1:636", invocation_id="a", usn=100, read_at=NOW)
# Another controller that knows less of the first, and the same one when it has caught up.
B = Reading("dc2.corp.example", "dc2:636", invocation_id="b", usn=50, knows={"a": 90}, read_at=NOW)
KNOWN = Memory().accepting((A,), "known")


def _weigh(
    plan: Plan,
    reading: Reading = B,
    memory: Memory = KNOWN,
    *,
    content: str = "other",
    inactive: frozenset[str] = frozenset(),
    hours: float = 0,
) -> Weighed:
    evidence = Evidence((reading,), content, inactive)
    return weigh(plan, evidence, memory, NOW + timedelta(hours=hours), DAY)


def _disabled(**rules: Any) -> Plan:
    person = make_person(1, account_state=AccountState.DISABLED)
    return plan_of([person, make_person(2)], [make_extension(1), make_extension(2)],
                   [make_binding(1), make_binding(2)], rules=make_rules(**rules))  # fmt: skip


def _differing() -> dict[str, Plan]:
    """Everything an older reading may look like, each with what it would do."""
    two, bound = [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)]
    both = [make_person(1), make_person(2)]
    gone = [AbsentPerson(guid(1), False)]
    off = [make_extension(1, enabled=False), make_extension(2)]
    ours = [make_binding(1, disabled_by_rollcall=True), make_binding(2)]
    return {
        "deleted": plan_of([make_person(2)], two, bound, gone),
        "moved out": plan_of([make_person(2)], two, bound, [AbsentPerson(guid(1), True, "CN=x")]),
        "renamed": plan_of([make_person(1, last_name="Old"), make_person(2)], two, bound),
        "renumbered": plan_of([make_person(1, number="301"), make_person(2)], two, bound),
        "cleared": plan_of([make_person(1, number=None), make_person(2)], two, bound),
        "enabled again": plan_of(both, off, ours),
        "created": plan_of([*both, make_person(3)], two, bound),
        "adopted": plan_of([*both, make_person(3)], [*two, make_extension(3)], bound),
        "nobody's": plan_of(both, [*two, make_extension(9)], bound, rules=make_rules(removal_scope=RemovalScope.ALL)),
        "conflict": plan_of([*both, make_person(3, number="201")], two, bound),
    }  # fmt: skip


@pytest.mark.parametrize("what", list(_differing()))
def test_what_an_older_reading_shows_otherwise_waits(what: str) -> None:
    plan = _differing()[what]
    assert plan.commands or plan.findings
    weighed = _weigh(plan)
    assert weighed.plan.commands == ()
    assert weighed.finding is not None
    assert (
        "dc2.corp.example (dc2:636) has not yet received everything that dc1.corp.example (dc1:636) had"
        in (weighed.finding.message)
    )
    assert "rollcall controller forget dc1.corp.example" in weighed.finding.message
    assert weighed.memory.alternatives == KNOWN.alternatives
    assert weighed.memory.behind_since == NOW


@pytest.mark.parametrize("what", list(_differing()))
def test_on_a_controller_that_has_caught_up_all_of_it_counts(what: str) -> None:
    plan = _differing()[what]
    weighed = _weigh(plan, replace(B, knows={"a": 100}))
    assert (weighed.plan, weighed.finding) == (plan, None)
    assert weighed.memory.last == (replace(B, knows={"a": 100}),)


@pytest.mark.parametrize("what", list(_differing()))
def test_it_counts_after_a_day_of_agreement_and_the_controller_is_believed_from_then_on(what: str) -> None:
    plan = _differing()[what]
    first = _weigh(plan)
    early = _weigh(plan, memory=first.memory, hours=23)
    assert early.plan.commands == ()
    late = _weigh(plan, memory=early.memory, hours=24)
    assert late.plan.commands == plan.commands
    assert late.finding is None
    assert late.memory.last == (B,)


def test_a_day_begins_anew_when_a_reading_says_otherwise() -> None:
    plans = _differing()
    first = _weigh(plans["renamed"])
    other = _weigh(plans["renumbered"], memory=first.memory, hours=20)
    again = _weigh(plans["renamed"], memory=other.memory, hours=25)
    assert again.plan.commands == ()
    proven = _weigh(Plan(), A, memory=first.memory, content="known", hours=20)
    assert proven.memory.doubts == {}
    assert _weigh(plans["renamed"], memory=proven.memory, hours=30).plan.commands == ()


def test_nobody_who_differs_is_still_not_in_sync() -> None:
    weighed = _weigh(Plan())
    assert weighed.finding is not None
    assert "No person is affected." in weighed.finding.message
    assert weighed.memory.last == (A,)


def test_a_reading_that_shows_just_the_same_counts_whoever_gives_it() -> None:
    weighed = _weigh(Plan(), content="known")
    assert weighed.finding is None
    assert weighed.memory.alternatives == ((A,), (B,))


@pytest.mark.parametrize(
    ("outcome", "expected"), [(Outcome.DISABLE, ["disable 201"]), (Outcome.DELETE, ["disable 201"])]
)
def test_a_disabled_account_goes_at_once_but_is_not_deleted(outcome: Outcome, expected: list[str]) -> None:
    weighed = _weigh(_disabled(when_disabled=outcome), inactive=frozenset({guid(1)}))
    assert steps(weighed.plan) == expected
    assert weighed.finding is not None
    assert (guid(1) in weighed.finding.person_guids) is (outcome is Outcome.DELETE)


def test_whoever_was_disabled_elsewhere_is_enabled_only_by_who_knows_of_that() -> None:
    after = _weigh(_disabled(), inactive=frozenset({guid(1)})).memory
    enabling = _differing()["enabled again"]
    # The first controller counts for everybody else, but has not heard of this.
    back = _weigh(enabling, replace(A, usn=120), after, content="known")
    assert back.plan.commands == ()
    assert back.finding is not None
    assert "dc1.corp.example (dc1:636) may not have received everything that dc2" in back.finding.message
    heard = _weigh(enabling, replace(A, usn=130, knows={"b": 50}), back.memory, content="new")
    assert steps(heard.plan) == ["enable 201"]
    assert heard.memory.doubts == {}


def test_what_was_done_on_the_word_of_one_that_is_gone_is_no_measure_for_ever() -> None:
    memory = _weigh(_disabled(), inactive=frozenset({guid(1)})).memory
    for hours in (1, 23):
        memory = _weigh(Plan(), replace(A, usn=120), memory, content="known", hours=hours).memory
        assert memory.doubts.keys() == {guid(1)}
    assert _weigh(Plan(), replace(A, usn=120), memory, content="known", hours=24).memory.doubts == {}


def test_what_a_controller_is_told_after_its_first_reading_counts() -> None:
    plans = _differing()
    first = _weigh(plans["created"])
    later = replace(B, usn=60)
    both = [make_person(1, last_name="New"), make_person(2), make_person(3)]
    news = plan_of(both, [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)])
    weighed = _weigh(news, later, first.memory)
    assert steps(weighed.plan) == ["update 201 last_name"]
    assert weighed.finding is not None
    assert weighed.finding.person_guids == (guid(3),)
    # A third controller was told nothing that we could know of.
    third = replace(B, invocation_id="c", server="dc3:636")
    assert _weigh(news, third, first.memory).plan.commands == ()


def test_what_needs_a_command_that_waits_waits_too() -> None:
    # 1 leaves 201 for a person who has waited from the first reading on; 2 wants 201.
    people = [make_person(1, number=None), make_person(2, number="201")]
    plan = plan_of(people, [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)],
                   rules=make_rules(when_number_cleared=Outcome.DELETE))  # fmt: skip
    assert any("renumber" in step for step in steps(plan))
    waiting = plan_of([people[0], make_person(2)], [make_extension(1), make_extension(2)],
                      [make_binding(1), make_binding(2)], rules=make_rules(when_number_cleared=Outcome.DELETE))  # fmt: skip
    first = _weigh(waiting)
    weighed = _weigh(plan, replace(B, usn=60), first.memory)
    assert weighed.plan.commands == ()
    assert weighed.finding is not None
    assert weighed.finding.person_guids == (guid(1), guid(2))


def test_a_controller_set_back_is_not_believed_when_its_numbers_have_grown_again() -> None:
    plan = _differing()["deleted"]
    back = _weigh(plan, replace(A, usn=80))
    assert back.finding is not None
    assert "was restored from a backup" in back.finding.message
    assert _weigh(plan, replace(A, usn=500), back.memory).plan.commands == ()


def test_the_binding_of_somebody_gone_with_the_extension_stays_while_the_controller_is_behind() -> None:
    plan = plan_of(
        [make_person(2)],
        [make_extension(2)],
        [make_binding(1), make_binding(2)],
        [AbsentPerson(guid(1), False)],
    )
    assert plan.stale_binding_guids == (guid(1),)
    assert _weigh(plan).plan.stale_binding_guids == ()


def test_a_department_is_created_only_for_somebody_who_counts() -> None:
    people = [make_person(1), make_person(2), make_person(3, departments=("New",))]
    plan = plan_of(people, [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)],
                   rules=make_rules(add_to_departments=True, create_missing_departments=True))  # fmt: skip
    assert "create_group New" in steps(plan)
    assert _weigh(plan).plan.commands == ()


def test_findings_of_the_limit_of_the_licence_are_of_what_is_done() -> None:
    full = make_phone_system([make_extension(1)], max_extensions=1)
    plan = plan_of([make_person(1), make_person(2)], full, [make_binding(1)])
    assert codes(fit_into_licence(plan, full)) == ["licence_full"]
    assert codes(fit_into_licence(_weigh(plan).plan, full)) == []


_PLANS = st.sampled_from(list(_differing()))
_READINGS = st.sampled_from(
    [A, replace(A, usn=120), replace(A, usn=80), B, replace(B, usn=60), replace(B, usn=70, knows={"a": 100}),
     Reading(server="dc9:636")]
)  # fmt: skip


# A loaded machine may take its time.
@given(st.lists(st.tuples(_PLANS, _READINGS, st.booleans(), st.floats(0, 30)), max_size=8))
def test_whatever_is_read_only_commands_of_the_plan_whose_needs_are_kept_are_left(
    history: list[tuple[str, Reading, bool, float]],
) -> None:
    memory, hours = KNOWN, 0.0
    for what, reading, is_same, passed in history:
        hours += passed
        plan = _differing()[what]
        weighed = _weigh(plan, reading, memory, content="known" if is_same else what, hours=hours)
        kept = {command.sequence for command in weighed.plan.commands}
        assert kept <= {command.sequence for command in plan.commands}
        assert all(kept.issuperset(command.requires) for command in weighed.plan.commands)
        if kept != {command.sequence for command in plan.commands}:
            assert weighed.finding is not None, "nothing waits without being said"
        memory = weighed.memory


def test_a_return_that_only_a_lagging_controller_shows_ends_no_countdown() -> None:
    grace = Grace(guid(1), 1001, "201", "Anna1 Berg1", Departure.DELETED, 30, NOW - DAY, is_kept=True)
    plan = plan_of(
        [make_person(1), make_person(2)], [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)],
        graces=[grace], now=NOW,
    )  # fmt: skip
    assert plan.ended_graces == (grace,)
    assert _weigh(plan).plan.ended_graces == ()
    assert _weigh(plan, replace(A, usn=120)).plan.ended_graces == (grace,)


READ_ONLY = replace(B, is_read_only=True)


def test_a_read_only_controller_that_nothing_is_compared_with_proves_nobodys_absence() -> None:
    both = [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)]
    gone = plan_of([make_person(2), make_person(3)], *both, [AbsentPerson(guid(1), False)])
    first = _weigh(gone, READ_ONLY, Memory())
    assert {command.person_guid for command in first.plan.commands} == {guid(3)}
    assert first.finding is not None
    assert "is read-only, and there is no earlier reading" in first.finding.message
    assert not first.memory.alternatives
    again = _weigh(gone, READ_ONLY, first.memory, hours=1)
    assert {command.person_guid for command in again.plan.commands} == {guid(3)}
    assert steps(_weigh(gone, READ_ONLY, first.memory, hours=24).plan) == steps(gone)


def test_a_read_only_controller_may_begin_where_nobody_is_absent_and_is_as_good_as_another_once_proven() -> (
    None
):
    begun = _weigh(plan_of([make_person(1)], [], []), READ_ONLY, Memory())
    assert begun.finding is None
    assert begun.memory.last == (READ_ONLY,)
    gone = _differing()["deleted"]
    assert steps(_weigh(gone, replace(READ_ONLY, knows={"a": 100})).plan) == steps(gone)
    assert steps(_weigh(gone, B, Memory()).plan) == steps(gone)
