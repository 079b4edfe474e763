"""Any history of directory changes, changes by hand in 3CX and runs: nobody loses what is theirs, and it ends."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services.reconciler.planner import make_plan
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.grace import Departure
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Plan
from shared.domain.rules import ArchiveRule, ChangedIn3cx, Outcome, PassedOn, Rules
from shared.values.keys import name_key
from tests.builders.domain import SALES, guid, make_person, make_rules, make_units
from tests.unit.reconciler.model import Model

NUMBERS = ["201", "202", "203", "204", "205"]
# Each human has one name and, as long as nobody changes it, one address.
HUMANS = ["Ann Lee", "Bob Hill", "Cem Ünal", "Dora May", "Eve Fox", "Finn Orr"]
_REMOVING = (
    CommandKind.DISABLE_EXTENSION,
    CommandKind.ARCHIVE_EXTENSION,
    CommandKind.DELETE_EXTENSION,
    CommandKind.RENUMBER_EXTENSION,
)
outcomes = st.sampled_from(Outcome)
numbers = st.sampled_from(NUMBERS)
humans = st.sampled_from(HUMANS)
places = st.integers(0, 30)


def _email(human: str) -> str:
    return f"{human.split()[0].lower()}@corp.example.test"


class Lives(RuleBasedStateMachine):
    """Both ends in a few lines, and Rollcall's runs between them."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, Person] = {}
        self.elsewhere: dict[str, Person] = {}
        self.model = Model(PhoneSystemSnapshot(), [])
        self.names: dict[str, set[object]] = {}
        self.emails: dict[str, set[str]] = {}
        self.joined = 0
        self.disabled_since: dict[int, datetime] = {}
        self.kept: set[str] = set()
        self.decisions = Rules()

    @initialize(
        deleted=outcomes,
        moved_out=outcomes,
        disabled=outcomes,
        cleared=outcomes,
        passed_on=st.sampled_from(PassedOn),
        changed=st.sampled_from(ChangedIn3cx),
        is_archiving=st.booleans(),
    )
    def begin(
        self,
        deleted: Outcome,
        moved_out: Outcome,
        disabled: Outcome,
        cleared: Outcome,
        passed_on: PassedOn,
        changed: ChangedIn3cx,
        *,
        is_archiving: bool,
    ) -> None:
        self.decisions = make_rules(
            when_deleted=deleted,
            when_moved_out=moved_out,
            when_disabled=disabled,
            when_number_cleared=cleared,
            when_number_passed_on=passed_on,
            number_changed_in_3cx=changed,
            archive=ArchiveRule("999") if is_archiving else None,
        )
        self.model.extensions[1] = Extension(1, "999", "Archive", "Box")
        # Somebody who is always there: an empty directory proves nothing.
        self._know(make_person(99, number="299"))

    # The directory.

    @rule(human=humans, number=numbers)
    def joins(self, human: str, number: str) -> None:
        self.joined += 1
        first, last = human.split()
        self._know(
            make_person(self.joined, first_name=first, last_name=last, email=_email(human), number=number)
        )

    @rule(place=places, state=st.sampled_from(AccountState))
    def account_changes(self, place: int, state: AccountState) -> None:
        self._change(place, account_state=state)

    @rule(place=places, number=st.none() | numbers)
    def number_changes(self, place: int, number: str | None) -> None:
        self._change(place, number=number)

    @rule(place=places, human=humans)
    def name_changes(self, place: int, human: str) -> None:
        self._change(place, last_name=human.split()[1])

    @rule(place=places, human=humans)
    def address_changes(self, place: int, human: str) -> None:
        self._change(place, email=_email(human))

    @rule(place=places)
    def is_deleted(self, place: int) -> None:
        person = self._pick(place)
        if person is not None:
            del self.people[person.guid]

    @rule(place=places)
    def is_made_again(self, place: int) -> None:
        person = self._pick(place)
        if person is not None:
            del self.people[person.guid]
            self.joined += 1
            self._know(replace(person, guid=guid(self.joined)))

    @rule(place=places)
    def moves_out(self, place: int) -> None:
        person = self._pick(place)
        if person is not None:
            self.elsewhere[person.guid] = self.people.pop(person.guid)

    @precondition(lambda self: self.elsewhere)
    @rule()
    def moves_back(self) -> None:
        guid_, person = self.elsewhere.popitem()
        self.people[guid_] = person

    # 3CX, by hand.

    @rule(place=places, human=humans, is_enabled=st.booleans())
    def extension_goes_to_somebody_else(self, place: int, human: str, *, is_enabled: bool) -> None:
        first, last = human.split()
        self._change_extension(
            place, first_name=first, last_name=last, email=self._free_email(_email(human)), enabled=is_enabled
        )

    @rule(place=places, human=humans)
    def extension_is_renamed(self, place: int, human: str) -> None:
        self._change_extension(place, last_name=human.split()[1])

    @rule(place=places, number=numbers)
    def extension_is_renumbered(self, place: int, number: str) -> None:
        if number not in {item.number for item in self.model.extensions.values()}:
            self._change_extension(place, number=number)

    @rule(place=places, is_enabled=st.booleans())
    def extension_is_switched(self, place: int, *, is_enabled: bool) -> None:
        self._change_extension(place, enabled=is_enabled)

    @rule(place=places)
    def extension_is_deleted(self, place: int) -> None:
        extension = self._pick_extension(place)
        if extension is not None:
            del self.model.extensions[extension.id]

    @rule(seed=st.integers(0, 1000), is_shifted=st.booleans())
    def phone_system_is_restored(self, seed: int, *, is_shifted: bool) -> None:
        listed = list(self.model.extensions.values())
        ids = [extension.id + (1000 if is_shifted else 0) for extension in listed]
        random.Random(seed).shuffle(ids)
        self.model.extensions = {
            id_: replace(extension, id=id_) for id_, extension in zip(ids, listed, strict=True)
        }
        self.model.next_id = max([*ids, self.model.next_id]) + 1

    # Rollcall.

    @rule()
    def runs(self) -> None:
        self._run()

    @rule(days=st.sampled_from([1, 10, 40]))
    def time_passes(self, days: int) -> None:
        self.model.now += timedelta(days=days)

    @rule(deleted=outcomes, disabled=outcomes, days=st.sampled_from([5, 30]))
    def rules_change(self, deleted: Outcome, disabled: Outcome, days: int) -> None:
        self.decisions = replace(
            self.decisions,
            when_deleted=deleted,
            deleted_grace_days=days,
            when_disabled=disabled,
            disabled_grace_days=days,
        )

    @precondition(lambda self: self.model.graces)
    @rule(place=places, is_kept=st.booleans())
    def is_kept_by_hand(self, place: int, *, is_kept: bool) -> None:
        holders = sorted(self.model.graces)
        holder = holders[place % len(holders)]
        self.model.graces[holder] = replace(self.model.graces[holder], is_kept=is_kept)
        (self.kept.add if is_kept else self.kept.discard)(holder)

    @rule()
    def is_only_looked_at(self) -> None:
        plan = self._plan()
        self.model.apply(Plan(remembered=plan.remembered, stale_binding_guids=plan.stale_binding_guids))
        self._note_what_is_disabled()

    @rule()
    def settles(self) -> None:
        for _run in range(2):
            self._run()
        plan = self._plan()
        assert [(item.kind, item.number, item.reason) for item in plan.commands] == []
        told = {guid_ for finding in plan.findings for guid_ in finding.person_guids}
        for person in self.people.values():
            if person.account_state is not AccountState.ENABLED or person.number is None:
                continue
            binding = self.model.bindings.get(person.guid)
            extension = self.model.extensions.get(binding.extension_id) if binding else None
            has_it = extension is not None and extension.number == person.number
            assert has_it or person.guid in told, f"{person.name} has no {person.number}, and nobody says why"
        assert not self.model.graces.keys() & self._at_work(), "somebody at work is about to be deleted"

    def teardown(self) -> None:
        if self.people:
            self.settles()

    def _plan(self) -> Plan:
        bound = set(self.model.bindings) - set(self.people)
        absent = [AbsentPerson(item, item in self.elsewhere, "CN=elsewhere", SALES) for item in bound]
        return make_plan(
            list(self.people.values()),
            self.model.snapshot(),
            list(self.model.bindings.values()),
            absent,
            self.decisions,
            make_units(len(self.people)),
            graces=self.model.graces.values(),
            now=self.model.now,
        )

    def _run(self) -> None:
        plan = self._plan()
        for command in plan.commands:
            if command.kind in _REMOVING:
                self._must_be_theirs(
                    str(command.person_guid), self.model.extensions[command.extension_id or 0]
                )
            if command.kind is CommandKind.DELETE_EXTENSION:
                self._must_be_due(command, plan)
        self.model.apply(plan)
        self._note_what_is_disabled()
        assert len({item.extension_id for item in self.model.bindings.values()}) == len(self.model.bindings)

    def _must_be_due(self, command: Command, plan: Plan) -> None:
        """Deleted without days, for somebody with its number, or after having been disabled for all of them."""
        guid_, id_ = str(command.person_guid), command.extension_id or 0
        renumbered = {
            item.extension_id for item in plan.commands if item.kind is CommandKind.RENUMBER_EXTENSION
        }
        wanted = {person.number for person in self.people.values() if person.guid != guid_}
        assert guid_ not in self.kept or id_ in renumbered, f"{command.number} is kept by hand"
        rule_ = self.decisions.when(self._departure(guid_)) if guid_ not in self._at_work() else None
        if rule_ is None or rule_.outcome is Outcome.DELETE or id_ in renumbered or command.number in wanted:
            return
        since = self.disabled_since[id_]
        assert self.model.now - since >= timedelta(days=rule_.grace_days), f"{command.number} goes too early"

    def _at_work(self) -> set[str]:
        return {
            person.guid
            for person in self.people.values()
            if person.account_state is AccountState.ENABLED and person.number is not None
        }

    def _departure(self, guid_: str) -> Departure:
        if guid_ not in self.people:
            return Departure.MOVED_OUT if guid_ in self.elsewhere else Departure.DELETED
        is_enabled = self.people[guid_].account_state is AccountState.ENABLED
        return Departure.NUMBER_CLEARED if is_enabled else Departure.DISABLED

    def _note_what_is_disabled(self) -> None:
        """Since when each extension was seen disabled by every run."""
        self.disabled_since = {
            id_: self.disabled_since.get(id_, self.model.now)
            for id_, extension in self.model.extensions.items()
            if not extension.enabled
        }
        # Whoever was seen at work again is kept no longer.
        self.kept -= self._at_work()
        self.kept &= self.model.graces.keys()

    def _must_be_theirs(self, guid_: str, extension: Extension) -> None:
        shown = name_key(extension.first_name, extension.last_name)
        is_theirs = shown in self.names[guid_] or extension.email in self.emails[guid_]
        assert is_theirs, f"{extension.number} shows {extension.name} ({extension.email})"

    def _know(self, person: Person) -> None:
        self.people[person.guid] = person
        self.names.setdefault(person.guid, set()).add(name_key(person.first_name, person.last_name))
        self.emails.setdefault(person.guid, set()).add(person.email)

    def _change(self, place: int, **changes: object) -> None:
        person = self._pick(place)
        if person is not None:
            self._know(replace(person, **changes))  # type: ignore[arg-type]

    def _pick(self, place: int) -> Person | None:
        listed = [person for person in self.people.values() if person.guid != guid(99)]
        return listed[place % len(listed)] if listed else None

    def _pick_extension(self, place: int) -> Extension | None:
        listed = [extension for extension in self.model.extensions.values() if extension.number != "999"]
        return listed[place % len(listed)] if listed else None

    def _change_extension(self, place: int, **changes: object) -> None:
        extension = self._pick_extension(place)
        if extension is not None:
            self.model.extensions[extension.id] = replace(extension, **changes)  # type: ignore[arg-type]

    def _free_email(self, email: str) -> str:
        return "" if email in {item.email for item in self.model.extensions.values()} else email


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=100, stateful_step_count=25)
