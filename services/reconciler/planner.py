"""The plan: what must be done so that the phone system says what the directory says. A pure function.

Equal inputs give an equal plan, in whatever order they come. Nothing here reads a clock, a database or a
settings object; ``plan_run`` brings the values and stores the result. The rules are told for administrators
in docs/rules.md.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from services.reconciler import drafts as drafting
from services.reconciler.departments import Departments, memberships_with
from services.reconciler.drafts import Draft
from services.reconciler.evidence import Evidence
from services.reconciler.exclusions import Exclusions
from services.reconciler.matching import may_adopt
from shared.domain.binding import Binding
from shared.domain.command import CommandKind, FieldValue
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.person import AbsentPerson, AccountState, Person
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.domain.rules import DepartmentMode, Outcome, Reenabling, RemovalScope, Rules, UnitSnapshot

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def make_plan(
    people: Iterable[Person],
    phone_system: PhoneSystemSnapshot,
    bindings: Iterable[Binding],
    absent: Iterable[AbsentPerson],
    rules: Rules,
    units: tuple[UnitSnapshot, ...],
) -> Plan:
    """Compare and plan.

    ``people`` may hold someone several times (overlapping units); the first unit in the order of the rules
    wins. ``absent`` tells of bound people in none of the units. The plan removes someone only if every unit
    was read to its end and the directory itself says that the person is gone or elsewhere.
    """
    chosen = _first_unit_wins(people, rules)
    planner = _Planner(chosen, phone_system, bindings, rules, Evidence.of(units, absent, len(chosen)))
    planner.plan_people()
    planner.plan_leavers()
    return planner.finished()


def _first_unit_wins(people: Iterable[Person], rules: Rules) -> dict[str, Person]:
    rank = {unit.distinguished_name.casefold(): place for place, unit in enumerate(rules.units)}
    chosen: dict[str, Person] = {}
    for person in people:
        if person.guid in chosen:
            other = chosen[person.guid]
            place = rank.get(person.unit.casefold(), len(rank))
            other_place = rank.get(other.unit.casefold(), len(rank))
            # The DN only breaks a tie that real input does not have.
            if (place, person.distinguished_name) >= (other_place, other.distinguished_name):
                continue
        chosen[person.guid] = person
    return chosen


class _Planner:
    def __init__(
        self,
        people: dict[str, Person],
        phone_system: PhoneSystemSnapshot,
        bindings: Iterable[Binding],
        rules: Rules,
        evidence: Evidence,
    ) -> None:
        self.people = people
        self.phone_system = phone_system
        self.rules = rules
        self.evidence = evidence
        self.by_id = {extension.id: extension for extension in phone_system.extensions}
        self.bindings = {binding.person_guid: binding for binding in bindings}
        self.exclusions = Exclusions(rules.exclusions)
        self.departments = Departments(rules, phone_system.departments)
        self.templates = {unit.distinguished_name.casefold(): unit.template_number for unit in rules.units}
        self.reserved = {number for number in self.templates.values() if number}
        if rules.archive_number:
            self.reserved.add(rules.archive_number)
        self.drafts: list[Draft] = []
        self.findings: list[Finding] = []
        # Extensions that a person of the snapshot stands for, or that a conflict is about: never "nobody's".
        self.spoken_for: set[int] = set()
        self.held_back = 0
        self.missing_templates: dict[str, list[Person]] = defaultdict(list)
        self.stale: list[str] = []

    # --- people of the snapshot -------------------------------------------------------------------------

    def plan_people(self) -> None:
        self._find_duplicates()
        self.by_number = {extension.number: extension for extension in self.phone_system.extensions}
        self.by_email = {
            extension.email.casefold(): extension
            for extension in self.phone_system.extensions
            if extension.email
        }
        self.bound_to = {binding.extension_id: binding for binding in self.bindings.values()}
        self.peers = {peer.number: peer for peer in self.phone_system.peers}
        by_id, bindings, rules = self.by_id, self.bindings, self.rules
        enabled, with_departments = AccountState.ENABLED, rules.add_to_departments
        duplicates = self.duplicate_numbers
        for guid, person in self.people.items():
            binding = bindings.get(guid)
            extension = by_id.get(binding.extension_id) if binding is not None else None
            # The usual case, nothing to do, is decided by plain comparisons: a site may have 100,000 of it.
            if (
                extension is not None
                and person.account_state is enabled
                and extension.enabled
                and person.number == extension.number
                and person.first_name == extension.first_name
                and person.last_name == extension.last_name
                and person.email == extension.email
                and person.mobile == extension.mobile
                and not with_departments
                and person.number not in duplicates
            ):
                continue
            self._plan_person(person, binding if extension is not None else None, extension)

    def _find_duplicates(self) -> None:
        claims: dict[str, Person] = {}
        # Numbers of disabled accounts that hold no extension: they stand in nobody's way.
        self.idle_claims: Counter[str] = Counter()
        self.claims = claims
        emails: dict[str, Person] = {}
        self.duplicate_numbers: dict[str, dict[str, Person]] = {}
        self.duplicate_emails: dict[str, dict[str, Person]] = {}
        by_id, bindings, excluded = self.by_id, self.bindings, self.exclusions
        enabled = AccountState.ENABLED
        for guid, person in self.people.items():
            if person.account_state is not enabled or person.number is None:
                binding = bindings.get(guid)
                extension = by_id.get(binding.extension_id) if binding is not None else None
                if extension is None:
                    if person.number is not None:
                        self.idle_claims[person.number] += 1
                    continue
                if self._will_be_deleted(person, extension):
                    continue
            if excluded and excluded.hold_person(person):
                continue
            number, email = person.number, person.email
            if number is not None:
                other = claims.setdefault(number, person)
                if other is not person:
                    self.duplicate_numbers.setdefault(number, {other.guid: other})[guid] = person
            if email:
                other = emails.setdefault(email.casefold(), person)
                if other is not person:
                    self.duplicate_emails.setdefault(email.casefold(), {other.guid: other})[guid] = person
        for number, claimants in self.duplicate_numbers.items():
            self._note(
                FindingCode.DUPLICATE_NUMBER,
                Severity.CONFLICT,
                f"The number {number} is given to {{people}} in the directory. None of them is touched. Give it to "
                "one of them only.",
                claimants.values(),
                number,
                with_dn=True,
            )
        for email, claimants in self.duplicate_emails.items():
            self._note(
                FindingCode.DUPLICATE_EMAIL,
                Severity.WARNING,
                f"The e-mail address {email} is given to {{people}} in the directory. 3CX allows it once, so it is "
                "left out for all of them.",
                claimants.values(),
            )

    def _will_be_deleted(self, person: Person, extension: Extension) -> bool:
        """Whether someone present gives up number and e-mail in this plan, so that they stand in nobody's way."""
        rules = self.rules
        outcome = (
            rules.when_disabled
            if person.account_state is not AccountState.ENABLED
            else rules.when_number_cleared
        )
        return (
            outcome is Outcome.DELETE
            and self.evidence.proves_absence
            and (person.account_state is not AccountState.ENABLED or person.number_problem is None)
            and extension.number not in self.reserved
            and not extension.is_system_owner
            and not (self.exclusions and self.exclusions.hold_extension(extension))
        )

    def _plan_person(self, person: Person, binding: Binding | None, extension: Extension | None) -> None:
        if extension is not None:
            self.spoken_for.add(extension.id)
        if self.exclusions and self._is_excluded(person, extension):
            return
        if person.account_state is not AccountState.ENABLED:
            self._plan_inactive(person, extension)
        elif person.number is None:
            self._plan_without_number(person, extension)
        elif person.number in self.duplicate_numbers:
            self._speak_for_number(person.number)
        elif extension is None:
            self._plan_unbound(person)
        elif extension.number in self.reserved:
            self._protect(person, extension, "is a template or the archive and is never changed")
        elif extension.number != person.number:
            self._plan_renumbering(person, extension)
        else:
            self._plan_update(person, extension, binding, [])

    def _is_excluded(self, person: Person, extension: Extension | None) -> bool:
        if not self.exclusions.hold_person(person) and not (
            extension and self.exclusions.hold_extension(extension)
        ):
            return False
        if person.number is not None:
            self._speak_for_number(person.number)
        self._note(
            FindingCode.EXCLUDED,
            Severity.INFO,
            "{people} is excluded by the rules and left alone.",
            [person],
            person.number or "",
        )
        return True

    def _speak_for_number(self, number: str) -> None:
        holder = self.by_number.get(number)
        if holder is not None:
            self.spoken_for.add(holder.id)

    def _plan_inactive(self, person: Person, extension: Extension | None) -> None:
        adopting: list[Draft] = []
        if extension is None and person.number is not None:
            holder = self.by_number.get(person.number)
            if holder is None or holder.id in self.bound_to:
                return
            self.spoken_for.add(holder.id)
            if person.number in self.claims or self.idle_claims[person.number] > 1:
                return
            if holder.number in self.reserved or holder.is_system_owner:
                return
            if self.exclusions and self.exclusions.hold_extension(holder):
                return
            if not may_adopt(person, holder, self.rules.adoption):
                return
            extension = holder
            if self.rules.when_disabled is not Outcome.KEEP:
                adopting = [self._adoption(person, holder)]
        if extension is None:
            return
        said = "is disabled" if person.account_state is AccountState.DISABLED else "has expired"
        steps = self._removal(
            extension,
            self.rules.when_disabled,
            f"The account of {person.name} {said} in the directory.",
            self.evidence.of_presence(person),
            person=person,
            after=adopting,
        )
        if steps:
            self.drafts += [*adopting, *steps]

    def _plan_without_number(self, person: Person, extension: Extension | None) -> None:
        if person.number_problem is not None:
            self._note(
                FindingCode.BAD_NUMBER,
                Severity.WARNING,
                f"{{people}} has '{person.number_text[:80]}' as number: {person.number_problem.rstrip('.')}. "
                "Nothing is changed until it is mended.",
                [person],
            )
        elif extension is not None:
            self.drafts += self._removal(
                extension,
                self.rules.when_number_cleared,
                f"{person.name} has no number in the directory any more.",
                self.evidence.of_presence(person),
                person=person,
            )

    def _plan_unbound(self, person: Person) -> None:
        number = person.number or ""
        peer = self.peers.get(number)
        if peer is not None:
            self._number_held(person, f"the {peer.kind} {peer.name}".strip())
            return
        holder = self.by_number.get(number)
        if holder is None:
            self._plan_creation(person)
            return
        self.spoken_for.add(holder.id)
        if holder.id in self.bound_to:
            # Possible if its present holder leaves it in this plan; settled when all drafts are known.
            self._plan_creation(person)
        elif holder.number in self.reserved or holder.is_system_owner:
            what = "a template or the archive" if holder.number in self.reserved else "a system owner"
            self._protect(person, holder, f"is {what} and is never adopted")
        elif self.exclusions and self.exclusions.hold_extension(holder):
            self._number_held(
                person, f"extension {holder.number} ({holder.name}), which is excluded by the rules"
            )
        elif may_adopt(person, holder, self.rules.adoption):
            adoption = self._adoption(person, holder)
            self.drafts.append(adoption)
            self._plan_update(person, holder, None, [adoption])
        else:
            self._note(
                FindingCode.NAME_MISMATCH,
                Severity.CONFLICT,
                f"Extension {number} belongs to {holder.name} in 3CX, but the directory gives {number} to {{people}}. "
                "Neither is touched. Correct the name or the number, or allow adoption in the rules.",
                [person],
                number,
            )

    def _adoption(self, person: Person, holder: Extension) -> Draft:
        return Draft(
            CommandKind.ADOPT_EXTENSION,
            holder.number,
            f"Extension {holder.number} ({holder.name}) has the number and the name of {person.name}: it becomes theirs.",
            person=person,
            extension=holder,
            before={"number": holder.number, "first_name": holder.first_name, "last_name": holder.last_name},
            evidence=self.evidence.of_presence(person),
        )

    def _plan_creation(self, person: Person) -> None:
        if not self.rules.add_missing:
            return
        template_number = self.templates.get(person.unit.casefold())
        template = self.by_number.get(template_number) if template_number else None
        if template_number and template is None:
            self.missing_templates[template_number].append(person)
            return
        after = self._wanted(person, None)
        after["enabled"] = True
        if template_number:
            after["template"] = template_number
        self._add_departments(person, template, after)
        where = f"is in {person.unit} with number {person.number}"
        self._draft_creation(
            Draft(
                CommandKind.CREATE_EXTENSION,
                person.number or "",
                f"{person.name} {where}; 3CX has no extension for them.",
                person=person,
                after=after,
                evidence=self.evidence.of_presence(person),
            )
        )

    def _plan_renumbering(self, person: Person, extension: Extension) -> None:
        number = person.number or ""
        if extension.is_system_owner:
            self._protect(person, extension, "is a system owner and is never renumbered")
            return
        if not self.evidence.proves_absence:
            self.held_back += 1
            return
        peer = self.peers.get(number)
        if peer is not None:
            self._number_held(person, f"the {peer.kind} {peer.name}".strip())
            return
        self._speak_for_number(number)
        after = self._wanted(person, extension)
        after["enabled"] = True
        self._add_departments(person, extension, after)
        renumbering = Draft(
            CommandKind.RENUMBER_EXTENSION,
            number,
            f"{person.name} has number {number} in the directory and extension {extension.number} in 3CX, where a "
            "number cannot change: a new extension takes over, then the old one goes.",
            person=person,
            extension=extension,
            before={"number": extension.number},
            after=after,
            evidence=self.evidence.of_presence(person),
        )
        self._draft_creation(renumbering)
        self.drafts += self._removal(
            extension,
            Outcome.DELETE,
            f"{person.name} has extension {number} instead.",
            self.evidence.of_presence(person),
            person=person,
            after=[renumbering],
        )

    def _draft_creation(self, draft: Draft) -> None:
        if draft.number in self.by_number:
            draft.claims.add(("number", draft.number))
        self._claim_email(draft)
        self.drafts.append(draft)

    def _claim_email(self, draft: Draft) -> None:
        email = draft.after.get("email")
        if isinstance(email, str) and email:
            holder = self.by_email.get(email.casefold())
            if holder is not None and holder is not draft.extension:
                draft.claims.add(("email", email.casefold()))

    def _plan_update(
        self, person: Person, extension: Extension, binding: Binding | None, requires: list[Draft]
    ) -> None:
        if extension.number in self.reserved:
            self._protect(person, extension, "is a template or the archive and is never changed")
            return
        before: dict[str, FieldValue] = {}
        after: dict[str, FieldValue] = {}
        for name, value in self._wanted(person, extension).items():
            present = getattr(extension, name)
            if value == present or (name == "email" and str(value).casefold() == present.casefold()):
                continue
            before[name], after[name] = present, value
        self._add_department_changes(person, extension, before, after)
        if after:
            changed = ", ".join(name.replace("_", " ") for name in after)
            draft = Draft(
                CommandKind.UPDATE_EXTENSION,
                extension.number,
                f"{person.name} differs between the directory and 3CX: {changed}.",
                person=person,
                extension=extension,
                before=before,
                after=after,
                evidence=self.evidence.of_presence(person),
                requires=list(requires),
            )
            self._claim_email(draft)
            if "email" in after and extension.email:
                draft.frees.add(("email", extension.email.casefold()))
            self.drafts.append(draft)
        if not extension.enabled:
            self._plan_enabling(person, extension, binding, requires)

    def _plan_enabling(
        self, person: Person, extension: Extension, binding: Binding | None, requires: list[Draft]
    ) -> None:
        ours = binding is not None and binding.disabled_by_rollcall
        if not ours and self.rules.reenabling is not Reenabling.ALWAYS:
            self._note(
                FindingCode.DISABLED_BY_HAND,
                Severity.INFO,
                f"Extension {extension.number} of {{people}} was disabled in 3CX by hand and stays so.",
                [person],
                extension.number,
            )
            return
        self.drafts.append(
            Draft(
                CommandKind.ENABLE_EXTENSION,
                extension.number,
                f"The account of {person.name} is enabled in the directory.",
                person=person,
                extension=extension,
                before={"enabled": False},
                after={"enabled": True},
                evidence=self.evidence.of_presence(person),
                requires=list(requires),
            )
        )

    # --- fields ------------------------------------------------------------------------------------------

    def _wanted(self, person: Person, extension: Extension | None) -> dict[str, FieldValue]:
        """The fields as they should be; without an e-mail address that must be left as it is."""
        rules = self.rules
        first, last = person.first_name, person.last_name
        if len(first) > rules.name_limit or len(last) > rules.name_limit:
            first, last = _cut(first, rules.name_limit), _cut(last, rules.name_limit)
            self._note(
                FindingCode.SHORTENED,
                Severity.INFO,
                f"The name of {{people}} is cut to {rules.name_limit} characters, as 3CX requires.",
                [person],
                person.number or "",
            )
        wanted: dict[str, FieldValue] = {"first_name": first, "last_name": last}
        email = person.email
        if email and (len(email) > rules.text_limit or not _EMAIL.fullmatch(email)):
            self._note(
                FindingCode.BAD_EMAIL,
                Severity.WARNING,
                f"{{people}} has '{email[:80]}' as e-mail address, which is none; it is left out.",
                [person],
                person.number or "",
            )
        elif email.casefold() not in self.duplicate_emails:
            wanted["email"] = email
        wanted["mobile"] = _cut(person.mobile, rules.text_limit)
        if extension is None:
            return {"number": person.number, **{name: value for name, value in wanted.items() if value}}
        if extension.number != person.number:
            return {"number": person.number, **wanted}
        return wanted

    def _add_departments(
        self, person: Person, pattern: Extension | None, after: dict[str, FieldValue]
    ) -> None:
        """Put the departments of a new extension into ``after``; ``pattern`` is what it is modelled on."""
        name = self._department(person)
        if name is not None:
            after["departments"] = memberships_with(pattern, name, self.rules.department_mode)
            after["primary_department"] = name

    def _add_department_changes(
        self,
        person: Person,
        extension: Extension,
        before: dict[str, FieldValue],
        after: dict[str, FieldValue],
    ) -> None:
        name = self._department(person)
        if name is None:
            return
        primary = extension.primary_department
        wanted = memberships_with(extension, name, self.rules.department_mode)
        if primary is not None and primary.casefold() == name.casefold():
            wanted = memberships_with(extension, name, DepartmentMode.ADD)
        present = tuple(sorted(membership.department for membership in extension.memberships))
        if wanted != present:
            before["departments"], after["departments"] = present, wanted
        if primary is None or primary.casefold() != name.casefold():
            before["primary_department"], after["primary_department"] = primary, name

    def _department(self, person: Person) -> str | None:
        if not self.rules.add_to_departments or not person.departments:
            return None
        return self.departments.wanted(person.departments[0], person.name)

    # --- people and extensions that are not there any more -----------------------------------------------

    def plan_leavers(self) -> None:
        proves_absence = self.evidence.proves_absence
        for guid, binding in self.bindings.items():
            if guid in self.people:
                continue
            extension = self.by_id.get(binding.extension_id)
            fact = self.evidence.absent.get(guid)
            if extension is None:
                if proves_absence and fact is not None and not fact.found:
                    self.stale.append(guid)
                continue
            self.spoken_for.add(extension.id)
            if not proves_absence or fact is None:
                self.held_back += 1
                continue
            if self.exclusions and self.exclusions.hold_extension(extension):
                continue
            name = binding.person_name or extension.name
            outcome = self.rules.when_moved_out if fact.found else self.rules.when_deleted
            said = "is not in the selected units any more" if fact.found else "was deleted from the directory"
            self.drafts += self._removal(
                extension,
                outcome,
                f"{name} {said}.",
                self.evidence.of_absence(guid),
                person_name=name,
            )
        if self.rules.removal_scope is RemovalScope.ALL:
            self._plan_unclaimed()

    def _plan_unclaimed(self) -> None:
        # Extensions of people in step were never noted one by one.
        for guid in self.people:
            binding = self.bindings.get(guid)
            if binding is not None:
                self.spoken_for.add(binding.extension_id)
        for extension in self.phone_system.extensions:
            if extension.id in self.spoken_for or extension.id in self.bound_to:
                continue
            if extension.number in self.reserved or extension.is_system_owner:
                continue
            if self.exclusions and self.exclusions.hold_extension(extension):
                continue
            if not self.evidence.proves_absence:
                self.held_back += 1
                continue
            self.drafts += self._removal(
                extension,
                self.rules.when_deleted,
                f"Nobody in the directory has number {extension.number} ({extension.name} in 3CX).",
                self.evidence.of_absence(""),
                person_name=extension.name,
            )

    def _removal(
        self,
        extension: Extension,
        outcome: Outcome,
        reason: str,
        evidence: str,
        *,
        person: Person | None = None,
        person_name: str = "",
        after: list[Draft] | None = None,
    ) -> list[Draft]:
        """Disable at once; to delete, archive in between. Nothing for ``keep`` or for what is protected."""
        if outcome is Outcome.KEEP:
            return []
        if outcome is Outcome.DELETE and not self.evidence.proves_absence:
            # The account's state is positive evidence for disabling; deleting waits for a complete snapshot.
            self.held_back += 1
            outcome = Outcome.DISABLE
        if extension.number in self.reserved or extension.is_system_owner:
            what = "a system owner" if extension.is_system_owner else "a template or the archive"
            self._note(
                FindingCode.PROTECTED,
                Severity.WARNING,
                f"Extension {extension.number} ({extension.name}) is {what} and stays as it is, although: {reason}",
                [person] if person else [],
                extension.number,
            )
            return []

        def _step(kind: CommandKind, before: dict[str, FieldValue], then: dict[str, FieldValue]) -> Draft:
            return Draft(
                kind,
                extension.number,
                reason,
                person=person,
                person_name=person_name,
                extension=extension,
                before=before,
                after=then,
                evidence=evidence,
                requires=list(steps[-1:] or after or []),
            )

        steps: list[Draft] = []
        if extension.enabled:
            steps.append(_step(CommandKind.DISABLE_EXTENSION, {"enabled": True}, {"enabled": False}))
        if outcome is Outcome.DELETE:
            unchanged: dict[str, FieldValue] = {"number": extension.number, "enabled": False}
            if self.rules.archive_number:
                target: dict[str, FieldValue] = {"archive": self.rules.archive_number}
                steps.append(_step(CommandKind.ARCHIVE_EXTENSION, unchanged, target))
            deletion = _step(CommandKind.DELETE_EXTENSION, unchanged, {})
            deletion.frees.add(("number", extension.number))
            if extension.email:
                deletion.frees.add(("email", extension.email.casefold()))
            steps.append(deletion)
        return steps

    # --- the end -----------------------------------------------------------------------------------------

    def finished(self) -> Plan:
        self.drafts = drafting.settle(
            self.drafts, self._give_up_number, self._give_up_email, self._give_up_cycle
        )
        self._create_departments()
        self._note_leftovers()
        return Plan(
            commands=drafting.to_commands(self.drafts),
            findings=tuple(
                sorted(
                    self.findings, key=lambda item: (item.code, item.number, item.person_guids, item.message)
                )
            ),
            people=len(self.people),
            managed_extensions=sum(
                1 for binding in self.bindings.values() if binding.extension_id in self.by_id
            ),
            stale_binding_guids=tuple(sorted(self.stale)),
        )

    def _give_up_number(self, draft: Draft) -> None:
        holder = self.by_number[draft.number]
        binding = self.bound_to.get(holder.id)
        name = (binding.person_name if binding else "") or holder.name
        if draft.person is not None:
            self._number_held(draft.person, f"extension {holder.number} ({name}), which keeps it")

    def _give_up_email(self, draft: Draft) -> bool:
        email = str(draft.after.pop("email", ""))
        draft.before.pop("email", None)
        holder = self.by_email.get(email.casefold())
        if draft.person is not None and holder is not None:
            self._note(
                FindingCode.EMAIL_HELD,
                Severity.WARNING,
                f"The e-mail address {email} of {{people}} belongs to extension {holder.number} ({holder.name}) in "
                "3CX; it is left out.",
                [draft.person],
                draft.number,
            )
        return bool(draft.after)

    def _give_up_cycle(self, drafts: list[Draft]) -> None:
        people = [draft.person for draft in drafts if draft.person]
        numbers = ", ".join(sorted(draft.number for draft in drafts))
        self._note(
            FindingCode.NUMBER_CYCLE,
            Severity.CONFLICT,
            f"{{people}} exchange their numbers ({numbers}), which 3CX cannot do in one step. None is touched. Give "
            "one of them a free number first, run, and then the number wanted.",
            people,
        )

    def _create_departments(self) -> None:
        used = {
            str(name).casefold()
            for draft in self.drafts
            for name in [draft.after.get("primary_department"), *_texts(draft.after.get("departments"))]
            if name
        }
        creations = {
            folded: Draft(
                CommandKind.CREATE_GROUP,
                "",
                f"People in the directory belong to '{name}'; 3CX has no such department.",
                after={"name": name},
            )
            for folded, name in self.departments.to_create.items()
            if folded in used
        }
        if not creations:
            return
        for draft in self.drafts:
            names = _texts(draft.after.get("departments"))
            if names:
                draft.after["departments"] = tuple(sorted(self.departments.spelled(name) for name in names))
            primary = draft.after.get("primary_department")
            if primary:
                draft.after["primary_department"] = self.departments.spelled(str(primary))
            needed = {name.casefold() for name in [*names, str(primary or "")]}
            draft.requires += [creations[folded] for folded in sorted(needed & creations.keys())]
        self.drafts += creations.values()

    def _note_leftovers(self) -> None:
        for name, people in self.departments.missing.items():
            listed = ", ".join(sorted(people)[:5]) + (
                f" and {len(people) - 5} more" if len(people) > 5 else ""
            )
            self._note(
                FindingCode.DEPARTMENT_MISSING,
                Severity.WARNING,
                f"3CX has no department '{name}' (for {listed}). Create it in 3CX, or let the rules create missing "
                "departments.",
                [],
            )
        for number, waiting in self.missing_templates.items():
            self._note(
                FindingCode.TEMPLATE_MISSING,
                Severity.CONFLICT,
                f"The template extension {number} does not exist in 3CX, so nobody of its units is created: {{people}}.",
                waiting,
                number,
            )
        if self.held_back:
            self._note(
                FindingCode.INCOMPLETE_SNAPSHOT,
                Severity.WARNING,
                f"{self._why_held_back()} {self.held_back} change(s) wait for the next complete reading.",
                [],
            )
        self._note_licence()

    def _why_held_back(self) -> str:
        if self.evidence.proves_absence:
            return "Some people could not be looked for in the directory, so they are not removed."
        return self.evidence.why_not()

    def _note_licence(self) -> None:
        most = self.phone_system.max_extensions
        if most is None:
            return
        used = self.phone_system.used_extensions
        added: dict[int, int] = defaultdict(int)
        removed: dict[int, int] = defaultdict(int)
        for draft in self.drafts:
            if draft.kind in (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION):
                added[draft.wave] += 1
            elif draft.kind is CommandKind.DELETE_EXTENSION:
                removed[draft.wave] += 1
        for wave in sorted(added.keys() | removed.keys()):
            used += added[wave]
            if used > most:
                self._note(
                    FindingCode.LICENCE_FULL,
                    Severity.WARNING,
                    f"The licence allows {most} extensions and {self.phone_system.used_extensions} are in use: "
                    f"{used - most} of the {sum(added.values())} new ones will not fit. Enlarge the licence or free "
                    "extensions.",
                    [],
                )
                return
            used -= removed[wave]

    def _number_held(self, person: Person, holder: str) -> None:
        self._note(
            FindingCode.NUMBER_HELD,
            Severity.CONFLICT,
            f"The number {person.number} of {{people}} is held by {holder}. Nothing is changed.",
            [person],
            person.number or "",
        )

    def _protect(self, person: Person, extension: Extension, why: str) -> None:
        self._note(
            FindingCode.PROTECTED,
            Severity.WARNING,
            f"Extension {extension.number} ({extension.name}), which the directory gives to {{people}}, {why}.",
            [person],
            extension.number,
        )

    def _note(
        self,
        code: FindingCode,
        severity: Severity,
        message: str,
        people: Iterable[Person],
        number: str = "",
        *,
        with_dn: bool = False,
    ) -> None:
        """Add a finding; ``{people}`` in the message becomes their names, in a fixed order."""
        ordered = sorted(people, key=lambda person: person.guid)
        names = [
            f"{person.name} ({person.distinguished_name})" if with_dn else person.name for person in ordered
        ]
        listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""
        self.findings.append(
            Finding(
                code,
                severity,
                message.replace("{people}", listed),
                number,
                tuple(person.guid for person in ordered),
                tuple(person.name for person in ordered),
            )
        )


def _cut(text: str, limit: int) -> str:
    return text[:limit].rstrip() if len(text) > limit else text


def _texts(value: FieldValue) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
