"""What a plan went by is looked up again in the directory before anything is done, when it is older than some minutes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from services.api.runs.use_cases import runs
from shared.database.tables import PartKind, PartState, Run, RunKind, RunState, SnapshotPart
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made
from tests.support.waiting import wait_until

pytestmark = pytest.mark.samba

PAST = "132223104000000000"
DELETE_ALL = {"when_moved_out": "delete", "when_deleted": "delete", "when_number_cleared": "delete"}


def settled(ends: Ends, **rules: str) -> tuple[str, list[str]]:
    """Four people in step, 201 to 204, and a unit that is not read."""
    unit = ends.office.unit("Sales")
    people = [ends.office.hire(unit, f"seller{index}", str(201 + index)) for index in range(4)]
    ends.configure([unit], rules=DELETE_ALL | rules)
    ends.settle()
    ends.phone_system.state.calls.clear()
    return unit, people


def previewed(ends: Ends) -> int:
    """A plan that waits, made an hour ago."""
    run = ends.site.plan(RunKind.PREVIEW)
    assert run.state == RunState.PLANNED, ends.site.story()
    let_time_pass(ends, run.id)
    return run.id


def let_time_pass(ends: Ends, run_id: int, by: timedelta = timedelta(hours=1)) -> None:
    """What was read for the run is older by now."""
    with ends.site.context.database.begin() as session:
        parts = session.scalars(
            select(SnapshotPart).where(
                SnapshotPart.run_id == run_id, SnapshotPart.state == PartState.COMPLETE.value
            )
        ).all()
        for part in parts:
            assert part.completed_at is not None
            part.completed_at -= by


def looked_up(ends: Ends, run_id: int) -> list[SnapshotPart]:
    """The look-ups of the run."""
    return [part for part in ends.site.parts(run_id) if part.kind == PartKind.LOOKUP]


def states(ends: Ends, run_id: int) -> dict[str, list[str]]:
    """By number, what became of its commands."""
    found: dict[str, list[str]] = {}
    for row in ends.site.commands(run_id):
        found.setdefault(row.number, []).append(row.state)
    return found


def approved(ends: Ends, run_id: int) -> None:
    """The plan is approved and carried out."""
    ends.site.approve(run_id)
    assert ends.site.wait_for(run_id, {RunState.DONE, RunState.FAILED}).state == RunState.DONE, (
        ends.site.story()
    )


Change = Callable[[Ends, str, str], None]


def _moved_out(ends: Ends, unit: str, dn: str) -> None:
    ends.office.move(dn, ends.office.unit("Away"))


def _moved_back(ends: Ends, unit: str, dn: str) -> None:
    ends.office.move(f"{dn.partition(',')[0]},OU=Away,{ends.office.root}", unit)


REASONS: dict[str, tuple[Change, Change, str]] = {
    "moved out and back": (_moved_out, _moved_back, "is in the selected units now"),
    "disabled and enabled": (
        lambda ends, _unit, dn: ends.office.disable(dn),
        lambda ends, _unit, dn: ends.office.enable(dn),
        "is enabled again",
    ),
    "expired and extended": (
        lambda ends, _unit, dn: ends.office.change(dn, accountExpires=PAST),
        lambda ends, _unit, dn: ends.office.change(dn, accountExpires="0"),
        "is enabled again",
    ),
    "number cleared and set": (
        lambda ends, _unit, dn: ends.office.change(dn, telephoneNumber=None),
        lambda ends, _unit, dn: ends.office.change(dn, telephoneNumber="201"),
        "has a number again, 201",
    ),
    "renumbered and back": (
        lambda ends, _unit, dn: ends.office.change(dn, telephoneNumber="251"),
        lambda ends, _unit, dn: ends.office.change(dn, telephoneNumber="201"),
        "has number 201 in the directory, not 251",
    ),
}


@pytest.mark.parametrize("reason", REASONS)
def test_whoever_is_back_when_the_plan_is_approved_keeps_the_extension(ends: Ends, reason: str) -> None:
    leave, come_back, said = REASONS[reason]
    unit, people = settled(ends)
    leave(ends, unit, people[0])
    ends.office.disable(people[1])
    run_id = previewed(ends)
    come_back(ends, unit, people[0])
    approved(ends, run_id)

    assert changes_made(ends.phone_system) == {("update_user", "202"): 1}
    first, *rest = [row for row in ends.site.commands(run_id) if row.number != "202"]
    assert first.state == "outdated"
    assert said in (first.error_message or "")
    assert {row.state for row in rest} <= {"outdated", "skipped"}
    assert any(said in line for line in ends.site.log("command.outdated"))
    ends.assert_in_step()


GONE: dict[str, tuple[Change, str]] = {
    "deleted": (lambda ends, _unit, dn: ends.office.delete(dn), "was deleted from the directory"),
    "moved out": (_moved_out, "is no longer in the selected OUs"),
    "disabled": (lambda ends, _unit, dn: ends.office.disable(dn), "is disabled"),
    "expired": (lambda ends, _unit, dn: ends.office.change(dn, accountExpires=PAST), "has expired"),
    "number cleared": (
        lambda ends, _unit, dn: ends.office.change(dn, telephoneNumber=None),
        "no longer has a number",
    ),
    "renumbered": (
        lambda ends, _unit, dn: ends.office.change(dn, telephoneNumber="241"),
        "has number 241 in the directory, not 240",
    ),
}


@pytest.mark.parametrize("reason", GONE)
def test_nothing_is_created_for_somebody_who_is_not_entitled_any_more(ends: Ends, reason: str) -> None:
    change, said = GONE[reason]
    unit, _people = settled(ends)
    joiner = ends.office.hire(unit, "nora", "240")
    ends.office.hire(unit, "olga", "250")
    run_id = previewed(ends)
    change(ends, unit, joiner)
    approved(ends, run_id)

    assert states(ends, run_id) == {"240": ["outdated"], "250": ["done"]}
    assert said in str(ends.site.log("command.outdated"))
    assert set(changes_made(ends.phone_system)) == {("create_user", "250")}


def test_an_extension_is_not_enabled_for_somebody_disabled_again(ends: Ends) -> None:
    _unit, people = settled(ends)
    ends.office.disable(people[0])
    ends.settle()
    ends.phone_system.state.calls.clear()
    ends.office.enable(people[0])
    run_id = previewed(ends)
    ends.office.disable(people[0])
    approved(ends, run_id)
    assert states(ends, run_id) == {"201": ["outdated"]}
    assert not changes_made(ends.phone_system)


def test_somebody_disabled_whose_account_is_deleted_meanwhile_is_disabled_all_the_same(ends: Ends) -> None:
    _unit, people = settled(ends)
    ends.office.disable(people[0])
    run_id = previewed(ends)
    ends.office.delete(people[0])
    approved(ends, run_id)
    assert states(ends, run_id) == {"201": ["done"]}


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("telephoneNumber", "+49 (89) 555-0 x100"),
        # No attribute has the digits of the number, so that a search for them would find nobody.
        ('replace(telephoneNumber, "one-", "10")', "one-0"),
    ],
)
def test_an_extension_that_was_nobodys_is_kept_when_somebody_has_its_number_by_now(
    ends: Ends, number: str, holds: str
) -> None:
    unit, _people = settled(ends)
    ends.configure(
        [unit],
        rules=DELETE_ALL | {"removal_scope": "all"},
        directory={"attributes": {"number": number}},
    )
    run_id = previewed(ends)
    assert {"100", "101"} <= states(ends, run_id).keys()
    ends.office.hire(unit, "late", holds)
    approved(ends, run_id)
    after = states(ends, run_id)
    assert set(after["100"]) <= {"outdated", "skipped"}
    assert set(after["101"]) == {"done"}
    assert "somebody with number 100 is in the selected units now" in str(ends.site.log("command.outdated"))


def test_nothing_is_deleted_for_a_successor_who_is_gone(ends: Ends) -> None:
    unit, people = settled(ends, when_number_cleared="disable")
    ends.office.change(people[0], telephoneNumber=None)
    successor = ends.office.hire(unit, "nora", "201")
    run_id = previewed(ends)
    assert "delete_extension" in {row.kind for row in ends.site.commands(run_id)}
    ends.office.delete(successor)
    approved(ends, run_id)
    kinds = {row.kind: row.state for row in ends.site.commands(run_id)}
    assert (kinds["disable_extension"], kinds["delete_extension"]) == ("done", "outdated")
    assert kinds["create_extension"] in {"outdated", "skipped"}


def test_what_was_read_just_now_is_not_looked_up_again(ends: Ends) -> None:
    _unit, people = settled(ends)
    ends.office.delete(people[0])
    run = ends.site.complete()
    assert run.state == RunState.DONE
    assert looked_up(ends, run.id) == []


def test_one_look_up_serves_the_stages_that_follow_at_once(ends: Ends) -> None:
    _unit, people = settled(ends)
    ends.office.delete(people[0])
    run_id = previewed(ends)
    approved(ends, run_id)
    assert states(ends, run_id) == {"201": ["done", "done"]}
    (part,) = looked_up(ends, run_id)
    assert (part.state, part.item_count, part.source != "") == (PartState.COMPLETE, 1, True)


def test_while_the_directory_is_away_joiners_get_their_extensions_and_leavers_wait(ends: Ends) -> None:
    unit, people = settled(ends)
    ends.office.delete(people[0])
    ends.office.delete(people[1])
    ends.office.hire(unit, "nora", "240")
    run_id = previewed(ends)
    ends.configure([unit], rules=DELETE_ALL, directory={"servers": ["127.0.0.1:9"]})
    ends.site.approve(run_id)

    def _waits() -> bool:
        ends.site.bring_forward(run_id)
        return bool(ends.site.log("run.interrupted"))

    wait_until("the run to wait for the directory", _waits, 60)
    assert states(ends, run_id) == {"201": ["pending"] * 2, "202": ["pending"] * 2, "240": ["done"]}
    assert changes_made(ends.phone_system) == {("create_user", "240"): 1}
    (said,) = ends.site.log("run.interrupted")
    assert "Before extensions are disabled or deleted, their people are looked up again" in said

    ends.configure([unit], rules=DELETE_ALL)

    def _goes_on() -> bool:
        ends.site.bring_forward(run_id)
        return ends.site.run(run_id).state == RunState.DONE

    wait_until("the run to go on", _goes_on, 60)
    assert states(ends, run_id) == {"201": ["done"] * 2, "202": ["done"] * 2, "240": ["done"]}
    assert set(changes_made(ends.phone_system).values()) == {1}


def day_old(ends: Ends, change: Callable[[], object]) -> Run:
    """A plan that deletes 201 and 202 and was made more than a day ago; ``change`` happens before the approval."""
    _unit, people = settled(ends)
    ends.office.delete(people[0])
    ends.office.delete(people[1])
    run_id = previewed(ends)
    let_time_pass(ends, run_id, timedelta(hours=24))
    change()
    return ends.site.run(run_id)


def test_an_approval_of_a_plan_of_yesterday_reads_again_and_goes_on_by_itself(ends: Ends) -> None:
    old = day_old(ends, lambda: None)
    fresh = runs.approve(ends.site.context, old.id, old.plan_hash or "", actor="pat")
    assert fresh.id != old.id
    assert ends.site.wait_for(fresh.id, {RunState.DONE, RunState.PLANNED}).state == RunState.DONE
    assert set(changes_made(ends.phone_system)) >= {("delete_user", "201"), ("delete_user", "202")}
    run = ends.site.run(fresh.id)
    assert (run.kind, run.approved_by, run.approved_hash) == ("preview", "pat", old.plan_hash)
    assert (ends.site.run(old.id).state, ends.site.run(old.id).superseded_by) == ("cancelled", fresh.id)
    assert f"Run {fresh.id} reads everything again" in ends.site.log("run.approved")[-2]


def test_what_the_approval_left_out_stays_left_out(ends: Ends) -> None:
    old = day_old(ends, lambda: None)
    rows = [row.sequence for row in ends.site.commands(old.id) if row.number == "201"]
    fresh = runs.approve(ends.site.context, old.id, old.plan_hash or "", actor="pat", leave_out=rows[:1])
    ends.site.wait_for(fresh.id, {RunState.DONE})
    assert states(ends, fresh.id) == {"201": ["left_out"] * 2, "202": ["done"] * 2}


def test_an_approval_of_a_plan_of_yesterday_does_not_count_for_another_plan(ends: Ends) -> None:
    old = day_old(ends, lambda: ends.office.hire(f"OU=Sales,{ends.office.root}", "nora", "240"))
    fresh = runs.approve(ends.site.context, old.id, old.plan_hash or "", actor="pat")
    run = ends.site.wait_for(fresh.id, {RunState.DONE, RunState.PLANNED})
    assert (run.state, run.approved_by, run.approved_hash) == (RunState.PLANNED, None, None)
    assert not changes_made(ends.phone_system)
    (said,) = ends.site.log("run.plan_changed")
    assert "differs from the one that pat approved" in said


def test_a_disabled_account_of_a_unit_that_keeps_them_still_gets_its_extension(ends: Ends) -> None:
    shared = ends.office.unit("Shared")
    ends.office.disable(ends.office.hire(shared, "info", "250"))
    ends.office.disable(ends.office.hire(ends.office.unit("Sales"), "left", "251"))
    ends.configure([{"dn": shared, "disabled_accounts": "active"}, ends.office.root])
    run_id = previewed(ends)
    approved(ends, run_id)
    assert looked_up(ends, run_id)
    assert states(ends, run_id) == {"250": ["done"]}
