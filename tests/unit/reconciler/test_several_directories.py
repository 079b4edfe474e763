"""What several directories together prove: who is absent, who was migrated, and what waits for which controller."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.reconciler.absence import agreed
from services.reconciler.directory_names import with_directory_names
from services.reconciler.evidence import Evidence as AbsenceEvidence
from services.reconciler.freshness import Evidence, weigh_all
from services.reconciler.migrated import migrated_accounts
from shared.domain.command import CommandKind
from shared.domain.memory import Memory
from shared.domain.person import AbsentPerson, AccountState
from shared.domain.reading import Reading
from shared.domain.rules import UnitSnapshot
from tests.builders.domain import SALES, SUPPORT, guid, make_binding, make_extension, make_person
from tests.unit.reconciler.scenario import plan_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GONE, ELSEWHERE = AbsentPerson(guid(1), False), AbsentPerson(guid(1), True, "CN=x")
APART = {"": "DC=corp", "b": "DC=emea"}
TOGETHER = {"": "DC=corp", "b": "DC=corp"}


@pytest.mark.parametrize(
    ("said", "silent", "home", "forests", "expected"),
    [
        # Both answered.
        ({"": GONE, "b": GONE}, (), "", APART, False),
        ({"": GONE, "b": GONE}, (), None, APART, False),
        ({"": ELSEWHERE, "b": GONE}, (), "", APART, True),
        ({"": GONE, "b": ELSEWHERE}, (), "", TOGETHER, True),
        # In a unit of the other one by now: it states nothing of them.
        ({"": GONE, "b": None}, (), "", TOGETHER, None),
        # One is silent: its people stay as they are, whatever the other says.
        ({"": GONE}, ("b",), "b", APART, None),
        ({"": GONE}, ("b",), "", APART, False),
        # They may have moved to the domain that was not read, or be nobody knows where.
        ({"": GONE}, ("b",), "", TOGETHER, None),
        ({"": GONE}, ("b",), "", {"": "DC=corp"}, None),
        ({"": GONE}, ("b",), None, APART, None),
        ({"": ELSEWHERE}, ("b",), None, APART, True),
        # Last read from a directory that the settings do not have any more.
        ({"": GONE, "b": GONE}, (), "removed", APART, False),
        ({"": GONE}, ("b",), "removed", APART, None),
    ],
)
def test_only_what_everybody_who_may_have_them_says_counts(
    said: dict[str, AbsentPerson | None],
    silent: tuple[str, ...],
    home: str | None,
    forests: dict[str, str],
    expected: bool | None,
) -> None:
    facts = {key: {fact.guid: fact} if fact is not None else {} for key, fact in said.items()}
    found = list(agreed(facts, silent, {guid(1): home}, forests))
    assert [fact.found for fact in found] == ([] if expected is None else [expected])


def test_a_migrated_account_is_known_by_its_former_sid_with_number_and_name_or_address() -> None:
    former = make_person(1, sid="S-1-5-21-1-1104")
    new = make_person(
        2, number="201", first_name="Anna1", last_name="Berg1", sid_history=("S-1-5-21-1-1104",)
    )
    assert migrated_accounts({former.guid: former, new.guid: new}) == {former.guid: new.guid}
    for other in (
        replace(new, sid_history=("S-1-5-21-1-1105",)),
        replace(new, number="202"),
        replace(new, number=None),
        replace(new, first_name="Eva", email="eva@corp.example.test"),
        replace(new, account_state=AccountState.DISABLED),
    ):
        assert migrated_accounts({former.guid: former, other.guid: other}) == {}
    by_address = replace(new, last_name="Married", email=former.email)
    assert migrated_accounts({former.guid: former, by_address.guid: by_address})


def test_two_enabled_accounts_of_one_number_are_no_conflict_when_one_was_migrated_to_the_other() -> None:
    former = make_person(1, sid="S-1")
    new = make_person(2, number="201", first_name="Anna1", last_name="Berg1", sid_history=("S-1",))
    plan = plan_of([former, new], [make_extension(1)], [make_binding(1)])
    assert next(command.kind for command in plan.commands) is CommandKind.REBIND_EXTENSION
    assert not [command for command in plan.commands if command.kind is CommandKind.DISABLE_EXTENSION]
    assert [finding.code for finding in plan.findings] == ["rebound"]


def test_what_rests_on_a_lagging_directory_waits_and_the_others_people_go_on() -> None:
    a = Reading("dc1.corp", "dc1:636", invocation_id="a", usn=100)
    b = Reading("dc1.emea", "dc9:636", invocation_id="b", usn=100, directory="b")
    behind = replace(b, usn=50)
    memories = {"": Memory().accepting((a,), "x"), "b": Memory().accepting((b,), "y")}
    people = [make_person(1, last_name="New"), make_person(2, last_name="Old")]
    plan = plan_of(people, [make_extension(1), make_extension(2)], [make_binding(1), make_binding(2)])
    homes = {guid(1): "", guid(2): "b"}

    def of(key: str, reading: Reading) -> Evidence:
        return Evidence((reading,), "other", frozenset(), lambda person: homes.get(person) in (None, key))

    evidence = {"": of("", replace(a, usn=101)), "b": of("b", behind)}
    day = {"": timedelta(hours=24), "b": timedelta(hours=24)}
    kept, after, findings = weigh_all(plan, evidence, memories, NOW, day)
    assert {command.person_guid for command in kept.commands} == {guid(1)}
    assert [finding.code for finding in findings] == ["controller_behind"]
    assert set(after[""].doubts) == {guid(2)}
    # A day of the same, and it counts; the first directory is asked as ever.
    kept, after, findings = weigh_all(plan, evidence, after, NOW + day["b"], day)
    assert {command.person_guid for command in kept.commands} == {guid(1), guid(2)}
    assert findings == ()
    # One that was not read keeps what was known of it.
    del evidence["b"]
    _kept, later, _findings = weigh_all(plan, evidence, after, NOW, day)
    assert later["b"] == after["b"]


def test_a_directory_in_which_nobody_was_found_is_named_where_removals_wait_for_it() -> None:
    units = tuple(
        UnitSnapshot(dn, is_complete=True, people=people, directory=key, directory_title=title)
        for dn, people, key, title in ((SALES, 3, "", "corp.example"), (SUPPORT, 0, "b", "emea.example"))
    )
    gone = AbsentPerson(guid(1), found=False, directory="b")
    evidence = AbsenceEvidence.of(units, [gone], people=3)
    assert evidence.fact_of(guid(1)) is None
    assert evidence.why_held_back().startswith(
        "Nobody from emea.example is removed in this run, because no people"
    )


def test_reasons_and_findings_name_the_directory_where_there_are_several() -> None:
    plan = plan_of(people=[make_person(1), make_person(2, number="205"), make_person(3, number="205")])
    homes = {guid(1): "b", guid(2): "", guid(3): "b"}
    named = with_directory_names(plan, homes, {"": "corp.example", "b": "emea.example"})
    assert [command.reason.rpartition(" Director")[2] for command in named.commands] == ["y: emea.example."]
    assert [finding.message.rpartition(" Director")[2] for finding in named.findings] == [
        "ies: corp.example, emea.example."
    ]
    assert named.content_hash == plan.content_hash
    assert with_directory_names(plan, homes, {}) is plan
