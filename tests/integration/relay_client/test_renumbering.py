"""A new number makes a new extension: whatever the old one had is there afterwards, or it was said that it is not."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from shared.database.tables import OwedSteps
from shared.domain.command import Command, CommandKind
from tests.integration.relay_client.between import Answer, Forward, Passing, between
from tests.integration.relay_client.company import MAINTENANCE, Company, Trouble
from tests.integration.relay_client.conftest import Bench, change
from tests.integration.relay_client.test_unknown_outcome import renumbering
from tests.support.belongings import KEYS, MAC, OWN, PHONE_SECRET, around, endow
from tests.support.releases import every_release

# A renumbering with all of it writes about so often, from the new extension to the end of the old one.
FEWEST_RUNS, MOST_RUNS = 20, 60


def _removal(bench: Bench, number: str = "104") -> list[Command]:
    enabled, disabled = {"enabled": True}, {"enabled": False}
    return [
        change(bench, CommandKind.DISABLE_EXTENSION, number, enabled, disabled, requires=(1,)),
        change(bench, CommandKind.DELETE_EXTENSION, number, {"number": number} | disabled, {}, requires=(2,)),
    ]


def _as_before(picture: Any) -> Any:
    """What was there, naming the new number; ids of people and the order of lists are 3CX's own."""
    text = re.sub(r"\b104\b", "204", str(picture))
    return sorted(re.findall(r"\w[^,{}\[\]]*", re.sub(r"'Id': \d+", "", text)))


def _check_carried(bench: Bench, before: dict[str, Any]) -> None:
    user, after = bench.user("204"), around(bench.phone_system)
    assert {name: user[name] for name in OWN} == OWN
    (phone,) = user["Phones"]
    assert (phone["MacAddress"], phone["Settings"]["Secret"]) == (MAC, PHONE_SECRET)
    assert [row["Filename"] for row in user["Greetings"]] == [""]
    before["others"].pop("104", None)
    own_keys, _exceptions = after["others"].pop("204")
    after["others"].pop("104", None)
    assert own_keys == KEYS.format("204")
    assert _as_before(after) == _as_before(before)
    assert "'104'" not in str(after)
    agents = {row["Number"]: row["SkillGroup"] for row in after["queues"][2]["Agents"]}
    assert agents == {"100": "1", "101": "1", "204": "3"}


@every_release
def test_everything_that_3cx_lets_anybody_write_is_there_under_the_new_number(bench: Bench) -> None:
    endow(bench.phone_system, "104")
    before = around(bench.phone_system)
    rows = bench.execute(renumbering(bench), *_removal(bench))
    assert {row.state for row in rows} == {"done"}, [row.error_message for row in rows]
    _check_carried(bench, before)
    assert list(bench.calls("reprovision_phone")) == [f"{MAC} of 204"]


def test_the_log_says_what_could_not_go_along(bench: Bench) -> None:
    endow(bench.phone_system, "104")
    bench.execute(renumbering(bench))
    (said,) = [message for message in bench.log() if "has extension 204 now" in message]
    assert "Not carried over: recorded greetings (away.wav); the key in the two-factor app" in said
    assert OWN["VMPIN"] not in said


def test_callers_reach_somebody_at_every_moment(bench: Bench) -> None:
    endow(bench.phone_system, "104")
    state = bench.phone_system.state
    unreachable: list[str] = []

    def _in_service(number: str) -> bool:
        user_id = state.user_by_number.get(number)
        return user_id is not None and state.user(user_id)["Enabled"]

    def _look(passing: Passing, forward: Forward) -> Answer:
        answer = forward()
        places = {
            "queue": [row["Number"] for row in state.queues[2]["Agents"]],
            "ring group": [row["Number"] for row in state.ring_groups[3]["Members"]],
            "direct number": [state.inbound_rules[9]["OfficeHoursDestination"]["Number"]],
        }
        for place, numbers in places.items():
            if not any(number in ("104", "204") and _in_service(number) for number in numbers):
                unreachable.append(f"{place} after {passing.method} {passing.path} {passing.content!r}")
        return answer

    with between(bench.base_url) as proxy:
        proxy.handling = _look
        bench.configure(base_url=proxy.base_url)
        rows = bench.execute(renumbering(bench), *_removal(bench))
    assert {row.state for row in rows} == {"done"}
    assert unreachable == []


@pytest.fixture
def company(bench: Bench) -> Iterator[Company]:
    """A company of which only one person changes: 104 is to have 204."""
    endow(bench.phone_system, "104", watchers=("101", "102"))
    with between(bench.base_url) as proxy:
        company = Company(bench, proxy)
        moving = next(person for person in company.people if person.number == "204")
        company.people, company.absent = [replace(moving, mobile="+49301")], []
        with bench.context.database.begin() as session:
            session.connection().exec_driver_sql("DELETE FROM bindings WHERE number <> '104'")
        yield company


@pytest.mark.parametrize(("at", "took_effect", "cancels"), [(1, True, False), (4, False, True)])
def test_one_that_ends_again_and_again_after_a_write_or_two_is_finished_and_loses_nothing(
    company: Company, at: int, took_effect: bool, cancels: bool
) -> None:
    """Each run gets one write further than the one before, so that it ends once behind every write there is."""
    before = around(company.bench.phone_system)
    runs = 0
    while company.run(Trouble(at, took_effect, cancels)).commands:
        runs += 1
        assert runs < MOST_RUNS, company.bench.log()[-5:]
    assert runs > FEWEST_RUNS // at
    company.settle()
    _check_carried(company.bench, before)
    assert "104" not in company.bench.phone_system.state.user_by_number


def test_what_was_taken_off_the_old_extension_is_kept_encrypted_until_the_new_one_has_it(
    company: Company,
) -> None:
    freed = Trouble(at=0)

    def _away_after_freeing(passing: Passing, forward: Forward) -> Answer:
        if freed.is_away:
            return MAINTENANCE
        freed.is_away = b'"Phones":[]' in passing.content.replace(b" ", b"")
        return forward()

    freed.handle = _away_after_freeing  # type: ignore[method-assign]
    bench = company.bench
    company.run(freed)
    assert bench.user("104")["Phones"] == bench.user("204")["Phones"] == []
    with bench.context.database.read() as session:
        (row,) = session.scalars(select(OwedSteps))
    assert row.taken
    assert MAC in bench.context.encryption.decrypt(row.taken)
    assert PHONE_SECRET not in str(row.__dict__)
    company.settle()
    assert [phone["MacAddress"] for phone in bench.user("204")["Phones"]] == [MAC]


def test_phones_that_the_new_extension_may_not_have_go_back_to_the_old_one(bench: Bench) -> None:
    endow(bench.phone_system, "104")
    new = bench.phone_system.state._next_user

    def _refuse(passing: Passing, forward: Forward) -> Answer:
        is_given = f"({new})" in passing.path and MAC.encode() in passing.content
        return Answer(400, b'{"error": {"message": "No."}}') if is_given else forward()

    with between(bench.base_url) as proxy:
        proxy.handling = _refuse
        bench.configure(base_url=proxy.base_url)
        renumbered, *removal = bench.execute(renumbering(bench), *_removal(bench))
    assert (renumbered.state, renumbered.error_code) == ("failed", "partly_done")
    assert "its phones could not be written" in (renumbered.error_message or "")
    assert [row.state for row in removal] == ["skipped", "skipped"]
    assert [phone["MacAddress"] for phone in bench.user("104")["Phones"]] == [MAC]
    # The old one stays where calls arrive for it.
    assert {row["Number"] for row in bench.phone_system.state.queues[2]["Agents"]} >= {"104", "204"}


def test_two_who_watch_each_other_still_do_when_both_have_new_numbers(bench: Bench) -> None:
    state = bench.phone_system.state
    for number, other in (("104", "105"), ("105", "104")):
        state.change_user(bench.id_of(number), {"Blfs": KEYS.format(other)}, is_counted=False)
    second = Command(
        0, CommandKind.RENUMBER_EXTENSION, "test", "205", "guid-5", "Existing5", bench.id_of("105"),
        before={"number": "105"},
        after={"number": "205", "first_name": "Existing5", "last_name": "Extension", "enabled": True},
    )  # fmt: skip
    rows = bench.execute(renumbering(bench), second)
    assert {row.state for row in rows} == {"done"}, [row.error_message for row in rows]
    assert (bench.user("204")["Blfs"], bench.user("205")["Blfs"]) == (KEYS.format("205"), KEYS.format("204"))


def test_queues_that_may_not_be_read_keep_the_old_extension(bench: Bench) -> None:
    bench.phone_system.faults.add(
        {"kind": "status", "status": 403, "body": "empty", "method": "GET", "path": "^/Queues", "times": 99}
    )
    renumbered, *removal = bench.execute(renumbering(bench), *_removal(bench))
    assert renumbered.error_code == "partly_done"
    assert "every queue could not be written" in (renumbered.error_message or "")
    assert [row.state for row in removal] == ["skipped", "skipped"]


def test_personal_favourites_are_no_departments_and_do_not_go_along(bench: Bench) -> None:
    state = bench.phone_system.state
    group = state.add_group({"Name": "___FAVORITES___104"}, is_counted=False)["Id"]
    rows = [{"GroupId": each, "Rights": {"RoleName": "users"}} for each in (1, group)]
    state.change_user(bench.id_of("104"), {"Groups": rows}, is_counted=False)
    with bench.xapi() as xapi:
        assert [department.name for department in xapi.departments()] == ["DEFAULT"]
        (extension,) = xapi.find_by_numbers(["104"]).values()
    assert [membership.department for membership in extension.memberships] == ["DEFAULT"]
    before = {"departments": ("DEFAULT",), "primary_department": "DEFAULT"}
    state.add_group({"Name": "Sales"}, is_counted=False)
    after = {"departments": ("Sales",), "primary_department": "Sales"}
    (row,) = bench.execute(change(bench, CommandKind.UPDATE_EXTENSION, "104", before, after))
    assert row.state == "done", row.error_message
    assert group in [item["GroupId"] for item in bench.user("104")["Groups"]], "they stay the person's own"
    bench.execute(renumbering(bench))
    assert group not in [item["GroupId"] for item in bench.user("204")["Groups"]]
