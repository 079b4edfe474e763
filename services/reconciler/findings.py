"""What the planner could not do, or did with a reservation, in sentences for an administrator. Pure.

One method for each thing that can be said; docs/rules.md lists them by code with what to do. A sentence says
what is the matter, names everyone concerned, what therefore happens, and what to do about it.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from services.reconciler.ranges import Stock
from services.reconciler.situation import AssignedNumber
from shared.domain.binding import Binding
from shared.domain.extension import Extension, Peer
from shared.domain.owed import Owed
from shared.domain.person import Person
from shared.domain.plan import Finding, FindingCode, Severity
from shared.domain.rules import Adoption, ChangedIn3cx

# A sentence with more names than this is no longer read; the finding itself keeps everyone.
_MOST_NAMES = 5


class Findings:
    """The findings of a plan in the making."""

    def __init__(self) -> None:
        self._all: list[Finding] = []

    def in_order(self) -> tuple[Finding, ...]:
        """All of them, in an order that does not depend on that of the input."""
        return tuple(
            sorted(self._all, key=lambda item: (item.code, item.number, item.person_guids, item.message))
        )

    def add_duplicate_number(
        self,
        number: str,
        people: Iterable[Person],
        assigned: Mapping[str, AssignedNumber] = MappingProxyType({}),
    ) -> None:
        """Several enabled people have the number; ``assigned`` are, by GUID, those who have theirs not from the directory."""
        claimants = _by_guid(people)
        given = [person for person in claimants if person.guid in assigned]
        names = listed(f"{person.name} ({person.distinguished_name})" for person in claimants)
        if given:
            self._add(
                FindingCode.DUPLICATE_NUMBER,
                Severity.CONFLICT,
                f"The number {number} is {_names(given)}'s, assigned by Rollcall, but the directory gives "
                "it to "
                f"{_names(person for person in claimants if person.guid not in assigned)}. Nothing is changed "
                "for them. Give one "
                "of them another number in the directory.",
                claimants,
                number,
            )
            return
        self._add(
            FindingCode.DUPLICATE_NUMBER,
            Severity.CONFLICT,
            f"The number {number} is given to {names} in the directory. Nothing is changed for them. Give "
            "it to "
            "only one of them.",
            claimants,
            number,
        )

    def add_duplicate_email(self, email: str, people: Iterable[Person]) -> None:
        """Several people have the address."""
        claimants = _by_guid(people)
        self._add(
            FindingCode.DUPLICATE_EMAIL,
            Severity.WARNING,
            f"The e-mail address {email} is given to {_names(claimants)} in the directory. 3CX accepts each "
            "address "
            "only once, so nobody gets it. Keep it for only one of them.",
            claimants,
        )

    def add_email_held(self, person: Person, email: str, holder: Extension) -> None:
        """Another extension has the address and keeps it."""
        self._add(
            FindingCode.EMAIL_HELD,
            Severity.WARNING,
            f"The e-mail address {email} of {person.name} is in use by {called(holder)} in 3CX. It is left "
            "out until "
            "it is free in 3CX.",
            [person],
            person.number or "",
        )

    def add_bad_email(self, person: Person) -> None:
        """What the directory has is no address."""
        self._add(
            FindingCode.BAD_EMAIL,
            Severity.WARNING,
            f"{person.name} has '{person.email[:80]}' as e-mail address, which is not valid. It is left "
            "out. Correct "
            f"it in the directory{_primary_hint(person.email)}.",
            [person],
            person.number or "",
        )

    def add_bad_mobile(self, person: Person) -> None:
        """What the directory has cannot be dialled."""
        self._add(
            FindingCode.BAD_MOBILE,
            Severity.WARNING,
            f"{person.name} has '{person.mobile[:80]}' as mobile number, which cannot be dialled. It is "
            "left out. Correct "
            "it in the directory: one number, digits only, with + for abroad.",
            [person],
            person.number or "",
        )

    def add_mapping_failed(self, person: Person, field: str, why: str) -> None:
        """The expression of a field does not work for the person, or gives what the field cannot have."""
        self._add(
            FindingCode.MAPPING_FAILED,
            Severity.WARNING,
            f"The field '{field}' cannot be set for {person.name}. {why} The field is not changed.",
            [person],
            person.number or "",
        )

    def add_bad_number(self, person: Person) -> None:
        """The attribute holds something that gives no number."""
        self._add(
            FindingCode.BAD_NUMBER,
            Severity.WARNING,
            f"The number of {person.name} cannot be used. {(person.number_problem or '').rstrip('.')}. "
            "Nothing is "
            "changed for them until it is corrected in the directory.",
            [person],
        )

    def add_range_low(self, stock: Stock) -> None:
        """Few numbers of a range are left."""
        self._add(
            FindingCode.NUMBER_RANGE_LOW,
            Severity.WARNING,
            f"{stock.left} of {stock.total} numbers of the range {stock.label} are left{_resting(stock)}. "
            "Enlarge the range "
            "(number_ranges in the rules) before it is used up.",
            [],
        )

    def add_range_empty(self, stock: Stock, people: Iterable[Person]) -> None:
        """No number of a range is left; ``people`` wait for one."""
        waiting = _by_guid(people)
        self._add(
            FindingCode.NUMBER_RANGE_EMPTY,
            Severity.CONFLICT if waiting else Severity.WARNING,
            f"The range {stock.label} is used up: none of its {stock.total} numbers is "
            f"left{_resting(stock)}. "
            + (f"{_names(waiting)} get no extension. " if waiting else "")
            + "Enlarge the range (number_ranges in the rules), or give numbers in the directory.",
            waiting,
        )

    def add_number_held_by(self, person: Person, holder: str) -> None:
        """Something keeps the number that the directory gives to the person."""
        self._add(
            FindingCode.NUMBER_HELD,
            Severity.CONFLICT,
            f"The number {person.number} of {person.name} is held by {holder}. Nothing is changed for them. "
            "Free the "
            "number in 3CX, or correct it in the directory.",
            [person],
            person.number or "",
        )

    def add_number_held_by_peer(self, person: Person, peer: Peer) -> None:
        """A queue, a ring group, an IVR or the like has the number."""
        self.add_number_held_by(person, f"the {_KINDS.get(peer.kind, peer.kind)} {peer.name}".strip())

    def add_number_cycle(self, people: Iterable[Person], numbers: Iterable[str]) -> None:
        """Numbers wait for one another."""
        concerned = _by_guid(people)
        self._add(
            FindingCode.NUMBER_CYCLE,
            Severity.CONFLICT,
            f"{_names(concerned)} swap their numbers ({listed(sorted(numbers))}), which 3CX cannot do in "
            "one step. "
            "Nothing is changed for them. Give one of them a free number first, start a run, then assign "
            "the intended number.",
            concerned,
        )

    def add_name_mismatch(self, person: Person, holder: Extension, adoption: Adoption) -> None:
        """The number is an extension's that nobody is bound to and that is not taken over."""
        if adoption is Adoption.NEVER:
            sentence = (
                f"{called(holder, at_start=True)} exists in 3CX already, the directory gives "
                f"{holder.number} to "
                f"{person.name}, and the rules do not allow linking it. Nothing is changed. Set “Extensions "
                "that "
                "exist already” in the rules, or correct the number."
            )
        else:
            sentence = (
                f"{_is_called(holder)} in 3CX, but the directory gives {holder.number} to {person.name}. "
                "Nothing is "
                "changed. Correct the name or the number, or set “Extensions that exist already” to “Adopt "
                "when the number agrees”."
            )
        self._add(FindingCode.NAME_MISMATCH, Severity.CONFLICT, sentence, [person], holder.number)

    def add_adopted_in_spite_of_name(self, person: Person, holder: Extension, why: str) -> None:
        """An extension of another name is taken over: allowed, but never silently."""
        self._add(
            FindingCode.NAME_MISMATCH,
            Severity.WARNING,
            f"{_is_called(holder)} in 3CX and will be linked to {person.name} because {why}. If that is "
            "wrong, exclude "
            "the row when you approve, or correct the number.",
            [person],
            holder.number,
        )

    def add_reassigned(self, extension: Extension, guid: str, name: str, *, is_released: bool) -> None:
        """The extension of ``name`` shows somebody else in 3CX. ``is_released``: and the person was deleted."""
        bound, shown = name or "somebody else", _name(extension) or extension.email or "nobody"
        email = f" ({extension.email})" if extension.email and extension.email != shown else ""
        then = (
            f"{bound} was deleted from the directory, so the link to {bound} is removed."
            if is_released
            else f"If {extension.number} now belongs to {shown}, unlink {bound} (People, or: rollcall binding release "
            f"{extension.number}). If it still belongs to {bound}, correct its name or e-mail address in 3CX."
        )
        self._add_of(
            FindingCode.REASSIGNED,
            Severity.CONFLICT,
            f"Extension {extension.number} is linked to {bound}, but shows {shown}{email} in 3CX. Nothing "
            "is changed. "
            f"{then}",
            [(guid, name)],
            extension.number,
        )

    def add_found_again(self, moved: Sequence[tuple[str, str, Extension]]) -> None:
        """Extensions have other ids than before; ``moved`` are GUID, name and extension of each person."""
        numbers = listed(f"{extension.number} ({name})" for _guid, name, extension in moved)
        one = len(moved) == 1
        self._add_of(
            FindingCode.REBOUND,
            Severity.INFO,
            f"{'Extension' if one else 'Extensions'} {numbers} "
            f"{'has another id' if one else 'have other ids'} in 3CX than before, as after a restore. "
            f"The {'link was' if one else 'links were'} restored by number, name or e-mail address.",
            [(guid, name) for guid, name, _extension in moved],
            moved[0][2].number if one else "",
        )

    def add_new_account(self, person: Person, extension: Extension, previous: Binding) -> None:
        """The same human has a new account, which the extension goes over to."""
        self._add_of(
            FindingCode.REBOUND,
            Severity.INFO,
            f"{person.name} has a new account in the directory and keeps {called(extension)} with all its "
            "settings.",
            [(person.guid, person.name), (previous.person_guid, previous.person_name)],
            extension.number,
        )

    def add_number_changed_in_3cx(
        self, person: Person, extension: Extension, was: str, rule: ChangedIn3cx, *, is_given: bool = False
    ) -> None:
        """Somebody renumbered the extension in 3CX by hand; ``is_given``: its number was not from the directory."""
        sentence = (
            f"Rollcall gave them {person.number}" if is_given else f"the directory says {person.number}"
        )
        then = {
            ChangedIn3cx.REPORT: f"It stays {extension.number}. Change the number in the directory to {extension.number}, "
            "or set “Number changed in 3CX” in the rules.",
            ChangedIn3cx.ACCEPT: f"According to the rules it stays {extension.number}.",
            ChangedIn3cx.FOLLOW_DIRECTORY: f"According to the rules it is changed back to {person.number}.",
        }[rule]
        self._add(
            FindingCode.NUMBER_CHANGED_IN_3CX,
            Severity.WARNING if rule is ChangedIn3cx.REPORT else Severity.INFO,
            f"The extension of {person.name} was changed from {was} to {extension.number} in 3CX, but "
            f"{sentence}. "
            f"{then}",
            [person],
            extension.number,
        )

    def add_number_passed_on(self, person: Person, extension: Extension, previous: Binding | None) -> None:
        """The number is that of an extension whose person leaves, and the rules neither replace it nor pass it on."""
        name = (previous.person_name if previous else "") or extension.name
        self._add(
            FindingCode.NUMBER_PASSED_ON,
            Severity.CONFLICT,
            f"The directory gives {extension.number} to {person.name}, but {called(extension)} still exists "
            f"from {name}, "
            f"who is leaving it. {person.name} does not get the number. Delete {extension.number} in 3CX, "
            "or set “Number of a leaver given to somebody new” in the rules.",
            [person],
            extension.number,
        )

    def add_number_kept(self, person: Person, extension: Extension, previous: Binding | None) -> None:
        """The number is that of a leaver's extension, which somebody has decided to keep for now."""
        name = (previous.person_name if previous else "") or extension.name
        self._add(
            FindingCode.NUMBER_PASSED_ON,
            Severity.CONFLICT,
            f"The directory gives {extension.number} to {person.name}, but the deletion of "
            f"{called(extension)} of {name} was "
            f"postponed or stopped manually. {person.name} does not get the number until then. Resume the "
            f"countdown (People, or: rollcall grace resume {extension.number}).",
            [person],
            extension.number,
        )

    def add_protected(self, person: Person, extension: Extension, what: str, done: str) -> None:
        """The extension that would be the person's, or is, is ``what`` (a template's, ...) and never ``done`` anything to."""
        self._add(
            FindingCode.PROTECTED,
            Severity.WARNING,
            f"{called(extension, at_start=True)} is {what} and is never {done}, although the directory "
            f"gives {person.number} "
            f"to {person.name}. Nothing is changed for them.",
            [person],
            extension.number,
        )

    def add_reserved_number(self, person: Person) -> None:
        """The rules name the number as a template or the archive, and 3CX has no such extension."""
        self._add(
            FindingCode.PROTECTED,
            Severity.WARNING,
            f"The number {person.number} of {person.name} is reserved for a template or the archive. "
            "Correct the "
            "number in the directory or the settings.",
            [person],
            person.number or "",
        )

    def add_number_reserved(self, person: Person, reason: str, present: Extension | None) -> None:
        """Nobody is given the number, for ``reason``; who has it (``present`` with that number) keeps it."""
        if present is None:
            then = "No extension is created on it. Give them another number in the directory"
        elif present.number == person.number:
            then = "They keep their extension. Give them another number soon"
        else:
            then = f"They keep extension {present.number}. Correct the number in the directory"
        self._add(
            FindingCode.NUMBER_RESERVED,
            Severity.WARNING,
            f"The number {person.number} of {person.name} {reason}. {then}, or change reserved_numbers in "
            "the rules.",
            [person],
            person.number or "",
        )

    def add_not_removed(self, extension: Extension, what: str, reason: str, person: Person | None) -> None:
        """A removal that the rules call for and that never happens."""
        self._add(
            FindingCode.PROTECTED,
            Severity.WARNING,
            f"{called(extension, at_start=True)} is {what} and is not changed, although it would be "
            f"removed: {reason}",
            [person] if person else [],
            extension.number,
        )

    def add_excluded(self, person: Person) -> None:
        """The rules leave the person alone."""
        self._add(
            FindingCode.EXCLUDED,
            Severity.INFO,
            f"{person.name} is excluded by the rules. Nothing is changed.",
            [person],
            person.number or "",
        )

    def add_disabled_by_hand(self, person: Person, extension: Extension) -> None:
        """Somebody else than Rollcall disabled it."""
        self._add(
            FindingCode.DISABLED_BY_HAND,
            Severity.INFO,
            f"Extension {extension.number} of {person.name} was disabled manually in 3CX and stays "
            "disabled. Enable it "
            "in 3CX, or set “Enable again” to “Also extensions disabled by hand”.",
            [person],
            extension.number,
        )

    def add_shortened(self, person: Person, limit: int) -> None:
        """The name is longer than 3CX takes."""
        self._add(
            FindingCode.SHORTENED,
            Severity.INFO,
            f"The name of {person.name} is shortened: 3CX allows {limit} characters for a first or last "
            "name.",
            [person],
            person.number or "",
        )

    def add_department_shortened(self, whole: str, cut: str, people: Iterable[Person]) -> None:
        """The department's name is longer than 3CX takes."""
        concerned = _by_guid(people)
        self._add(
            FindingCode.SHORTENED,
            Severity.INFO,
            f"The department '{whole}' ({_names(concerned)}) is shortened to '{cut}', because 3CX limits "
            "the length of department names.",
            concerned,
        )

    def add_department_missing(self, name: str, people: Iterable[Person]) -> None:
        """3CX has no department of that name, and the rules create none."""
        concerned = _by_guid(people)
        self._add(
            FindingCode.DEPARTMENT_MISSING,
            Severity.WARNING,
            f"3CX has no department '{name}' ({_names(concerned)}). Their departments are not changed. "
            "Create it in 3CX, "
            "or turn on “Create missing departments”.",
            concerned,
        )

    def add_template_missing(self, number: str, people: Iterable[Person]) -> None:
        """Nobody of a unit can be created without its template."""
        waiting = _by_guid(people)
        self._add(
            FindingCode.TEMPLATE_MISSING,
            Severity.CONFLICT,
            f"The template extension {number} does not exist in 3CX, so no extension is created for "
            f"{_names(waiting)}. "
            "Create the template, or choose another for the unit.",
            waiting,
            number,
        )

    def add_archive_missing(self, number: str, waiting: int) -> None:
        """What leavers have cannot go to the archive, so theirs stay disabled. ``waiting``: so many in this plan."""
        now = f" {waiting} of this plan {'waits' if waiting == 1 else 'wait'} for it." if waiting else ""
        self._add(
            FindingCode.ARCHIVE_MISSING,
            Severity.CONFLICT if waiting else Severity.WARNING,
            f"The archive extension {number} does not exist in 3CX, so leavers are disabled and not "
            f"deleted.{now} Create "
            "it in 3CX, or choose another in the archive settings.",
            [],
            number,
        )

    def add_steps_owed(self, owed: Owed, why: str) -> None:
        """An extension cannot be finished by this plan."""
        self._add_of(
            FindingCode.STEPS_OWED,
            Severity.WARNING,
            f"Extension {owed.number} of {owed.person_name} was created but not finished, and cannot be "
            f"finished now: {why}. "
            "Every run tries again.",
            [(owed.person_guid, owed.person_name)],
            owed.number,
        )

    def add_steps_refused(self, owed: Owed) -> None:
        """3CX refused to finish an extension."""
        self._add_of(
            FindingCode.STEPS_REFUSED,
            Severity.WARNING,
            f"Extension {owed.number} of {owed.person_name} is not finished. {owed.refusal} Correct this in "
            "3CX, then "
            "retry or drop the unfinished steps (rollcall owed).",
            [(owed.person_guid, owed.person_name)],
            owed.number,
        )

    def add_incomplete_snapshot(self, why: str, held_back: int) -> None:
        """Not everything was read, so nothing proves that people are gone; their removals wait."""
        changes = (
            "No other change waits"
            if not held_back
            else "1 change waits"
            if held_back == 1
            else f"{held_back} changes wait"
        )
        self._add(
            FindingCode.INCOMPLETE_SNAPSHOT,
            Severity.WARNING,
            f"{why} {changes} for the next complete reading.",
            [],
        )

    def _add(
        self, code: FindingCode, severity: Severity, message: str, people: Sequence[Person], number: str = ""
    ) -> None:
        self._add_of(code, severity, message, [(person.guid, person.name) for person in people], number)

    def _add_of(
        self,
        code: FindingCode,
        severity: Severity,
        message: str,
        people: Sequence[tuple[str, str]],
        number: str = "",
    ) -> None:
        guids, names = tuple(guid for guid, _name in people), tuple(name for _guid, name in people)
        self._all.append(Finding(code, severity, message, number, guids, names))


def called(extension: Extension, *, at_start: bool = False) -> str:
    """An extension as 3CX shows it, in a sentence: "extension 201 (Anna Berg)"."""
    return (
        f"{'Extension' if at_start else 'extension'} {extension.number} "
        f"({_name(extension) or 'without a name'})"
    )


def listed(names: Iterable[str]) -> str:
    """Names as they are said: "Anna", "Anna and Bob", "Anna, Bob and 12 more"."""
    shown = list(names)
    if len(shown) > _MOST_NAMES:
        shown = [*shown[:_MOST_NAMES], f"{len(shown) - _MOST_NAMES} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


# 3CX's words for what holds a number (PeerType), where they do not read well in a sentence.
_KINDS = {"Queue": "queue", "RingGroup": "ring group", "Parking": "parking place", "Group": "department"}


def _name(extension: Extension) -> str:
    return f"{extension.first_name} {extension.last_name}".strip()


def _primary_hint(email: str) -> str:
    if not email.lower().startswith("smtp:"):
        return ""
    return ": one of its values must be marked as the primary address, with SMTP: in capitals"


def _is_called(extension: Extension) -> str:
    name = _name(extension)
    return f"Extension {extension.number} " + (f"is called '{name}'" if name else "has no name")


def _resting(stock: Stock) -> str:
    if not stock.resting:
        return ""
    one = stock.resting == 1
    return (
        f", {stock.resting} {'is' if one else 'are'} kept free for some time because somebody had "
        f"{'it' if one else 'them'}"
    )


def _by_guid(people: Iterable[Person]) -> list[Person]:
    return sorted(people, key=lambda person: person.guid)


def _names(people: Iterable[Person]) -> str:
    return listed(person.name for person in people)
