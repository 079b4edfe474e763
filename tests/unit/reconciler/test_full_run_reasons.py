"""What a change run decides by itself, and what it leaves to a full run."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace

import pytest

from services.reconciler.change_checks import circumstances_of, may_touch_template
from services.reconciler.change_scope import LastRead, concerned
from services.reconciler.full_run_reasons import Circumstances, why_left_to_a_full_run
from shared.domain.asked import Asked
from shared.domain.binding import Binding
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.domain.rules import NumberRange
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_rules

RANGES = make_rules(number_ranges=(NumberRange("300", "399"),))
REASONS = [item.name for item in fields(Circumstances)]


def test_nothing_in_the_way_leaves_nothing_to_a_full_run() -> None:
    assert why_left_to_a_full_run(Circumstances()) is None


@pytest.mark.parametrize("name", REASONS)
def test_each_circumstance_has_a_sentence_of_its_own(name: str) -> None:
    sentences = [why_left_to_a_full_run(replace(Circumstances(), **{other: True})) for other in REASONS]
    own = why_left_to_a_full_run(replace(Circumstances(), **{name: True}))
    assert own is not None
    assert own.endswith(".")
    assert sentences.count(own) == 1


def test_the_first_reason_is_the_one_that_is_told() -> None:
    both = Circumstances(is_first_run=True, is_above_limit=True)
    assert why_left_to_a_full_run(both) == why_left_to_a_full_run(Circumstances(is_first_run=True))


@pytest.mark.parametrize(
    ("people", "extensions", "bindings", "found"),
    [
        # The usual changes: nothing in the way.
        ([make_person(last_name="Other")], [make_extension()], [make_binding()], Circumstances()),
        ([make_person(number="250")], [make_extension()], [make_binding()], Circumstances()),
        ([make_person(account_state=AccountState.DISABLED)], [make_extension()], [make_binding()], Circumstances()),
        ([make_person()], [], [], Circumstances()),
        ([], [make_extension()], [make_binding()], Circumstances()),
        ([], [], [], Circumstances()),
        # The extension is gone, shows somebody else, or has a number of its own.
        ([make_person()], [], [make_binding()], Circumstances(is_link_uncertain=True)),
        (
            [make_person()],
            [make_extension(first_name="Bob", last_name="Hill", email="")],
            [make_binding()],
            Circumstances(is_link_uncertain=True),
        ),
        (
            [make_person()],
            [make_extension(number="777")],
            [make_binding()],
            Circumstances(is_link_uncertain=True),
        ),
        # A newcomer whom a range is to give a number; whoever has an extension keeps theirs.
        ([make_person(number=None)], [], [], Circumstances(needs_new_number=True)),
        ([make_person(number=None)], [make_extension()], [make_binding()], Circumstances()),
        ([make_person(number=None, number_problem="too short")], [], [], Circumstances()),
        ([make_person(number=None, account_state=AccountState.DISABLED)], [], [], Circumstances()),
        # An account that came from another domain.
        ([make_person(sid_history=("S-1-5-21-1",))], [], [], Circumstances(is_account_migrated=True)),
    ],
)  # fmt: skip
def test_what_was_read_decides(
    people: Sequence[Person],
    extensions: Sequence[Extension],
    bindings: Sequence[Binding],
    found: Circumstances,
) -> None:
    assert circumstances_of(people, extensions, bindings, (), RANGES) == found


@pytest.mark.parametrize("doubted", [guid(1), "extension 1001"])
def test_whoever_waits_for_another_controller_waits_for_a_full_run(doubted: str) -> None:
    found = circumstances_of([make_person()], [make_extension()], [make_binding()], {doubted}, RANGES)
    assert found == Circumstances(is_doubted=True)


@pytest.mark.parametrize(
    ("kind", "touches"),
    [
        (CommandKind.UPDATE_EXTENSION, False),
        (CommandKind.CREATE_EXTENSION, False),
        (CommandKind.ADOPT_EXTENSION, True),
        (CommandKind.DISABLE_EXTENSION, True),
        (CommandKind.DELETE_EXTENSION, True),
    ],
)
def test_templates_of_single_people_are_not_touched(kind: CommandKind, *, touches: bool) -> None:
    commands = [Command(1, kind, "why")]
    assert may_touch_template(commands, have_own_templates=True) is touches
    assert not may_touch_template(commands, have_own_templates=False)


class Memory:
    """Two who share an address, and one who has the number that another wants."""

    def last_read(
        self, guids: Collection[str], numbers: Collection[str], emails: Collection[str]
    ) -> list[LastRead]:
        rows = [
            LastRead(guid(1), "201", "shared@x.test"),
            LastRead(guid(2), "202", "Shared@x.test"),
            LastRead(guid(3), "203", "c@x.test"),
            LastRead(guid(9), "209", "far@x.test"),
        ]
        return [
            row for row in rows if row.guid in guids or row.number in numbers or row.email.lower() in emails
        ]

    def bindings(self, guids: Collection[str], extensions: Collection[int]) -> list[Binding]:
        known = [make_binding(index) for index in (1, 2, 3, 9)]
        return [item for item in known if item.person_guid in guids or item.extension_id in extensions]

    def unfinished(self, asked: Asked) -> list[Asked]:
        return [Asked(extensions=frozenset({77}))] if guid(1) in asked.people else []


def test_whoever_shares_a_number_an_address_or_an_extension_is_concerned_and_nobody_else() -> None:
    changed = Asked(people=frozenset({guid(1)}))
    first = concerned(changed, [], [], Memory(), 50)
    assert first.people == {guid(1), guid(2)}, "they share an address"
    assert first.extensions == {1001, 1002, 77}
    assert first.numbers == {"201", "202"}
    assert first.emails == {"shared@x.test"}
    # What was read shows that the person now wants the number of somebody else.
    people = [make_person(1, number="203", email="shared@x.test")]
    second = concerned(first, people, [], Memory(), 50)
    assert (second - first).people == {guid(3)}
    assert concerned(second, people, [make_extension(3)], Memory(), 50) - second == Asked(
        emails=frozenset({"anna3@corp.example.test"})
    )


def test_it_stops_growing_when_too_many_are_concerned() -> None:
    assert len(concerned(Asked(people=frozenset({guid(1)})), [], [], Memory(), 0).people) == 1
