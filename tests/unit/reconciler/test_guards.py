"""Which plans wait for a person: each limit at its edge, for a unit and for the site, on large and small sites."""

from typing import Any

import pytest

from services.reconciler.guards import judge
from shared.domain.command import Command, CommandKind
from shared.domain.plan import Finding, FindingCode, HoldReason, Plan, Severity
from shared.domain.rules import Limits, RunFacts, UnitSnapshot
from tests.builders.domain import SALES, SUPPORT, guid

ONE = (("update", 1),)


def _commands(*counts: tuple[str, int], unit: str = SALES, first_id: int = 1) -> list[Command]:
    """So many commands of each kind, each about an extension and a person of its own."""
    commands: list[Command] = []
    for kind, count in counts:
        for _ in range(count):
            index = len(commands) + first_id
            commands.append(
                Command(
                    index,
                    CommandKind(f"{kind}_extension"),
                    "",
                    str(index),
                    guid(index),
                    unit=unit,
                    extension_id=index,
                )
            )
    return commands


def _facts(sales: int = 100, before: int | None = None, **changes: Any) -> RunFacts:
    """Sales and Support, Support as large as Sales; as many people as in the last good run unless said."""
    units = (
        UnitSnapshot(SALES, True, sales, sales if before is None else before),
        UnitSnapshot(SUPPORT, True, 100, 100),
    )
    return RunFacts(**({"units": units} | changes))


def _judged(commands: list[Command], facts: RunFacts, managed: int = 200, **limits: Any) -> list[str]:
    verdict = judge(Plan(tuple(commands), managed_extensions=managed), facts, Limits(**limits))
    return [f"{reason.code} {'unit' if reason.unit else 'all'}" for reason in verdict.reasons]


@pytest.mark.parametrize(
    ("kind", "count", "managed", "expected"),
    [
        ("delete", 10, 200, []),
        ("delete", 11, 200, ["removals all"]),
        ("delete", 5, 20, []),
        ("delete", 6, 20, ["removals all"]),
        ("disable", 20, 200, []),
        ("disable", 21, 200, ["disables all"]),
        ("disable", 10, 20, []),
        ("disable", 11, 20, ["disables all"]),
        ("update", 60, 200, []),
        ("update", 61, 200, ["updates all"]),
        ("update", 10, 20, []),
        ("update", 11, 20, ["updates all"]),
        ("renumber", 61, 200, ["updates all"]),
        ("create", 1000, 0, []),
        ("enable", 200, 200, []),
        ("adopt", 200, 200, []),
    ],
)
def test_a_change_is_too_large_only_above_both_its_count_and_its_percentage(
    kind: str, count: int, managed: int, expected: list[str]
) -> None:
    """Commands without a unit count for the site only."""
    assert _judged(_commands((kind, count), unit=""), _facts(), managed) == expected


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        ("delete", 5, []),
        ("delete", 6, ["removals unit"]),
        ("disable", 10, []),
        ("disable", 11, ["disables unit"]),
        ("update", 30, []),
        ("update", 31, ["updates unit"]),
    ],
)
def test_a_change_that_is_small_for_the_site_can_be_too_large_for_a_unit(
    kind: str, count: int, expected: list[str]
) -> None:
    assert _judged(_commands((kind, count)), _facts(), 1000) == expected


def test_the_share_of_a_unit_that_has_shrunk_is_of_its_former_size() -> None:
    assert _judged(_commands(("delete", 6)), _facts(sales=114, before=120), 1000) == []


def test_limits_are_settings() -> None:
    commands = _commands(("delete", 1), unit="")
    assert _judged(commands, _facts(), removals=0, removals_percent=0) == ["removals all"]
    assert _judged(_commands(("delete", 150), unit=""), _facts(), removals=150) == []


def test_what_is_disabled_in_order_to_be_deleted_counts_once() -> None:
    deletions = _commands(("delete", 10), unit="")
    disables = [
        Command(100 + item.sequence, CommandKind.DISABLE_EXTENSION, "", person_guid=item.person_guid,
                extension_id=item.extension_id) for item in deletions
    ]  # fmt: skip
    assert _judged([*disables, *deletions], _facts(), disables=0, disables_percent=0) == []


def test_a_replaced_extension_is_a_change_and_no_removal() -> None:
    renumberings = _commands(("renumber", 20), unit="")
    old = [
        Command(100 + item.sequence, kind, "", person_guid=item.person_guid, extension_id=item.extension_id)
        for item in renumberings
        for kind in (CommandKind.DISABLE_EXTENSION, CommandKind.DELETE_EXTENSION)
    ]
    assert _judged([*renumberings, *old], _facts()) == []


def test_an_extension_that_is_changed_twice_counts_once() -> None:
    updates = _commands(("update", 60), unit="")
    assert _judged([*updates, *updates], _facts()) == []


@pytest.mark.parametrize("kind", ["delete", "disable"])
def test_taking_every_managed_extension_is_held_however_few_there_are(kind: str) -> None:
    assert _judged(_commands((kind, 3), unit=""), _facts(), managed=3) == ["removals all"]
    assert _judged(_commands((kind, 2), unit=""), _facts(), managed=3) == []
    assert _judged(_commands((kind, 1), unit=""), _facts(), managed=1) == []
    mixed = _commands(("delete", 2), ("disable", 1), unit="")
    assert _judged(mixed, _facts(), managed=3) == ["removals all"]
    taken_over = [*_commands(("adopt", 3), unit=""), *_commands((kind, 3), unit="")]
    assert _judged(taken_over, _facts(), managed=3) == []
    nobodys = [Command(1, CommandKind.DELETE_EXTENSION, "", extension_id=index) for index in (7, 8, 9)]
    assert _judged(nobodys, _facts(), managed=3) == []


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (100, 90, []),
        (100, 89, ["people_down unit"]),
        (100, 0, ["people_down all", "empty_snapshot unit"]),
        (4, 3, []),
        (4, 2, ["people_down unit"]),
        (1, 0, ["empty_snapshot unit"]),
        (0, 0, []),
        (90, 100, []),
    ],
)
def test_fewer_people_than_in_the_last_good_run_are_held(before: int, now: int, expected: list[str]) -> None:
    assert _judged(_commands(("delete", 1)), _facts(now, before)) == expected


def test_many_small_losses_are_held_in_sum() -> None:
    units = tuple(UnitSnapshot(f"OU={index}", True, 4, 5) for index in range(10))
    assert _judged(_commands(("delete", 1)), RunFacts(units=units)) == ["people_down all"]


def test_a_unit_that_was_not_read_to_its_end_says_nothing_about_people_gone() -> None:
    units = (UnitSnapshot(SALES, False, 3, 100), UnitSnapshot(SUPPORT, True, 100, 100))
    assert _judged(_commands(("delete", 1)), RunFacts(units=units)) == []


def test_a_new_unit_has_no_former_size() -> None:
    units = (UnitSnapshot(SALES, True, 50, None), UnitSnapshot(SUPPORT, True, 100, 100))
    assert _judged(_commands(*ONE), RunFacts(units=units)) == []


@pytest.mark.parametrize("flag", ["is_first_run", "is_selection_changed"])
def test_a_first_run_and_a_changed_selection_are_held_and_not_measured_against_before(flag: str) -> None:
    code = flag.removeprefix("is_")
    assert _judged(_commands(*ONE), _facts(0, 100, **{flag: True})) == [f"{code} all"]


def test_a_plan_without_commands_is_never_held() -> None:
    finding = Finding(FindingCode.LICENCE_FULL, Severity.WARNING, "Full.")
    plan = Plan((), (finding,), managed_extensions=5)
    assert judge(plan, _facts(0, 100, is_first_run=True), Limits()).reasons == ()


def test_creations_beyond_the_licence_are_held_with_its_sentence() -> None:
    finding = Finding(FindingCode.LICENCE_FULL, Severity.WARNING, "The licence is full.")
    plan = Plan(tuple(_commands(("create", 2))), (finding,), managed_extensions=5, beyond_licence=(2,))
    assert judge(plan, _facts(), Limits()).reasons == (
        HoldReason("licence", "The licence is full. Review the plan and approve it if this is intended."),
    )


def test_every_reason_says_how_much_of_how_many_and_where() -> None:
    commands = [*_commands(("delete", 12)), *_commands(("disable", 30), unit="", first_id=500)]
    facts = _facts(80, 100)
    verdict = judge(Plan(tuple(commands), managed_extensions=200), facts, Limits())
    what_to_do = " Review the plan and approve it if this is intended."
    assert {
        (reason.code, reason.unit, reason.message.removesuffix(what_to_do)) for reason in verdict.reasons
    } == {
        (
            "people_down",
            SALES,
            f"{SALES}: 80 people now, 100 in the last successful run, which is 20 % fewer; the limit is 10 %.",
        ),
        ("removals", None, "12 of 200 extensions would be deleted (6 %); the limit is 5 and 5 %."),
        (
            "removals",
            SALES,
            f"{SALES}: 12 of 100 extensions would be deleted (12 %); the limit is 5 and 5 %.",
        ),
        ("disables", None, "30 of 200 extensions would be disabled (15 %); the limit is 10 and 10 %."),
    }
