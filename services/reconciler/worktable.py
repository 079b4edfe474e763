"""What the rooms of the planner share while one plan is made: the situation, indexed, and what they lay down. Pure.

The rooms (``claims``, ``joiners``, ``holders``, ``leavers``) look things up here and add drafts and findings.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from services.reconciler.departments import Departments
from services.reconciler.drafts import Draft
from services.reconciler.evidence import Evidence
from services.reconciler.exclusions import Exclusions
from services.reconciler.findings import Findings
from services.reconciler.reserved_numbers import ReservedNumbers
from shared.domain.binding import Binding, LeftBehind
from shared.domain.extension import Extension, Peer, PhoneSystemSnapshot
from shared.domain.person import Person
from shared.domain.rules import Rules


class Worktable:
    """The inputs of one plan by every key they are looked up with, and its drafts and findings so far.

    ``people`` are by GUID, each once. ``spoken_for`` are the ids of extensions that somebody of the snapshot
    stands for, or that a conflict is about: these are never "nobody's". ``held_back`` counts the changes that
    wait for proof of absence.
    """

    def __init__(
        self,
        people: dict[str, Person],
        phone_system: PhoneSystemSnapshot,
        bindings: Iterable[Binding],
        rules: Rules,
        evidence: Evidence,
        left_behind: Iterable[LeftBehind] = (),
    ) -> None:
        self.people = people
        self.phone_system = phone_system
        self.rules = rules
        self.evidence = evidence
        self.bindings = {binding.person_guid: binding for binding in bindings}
        self.by_id = {extension.id: extension for extension in phone_system.extensions}
        self.exclusions = Exclusions(rules.exclusions)
        self.departments = Departments(rules, phone_system.departments)
        self.templates = {unit.distinguished_name.casefold(): unit.template_number for unit in rules.units}
        self.reserved = {number for number in self.templates.values() if number} | {*rules.protected_numbers}
        if rules.archive is not None and rules.archive.number:
            self.reserved.add(rules.archive.number)
        self.kept_free = ReservedNumbers(rules.reserved_numbers, phone_system)
        self._left_behind = left_behind
        self.drafts: list[Draft] = []
        self.findings = Findings()
        self.spoken_for: set[int] = set()
        self.held_back = 0
        self.without_template: dict[str, list[Person]] = defaultdict(list)

    # The usual run changes nothing and needs none of these, so they are made on demand.

    @cached_property
    def by_number(self) -> dict[str, Extension]:
        """Extensions by number; a number is one extension's only."""
        return {extension.number: extension for extension in self.phone_system.extensions}

    @cached_property
    def by_email(self) -> dict[str, Extension]:
        """Extensions by folded e-mail; of several with one address, which old systems have, the oldest."""
        found: dict[str, Extension] = {}
        for extension in sorted(self.phone_system.extensions, key=lambda item: item.id):
            if extension.email:
                found.setdefault(extension.email.casefold(), extension)
        return found

    @cached_property
    def bound_to(self) -> dict[int, Binding]:
        """Bindings by extension id."""
        return {binding.extension_id: binding for binding in self.bindings.values()}

    @cached_property
    def left_behind(self) -> dict[int, LeftBehind]:
        """By extension id: former extensions that are still there as they were left, and nobody's since."""
        found: dict[int, LeftBehind] = {}
        for item in sorted(self._left_behind, key=lambda item: item.new_number):
            extension = self.by_id.get(item.extension_id)
            if extension is None or extension.id in self.bound_to:
                continue
            names = (extension.first_name, extension.last_name)
            if names == (item.first_name, item.last_name) and not (
                self.excludes(extension) or self.exclusions.hold_name(item.person_name)
            ):
                found[item.extension_id] = item
        return found

    @cached_property
    def peers(self) -> dict[str, Peer]:
        """What holds a number and is not a user, by number."""
        return {peer.number: peer for peer in self.phone_system.peers}

    def extension_of(self, guid: str) -> Extension | None:
        """The extension the person is bound to, if 3CX still has it."""
        binding = self.bindings.get(guid)
        return self.by_id.get(binding.extension_id) if binding is not None else None

    def protection(self, extension: Extension) -> str | None:
        """What the extension is that is never removed, renumbered or taken over; ``None`` for all others."""
        if extension.is_system_owner:
            return "a system owner's"
        if extension.number in self.reserved:
            return "a template or the archive"
        if not extension.number.isdecimal():
            # 3CX keeps its hot desks among the users, with numbers such as HD1.
            return "a hot desk"
        return None

    def is_held(self, extension: Extension) -> bool:
        """Whether it is somebody's, or was left behind and goes: nobody else's to take over as it stands."""
        return extension.id in self.bound_to or extension.id in self.left_behind

    def excludes(self, extension: Extension) -> bool:
        """Whether the rules leave the extension alone."""
        return bool(self.exclusions) and self.exclusions.hold_extension(extension)

    def speak_for(self, number: str | None) -> None:
        """Note that somebody stands for the extension with this number, if there is one."""
        holder = self.by_number.get(number) if number is not None else None
        if holder is not None:
            self.spoken_for.add(holder.id)
