"""What was executed stands in the roll at once: a full reading right afterwards finds nothing that it did not know."""

from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from sqlalchemy import update
from sqlalchemy.orm import Session

from services.api.people.use_cases.owed import give_up
from services.api.settings.use_cases.sections import apply_settings
from services.reconciler.roll_entries import entries_of
from shared.database import graces
from shared.database.tables import OwedSteps, RollRow
from shared.domain.command import CommandKind
from shared.domain.grace import Departure, Grace
from shared.domain.owed import Owes
from shared.domain.person import AccountState
from shared.domain.plan import Plan
from shared.roll import queries
from shared.roll.effects import Effect, decide, join, part, take_effects
from shared.roll.entry import RollState, nobodys
from shared.roll.reading import take_reading
from shared.worker.context import Context
from tests.builders.domain import NOW, guid, make_binding, make_extension, make_person, make_phone_system
from tests.integration.reconciler.collected import SITE, bind, planned
from tests.unit.reconciler.model import Model
from tests.unit.reconciler.strategies import Site, sites

_BY_RULE = (RollState.PROTECTED, RollState.EXCLUDED)


class _UndoneError(Exception):
    """Nothing of an example stays."""


def _read(session: Session, plan: Plan) -> int:
    assert plan.seen is not None
    return take_reading(session, SITE, 1, entries_of(plan, plan.seen, {}), lambda _entry: True, NOW)


def _execute(session: Session, plan: Plan, model: Model) -> None:
    """As the execution does: the phone system, what is remembered, the roll."""
    graces.put(session, SITE, plan.graces)
    graces.remove(session, SITE, [grace.holder for grace in plan.ended_graces])
    model.apply(plan)
    for command in plan.commands:
        if command.kind is CommandKind.DELETE_EXTENSION and command.extension_id:
            graces.remove_extensions(session, SITE, [command.extension_id])
        if command.kind is CommandKind.DISABLE_EXTENSION and command.extension_id:
            graces.begin(session, SITE, [command.extension_id], NOW)
        bound = model.bindings.get(command.person_guid or "")
        is_binding = command.makes_extension or command.kind in (
            CommandKind.ADOPT_EXTENSION,
            CommandKind.REBIND_EXTENSION,
        )
        extension_id = bound.extension_id if bound is not None and is_binding else None
        take_effects(session, SITE, 1, [Effect(command, extension_id)], NOW)


def _states(session: Session) -> dict[str, tuple[Any, ...]]:
    holders = [row.holder for row in session.query(RollRow.holder).filter(RollRow.site_id == SITE)]
    rows = queries.rows_of(session, SITE, holders)
    return {holder: row.entry.facts for holder, row in rows.items()}


@given(site=sites())
@settings(
    max_examples=25,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_full_reading_after_executing_finds_nothing_unknown(context: Context, site: Site) -> None:
    plan = site.plan()
    assume(plan.commands)
    model = Model(site.phone_system, site.bindings)
    try:
        with context.database.begin() as session:
            _read(session, plan)
            read = _states(session).keys()
            _execute(session, plan, model)
            before = _states(session)
            again = Site(
                site.people, model.snapshot(), [*model.bindings.values()], site.absent, site.rules
            ).plan()
            assume(not again.commands)
            _read(session, again)
            after = _states(session)
            unknown = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
            # Whether the rules protect or exclude an extension that has become nobody's, only the next run knows.
            unknown -= {key for key in unknown - read if after[key][0] in _BY_RULE}
            assert {key: (before.get(key), after.get(key)) for key in unknown} == {}
            raise _UndoneError
    except _UndoneError:
        pass


def test_a_link_ended_and_made_by_hand_stands_in_the_roll(context: Context) -> None:
    bind(context, make_binding(1))
    planned(context, [make_person(1)], make_phone_system([make_extension(1)]))
    with context.database.begin() as session:
        part(session, SITE, guid(1), NOW)
        parted = queries.rows_of(session, SITE, [guid(1), "extension 1001"])
        join(session, SITE, guid(1), "Anna", make_extension(1), NOW)
        joined = queries.rows_of(session, SITE, [guid(1), "extension 1001"])
    assert {holder: row.entry.state for holder, row in parted.items()} == {
        guid(1): RollState.NOT_SELECTED,
        "extension 1001": RollState.NOT_IN_DIRECTORY,
    }
    assert parted["extension 1001"].entry.extension == make_extension(1)
    assert {holder: row.entry.state for holder, row in joined.items()} == {guid(1): RollState.IN_SYNC}


def test_a_countdown_decided_by_hand_stands_in_the_roll(context: Context) -> None:
    grace = Grace(guid(1), 1001, "201", "Anna", Departure.DISABLED, 30, NOW)
    bind(context, make_binding(1))
    person = make_person(1, account_state=AccountState.DISABLED)
    planned(context, [person], make_phone_system([make_extension(1, enabled=False)]))
    with context.database.begin() as session:
        graces.put(session, SITE, [grace])
        decide(session, SITE, guid(1), NOW)
        entry = queries.rows_of(session, SITE, [guid(1)])[guid(1)].entry
    assert (entry.state, entry.until) == (RollState.LEAVING, grace.ends_at)


def test_who_is_excluded_stands_in_the_roll_as_soon_as_it_is_saved_and_as_a_run_says_it(
    context: Context,
) -> None:
    people = [make_person(index) for index in range(1, 5)]
    phone_system = make_phone_system([make_extension(index) for index in (1, 2, 7)])
    bind(context, make_binding(1), make_binding(2))
    planned(context, people, phone_system)
    with context.database.read() as session:
        before = _states(session)
    exclusions = [{"kind": "exact", "value": people[0].name}, {"kind": "numbers", "value": "204-207"}]
    rules = {"rules": {"exclusions": exclusions}}
    apply_settings(context, SITE, rules, "test")
    with context.database.read() as session:
        saved = _states(session)
    assert {holder for holder in saved if saved[holder] != before[holder]} == {
        guid(1), guid(4), nobodys(make_extension(7))
    }  # fmt: skip
    assert {saved[holder][0] for holder in saved if saved[holder] != before[holder]} == {RollState.EXCLUDED}
    planned(context, people, phone_system)
    with context.database.read() as session:
        assert _states(session) == saved
    apply_settings(context, SITE, {"rules": {"exclusions": []}}, "test")
    with context.database.read() as session:
        assert _states(session)[guid(1)][0] is RollState.WILL_CHANGE


def test_a_number_that_is_reserved_stands_in_the_roll_as_soon_as_it_is_saved_and_as_a_run_says_it(
    context: Context,
) -> None:
    people = [make_person(1, last_name="Lund"), *(make_person(index) for index in range(2, 5))]
    phone_system = make_phone_system([make_extension(index) for index in (1, 2, 7)])
    bind(context, make_binding(1), make_binding(2))
    planned(context, people, phone_system)
    with context.database.read() as session:
        before = _states(session)
    apply_settings(context, SITE, {"archive": {"extension": "202"}}, "test")
    with context.database.read() as session:
        assert _states(session) == before, "nothing is to be changed for whoever is in sync"
    concerned = {guid(1): "201", guid(4): "204", nobodys(make_extension(7)): "207"}
    for holder, number in concerned.items():
        apply_settings(context, SITE, {"archive": {"extension": number}}, "test")
        with context.database.read() as session:
            saved = _states(session)
        assert {key: saved[key][0] for key in saved if saved[key] != before[key]} == {
            holder: RollState.PROTECTED
        }
        planned(context, people, phone_system)
        with context.database.read() as session:
            assert _states(session) == saved
    apply_settings(context, SITE, {"archive": {"extension": "201"}}, "test")
    apply_settings(context, SITE, {"archive": {"extension": None}}, "test")
    with context.database.read() as session:
        states = _states(session)
    assert (states[guid(1)][0], states[nobodys(make_extension(7))]) == (
        RollState.WILL_CHANGE,
        before[nobodys(make_extension(7))],
    )


def test_an_archive_that_is_no_longer_excluded_is_still_never_changed(context: Context) -> None:
    planned(context, [], make_phone_system([make_extension(7)]))
    exclusions = [{"kind": "numbers", "value": "207"}]
    apply_settings(
        context, SITE, {"archive": {"extension": "207"}, "rules": {"exclusions": exclusions}}, "test"
    )
    apply_settings(context, SITE, {"rules": {"exclusions": []}}, "test")
    with context.database.read() as session:
        assert _states(session)[nobodys(make_extension(7))][0] is RollState.PROTECTED


def test_steps_given_up_by_hand_are_not_said_to_follow_any_more(context: Context) -> None:
    bind(context, make_binding(1))
    planned(context, [make_person(1)], make_phone_system([make_extension(1)]))
    with context.database.begin() as session:
        session.add(
            OwedSteps(site_id=SITE, number="201", person_guid=guid(1), person_name="Anna", owes=Owes.STEPS.value,
                      extension_id=1001, run_id=1, before={}, after={}, begun_at=NOW)
        )  # fmt: skip
        session.execute(
            update(RollRow).values(state=RollState.WILL_CHANGE.value, reason="It is to be finished.")
        )
    give_up(context, SITE, "201", "test")
    with context.database.read() as session:
        assert queries.rows_of(session, SITE, [guid(1)])[guid(1)].entry.state is RollState.IN_SYNC


def test_an_empty_roll_stays_empty_until_the_next_full_run(context: Context) -> None:
    with context.database.begin() as session:
        join(session, SITE, guid(1), "Anna", make_extension(1), NOW)
        assert queries.rows_of(session, SITE, [guid(1)]) == {}
