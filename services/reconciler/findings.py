"""What the planner could not do, or did with a reservation, in sentences for an administrator. Pure.

One method for each thing that can be said; docs/rules.md lists them by code with what to do. A sentence says
what is the matter, names everyone concerned, what therefore happens, and what to do about it.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from services.reconciler.ranges import Stock
from services.reconciler.situation import AssignedNumber
from shared.domain.binding import Binding
from shared.domain.exclusions import why_excluded
from shared.domain.extension import Extension, Peer
from shared.domain.owed import Owed
from shared.domain.person import Person
from shared.domain.plan import Finding, FindingCode, Severity
from shared.domain.protection import why_number_reserved
from shared.domain.rules import Adoption, ChangedIn3cx
from shared.language import Plural, declared, enumerated, phrase, template

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
                phrase(
                    "The number {number} is {names}'s, assigned by Rollcall, but the directory gives it to "
                    "{others}. Nothing is changed for them. Give one of them another number in the directory.",
                    number=number,
                    names=_names(given),
                    others=_names(person for person in claimants if person.guid not in assigned),
                ),
                claimants,
                number,
            )
            return
        self._add(
            FindingCode.DUPLICATE_NUMBER,
            Severity.CONFLICT,
            phrase(
                "The number {number} is given to {names} in the directory. Nothing is changed for them. Give "
                "it to only one of them.",
                number=number,
                names=names,
            ),
            claimants,
            number,
        )

    def add_duplicate_email(self, email: str, people: Iterable[Person]) -> None:
        """Several people have the address."""
        claimants = _by_guid(people)
        self._add(
            FindingCode.DUPLICATE_EMAIL,
            Severity.WARNING,
            phrase(
                "The e-mail address {email} is given to {names} in the directory. 3CX accepts each address "
                "only once, so nobody gets it. Keep it for only one of them.",
                email=email,
                names=_names(claimants),
            ),
            claimants,
        )

    def add_email_held(self, person: Person, email: str, holder: Extension) -> None:
        """Another extension has the address and keeps it."""
        self._add(
            FindingCode.EMAIL_HELD,
            Severity.WARNING,
            phrase(
                "The e-mail address {email} of {name} is in use by {called} in 3CX. It is left out until it "
                "is free in 3CX.",
                email=email,
                name=person.name,
                called=called(holder),
            ),
            [person],
            person.number or "",
        )

    def add_bad_email(self, person: Person) -> None:
        """What the directory has is no address."""
        self._add(
            FindingCode.BAD_EMAIL,
            Severity.WARNING,
            phrase(
                "{name} has '{email}' as e-mail address, which is not valid. It is left out. Correct it in "
                "the directory{primary_hint}.",
                name=person.name,
                email=person.email[:80],
                primary_hint=_primary_hint(person.email),
            ),
            [person],
            person.number or "",
        )

    def add_bad_mobile(self, person: Person) -> None:
        """What the directory has cannot be dialled."""
        self._add(
            FindingCode.BAD_MOBILE,
            Severity.WARNING,
            phrase(
                "{name} has '{mobile}' as mobile number, which cannot be dialled. It is left out. Correct it "
                "in the directory: one number, digits only, with + for abroad.",
                name=person.name,
                mobile=person.mobile[:80],
            ),
            [person],
            person.number or "",
        )

    def add_mapping_failed(self, person: Person, field: str, why: str) -> None:
        """The expression of a field does not work for the person, or gives what the field cannot have."""
        self._add(
            FindingCode.MAPPING_FAILED,
            Severity.WARNING,
            phrase(
                "The field '{field}' cannot be set for {name}. {why} The field is not changed.",
                field=field,
                name=person.name,
                why=why,
            ),
            [person],
            person.number or "",
        )

    def add_bad_number(self, person: Person) -> None:
        """The attribute holds something that gives no number."""
        self._add(
            FindingCode.BAD_NUMBER,
            Severity.WARNING,
            phrase(
                "The number of {name} cannot be used. {number_problem}. Nothing is changed for them until it "
                "is corrected in the directory.",
                name=person.name,
                number_problem=(person.number_problem or "").rstrip("."),
            ),
            [person],
        )

    def add_range_low(self, stock: Stock) -> None:
        """Few numbers of a range are left."""
        self._add(
            FindingCode.NUMBER_RANGE_LOW,
            Severity.WARNING,
            phrase(
                "{left} of {total} numbers of the range {label} are left{resting}. Enlarge the range "
                "(number_ranges in the rules) before it is used up.",
                left=stock.left,
                total=stock.total,
                label=stock.label,
                resting=_resting(stock),
            ),
            [],
        )

    def add_range_empty(self, stock: Stock, people: Iterable[Person]) -> None:
        """No number of a range is left; ``people`` wait for one."""
        waiting = _by_guid(people)
        self._add(
            FindingCode.NUMBER_RANGE_EMPTY,
            Severity.CONFLICT if waiting else Severity.WARNING,
            phrase(
                "The range {label} is used up: none of its {total} numbers is left{resting}. ",
                label=stock.label,
                total=stock.total,
                resting=_resting(stock),
            )
            + (phrase("{names} get no extension. ", names=_names(waiting)) if waiting else "")
            + declared("Enlarge the range (number_ranges in the rules), or give numbers in the directory."),
            waiting,
        )

    def add_number_held_by(self, person: Person, holder: str) -> None:
        """Something keeps the number that the directory gives to the person."""
        self._add(
            FindingCode.NUMBER_HELD,
            Severity.CONFLICT,
            phrase(
                "The number {number} of {name} is held by {holder}. Nothing is changed for them. Free the "
                "number in 3CX, or correct it in the directory.",
                number=person.number,
                name=person.name,
                holder=holder,
            ),
            [person],
            person.number or "",
        )

    def add_number_held_by_peer(self, person: Person, peer: Peer) -> None:
        """A queue, a ring group, an IVR or the like has the number."""
        self.add_number_held_by(
            person,
            phrase("the {kinds} {name}", kinds=_KINDS.get(peer.kind, peer.kind), name=peer.name).strip(),
        )

    def add_number_cycle(self, people: Iterable[Person], numbers: Iterable[str]) -> None:
        """Numbers wait for one another."""
        concerned = _by_guid(people)
        self._add(
            FindingCode.NUMBER_CYCLE,
            Severity.CONFLICT,
            phrase(
                "{names} swap their numbers ({numbers}), which 3CX cannot do in one step. Nothing is changed "
                "for them. Give one of them a free number first, start a run, then assign the intended "
                "number.",
                names=_names(concerned),
                numbers=listed(sorted(numbers)),
            ),
            concerned,
        )

    def add_name_mismatch(self, person: Person, holder: Extension, adoption: Adoption) -> None:
        """The number is an extension's that nobody is bound to and that is not taken over."""
        if adoption is Adoption.NEVER:
            sentence = phrase(
                "{called} exists in 3CX already, the directory gives {number} to {name}, and the rules do "
                "not allow linking it. Nothing is changed. Set “Extensions that exist already” in the rules, "
                "or correct the number.",
                called=called(holder, at_start=True),
                number=holder.number,
                name=person.name,
            )
        else:
            sentence = phrase(
                "{is_called} in 3CX, but the directory gives {number} to {name}. Nothing is changed. Correct "
                "the name or the number, or set “Extensions that exist already” to “Adopt when the number "
                "agrees”.",
                is_called=_is_called(holder),
                number=holder.number,
                name=person.name,
            )
        self._add(FindingCode.NAME_MISMATCH, Severity.CONFLICT, sentence, [person], holder.number)

    def add_adopted_in_spite_of_name(self, person: Person, holder: Extension, why: str) -> None:
        """An extension of another name is taken over: allowed, but never silently."""
        self._add(
            FindingCode.NAME_MISMATCH,
            Severity.WARNING,
            phrase(
                "{is_called} in 3CX and will be linked to {name} because {why}. If that is wrong, exclude "
                "the row when you approve, or correct the number.",
                is_called=_is_called(holder),
                name=person.name,
                why=why,
            ),
            [person],
            holder.number,
        )

    def add_reassigned(self, extension: Extension, guid: str, name: str, *, is_released: bool) -> None:
        """The extension of ``name`` shows somebody else in 3CX. ``is_released``: and the person was deleted."""
        bound, shown = (
            name or declared("somebody else"),
            _name(extension) or extension.email or declared("nobody"),
        )
        email = f" ({extension.email})" if extension.email and extension.email != shown else ""
        then = (
            phrase("{bound} was deleted from the directory, so the link to {bound} is removed.", bound=bound)
            if is_released
            else phrase(
                "If {number} now belongs to {shown_name}, unlink {bound} (People, or: rollcall binding release "
                "{number}). If it still belongs to {bound}, correct its name or e-mail address in 3CX.",
                number=extension.number,
                shown_name=shown,
                bound=bound,
            )
        )
        self._add_of(
            FindingCode.REASSIGNED,
            Severity.CONFLICT,
            phrase(
                "Extension {number} is linked to {bound}, but shows {shown_name}{email} in 3CX. Nothing is "
                "changed. {next_step}",
                number=extension.number,
                bound=bound,
                shown_name=shown,
                email=email,
                next_step=then,
            ),
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
            phrase(
                "Extension {numbers} has another id in 3CX than before, as after a restore. The link was "
                "restored by number, name or e-mail address.",
                numbers=numbers,
            )
            if one
            else phrase(
                "Extensions {numbers} have other ids in 3CX than before, as after a restore. The links were "
                "restored by number, name or e-mail address.",
                numbers=numbers,
            ),
            [(guid, name) for guid, name, _extension in moved],
            moved[0][2].number if one else "",
        )

    def add_new_account(self, person: Person, extension: Extension, previous: Binding) -> None:
        """The same human has a new account, which the extension goes over to."""
        self._add_of(
            FindingCode.REBOUND,
            Severity.INFO,
            phrase(
                "{name} has a new account in the directory and keeps {called} with all its settings.",
                name=person.name,
                called=called(extension),
            ),
            [(person.guid, person.name), (previous.person_guid, previous.person_name)],
            extension.number,
        )

    def add_number_changed_in_3cx(
        self, person: Person, extension: Extension, was: str, rule: ChangedIn3cx, *, is_given: bool = False
    ) -> None:
        """Somebody renumbered the extension in 3CX by hand; ``is_given``: its number was not from the directory."""
        sentence = (
            phrase("Rollcall gave them {number}", number=person.number)
            if is_given
            else phrase("the directory says {number}", number=person.number)
        )
        then = {
            ChangedIn3cx.REPORT: phrase(
                "It stays {number}. Change the number in the directory to {number}, or set “Number changed "
                "in 3CX” in the rules.",
                number=extension.number,
            ),
            ChangedIn3cx.ACCEPT: phrase("According to the rules it stays {number}.", number=extension.number),
            ChangedIn3cx.FOLLOW_DIRECTORY: phrase(
                "According to the rules it is changed back to {number}.", number=person.number
            ),
        }[rule]
        self._add(
            FindingCode.NUMBER_CHANGED_IN_3CX,
            Severity.WARNING if rule is ChangedIn3cx.REPORT else Severity.INFO,
            phrase(
                "The extension of {name} was changed from {was} to {number} in 3CX, but {sentence}. {next_step}",
                name=person.name,
                was=was,
                number=extension.number,
                sentence=sentence,
                next_step=then,
            ),
            [person],
            extension.number,
        )

    def add_number_passed_on(self, person: Person, extension: Extension, previous: Binding | None) -> None:
        """The number is that of an extension whose person leaves, and the rules neither replace it nor pass it on."""
        name = (previous.person_name if previous else "") or extension.name
        self._add(
            FindingCode.NUMBER_PASSED_ON,
            Severity.CONFLICT,
            phrase(
                "The directory gives {number} to {name}, but {called} still exists from {former}, who is "
                "leaving it. {name} does not get the number. Delete {number} in 3CX, or set “Number of a "
                "leaver given to somebody new” in the rules.",
                number=extension.number,
                name=person.name,
                called=called(extension),
                former=name,
            ),
            [person],
            extension.number,
        )

    def add_number_kept(self, person: Person, extension: Extension, previous: Binding | None) -> None:
        """The number is that of a leaver's extension, which somebody has decided to keep for now."""
        name = (previous.person_name if previous else "") or extension.name
        self._add(
            FindingCode.NUMBER_PASSED_ON,
            Severity.CONFLICT,
            phrase(
                "The directory gives {number} to {name}, but the deletion of {called} of {former} was "
                "postponed or stopped manually. {name} does not get the number until then. Resume the "
                "countdown (People, or: rollcall grace resume {number}).",
                number=extension.number,
                name=person.name,
                called=called(extension),
                former=name,
            ),
            [person],
            extension.number,
        )

    def add_protected(self, person: Person, extension: Extension, what: str, done: str) -> None:
        """The extension that would be the person's, or is, is ``what`` (a template's, ...) and never ``done`` anything to."""
        self._add(
            FindingCode.PROTECTED,
            Severity.WARNING,
            phrase(
                "{called} is {what} and is never {done}, although the directory gives {number} to {name}. "
                "Nothing is changed for them.",
                called=called(extension, at_start=True),
                what=what,
                done=done,
                number=person.number,
                name=person.name,
            ),
            [person],
            extension.number,
        )

    def add_reserved_number(self, person: Person) -> None:
        """The rules name the number as a template or the archive, and 3CX has no such extension."""
        self._add(
            FindingCode.PROTECTED,
            Severity.WARNING,
            why_number_reserved(person.number, person.name),
            [person],
            person.number or "",
        )

    def add_number_reserved(self, person: Person, reason: str, present: Extension | None) -> None:
        """Nobody is given the number, for ``reason``; who has it (``present`` with that number) keeps it."""
        if present is None:
            then = declared("No extension is created on it. Give them another number in the directory")
        elif present.number == person.number:
            then = declared("They keep their extension. Give them another number soon")
        else:
            then = phrase(
                "They keep extension {number}. Correct the number in the directory", number=present.number
            )
        self._add(
            FindingCode.NUMBER_RESERVED,
            Severity.WARNING,
            phrase(
                "The number {number} of {name} {reason}. {next_step}, or change reserved_numbers in the rules.",
                number=person.number,
                name=person.name,
                reason=reason,
                next_step=then,
            ),
            [person],
            person.number or "",
        )

    def add_not_removed(self, extension: Extension, what: str, reason: str, person: Person | None) -> None:
        """A removal that the rules call for and that never happens."""
        self._add(
            FindingCode.PROTECTED,
            Severity.WARNING,
            phrase(
                "{called} is {what} and is not changed, although it would be removed: {reason}",
                called=called(extension, at_start=True),
                what=what,
                reason=reason,
            ),
            [person] if person else [],
            extension.number,
        )

    def add_excluded(self, person: Person) -> None:
        """The rules leave the person alone."""
        self._add(
            FindingCode.EXCLUDED,
            Severity.INFO,
            why_excluded(person.name),
            [person],
            person.number or "",
        )

    def add_disabled_by_hand(self, person: Person, extension: Extension) -> None:
        """Somebody else than Rollcall disabled it."""
        self._add(
            FindingCode.DISABLED_BY_HAND,
            Severity.INFO,
            phrase(
                "Extension {number} of {name} was disabled manually in 3CX and stays disabled. Enable it in "
                "3CX, or set “Enable again” to “Also extensions disabled by hand”.",
                number=extension.number,
                name=person.name,
            ),
            [person],
            extension.number,
        )

    def add_shortened(self, person: Person, limit: int) -> None:
        """The name is longer than 3CX takes."""
        self._add(
            FindingCode.SHORTENED,
            Severity.INFO,
            phrase(
                "The name of {name} is shortened: 3CX allows {limit} characters for a first or last name.",
                name=person.name,
                limit=limit,
            ),
            [person],
            person.number or "",
        )

    def add_department_shortened(self, whole: str, cut: str, people: Iterable[Person]) -> None:
        """The department's name is longer than 3CX takes."""
        concerned = _by_guid(people)
        self._add(
            FindingCode.SHORTENED,
            Severity.INFO,
            phrase(
                "The department '{whole}' ({names}) is shortened to '{cut}', because 3CX limits the length "
                "of department names.",
                whole=whole,
                names=_names(concerned),
                cut=cut,
            ),
            concerned,
        )

    def add_department_missing(self, name: str, people: Iterable[Person]) -> None:
        """3CX has no department of that name, and the rules create none."""
        concerned = _by_guid(people)
        self._add(
            FindingCode.DEPARTMENT_MISSING,
            Severity.WARNING,
            phrase(
                "3CX has no department '{name}' ({names}). Their departments are not changed. Create it in "
                "3CX, or turn on “Create missing departments”.",
                name=name,
                names=_names(concerned),
            ),
            concerned,
        )

    def add_template_missing(self, number: str, people: Iterable[Person]) -> None:
        """Nobody of a unit can be created without its template; nobody may wait for it yet."""
        waiting = _by_guid(people)
        self._add(
            FindingCode.TEMPLATE_MISSING,
            Severity.CONFLICT if waiting else Severity.WARNING,
            phrase(
                "The template extension {number} does not exist in 3CX, so no extension is created for "
                "{names}. Create the template, or choose another for the unit.",
                number=number,
                names=_names(waiting) if waiting else declared("new people of its unit"),
            ),
            waiting,
            number,
        )

    def add_archive_missing(self, number: str, waiting: int) -> None:
        """What leavers have cannot go to the archive, so theirs stay disabled. ``waiting``: so many in this plan."""
        now = (
            phrase(
                " {waiting} of this plan {waits} for it.",
                waiting=waiting,
                waits=Plural("waits", "wait", waiting),
            )
            if waiting
            else ""
        )
        self._add(
            FindingCode.ARCHIVE_MISSING,
            Severity.CONFLICT if waiting else Severity.WARNING,
            phrase(
                "The archive extension {number} does not exist in 3CX, so leavers are disabled and not "
                "deleted.{now} Create it in 3CX, or choose another in the archive settings.",
                number=number,
                now=now,
            ),
            [],
            number,
        )

    def add_steps_owed(self, owed: Owed, why: str) -> None:
        """An extension cannot be finished by this plan."""
        self._add_of(
            FindingCode.STEPS_OWED,
            Severity.WARNING,
            phrase(
                "Extension {number} of {person_name} was created but not finished, and cannot be finished "
                "now: {why}. Every run tries again.",
                number=owed.number,
                person_name=owed.person_name,
                why=why,
            ),
            [(owed.person_guid, owed.person_name)],
            owed.number,
        )

    def add_steps_refused(self, owed: Owed) -> None:
        """3CX refused to finish an extension."""
        self._add_of(
            FindingCode.STEPS_REFUSED,
            Severity.WARNING,
            phrase(
                "Extension {number} of {person_name} is not finished. {refusal} Correct this in 3CX, then "
                "retry or drop the unfinished steps (rollcall owed).",
                number=owed.number,
                person_name=owed.person_name,
                refusal=owed.refusal,
            ),
            [(owed.person_guid, owed.person_name)],
            owed.number,
        )

    def add_incomplete_snapshot(self, why: str, held_back: int) -> None:
        """Not everything was read, so nothing proves that people are gone; their removals wait."""
        changes = (
            declared("No other change waits")
            if not held_back
            else declared("1 change waits")
            if held_back == 1
            else phrase("{held_back} changes wait", held_back=held_back)
        )
        self._add(
            FindingCode.INCOMPLETE_SNAPSHOT,
            Severity.WARNING,
            phrase("{why} {changes} for the next complete reading.", why=why, changes=changes),
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
    return phrase(
        template("Extension {number} ({name})") if at_start else template("extension {number} ({name})"),
        number=extension.number,
        name=_name(extension) or declared("without a name"),
    )


def listed(names: Iterable[str]) -> str:
    """Names as they are shown: "Anna", "Anna and Bob", "Anna, Bob and 12 more"."""
    shown_names = list(names)
    if len(shown_names) > _MOST_NAMES:
        more = phrase("{count} more", count=len(shown_names) - _MOST_NAMES)
        shown_names = [*shown_names[:_MOST_NAMES], more]
    return enumerated(shown_names)


# 3CX's words for what holds a number (PeerType), where they do not read well in a sentence.
_KINDS = {
    "Queue": declared("queue"),
    "RingGroup": declared("ring group"),
    "Parking": declared("parking place"),
    "Group": declared("department"),
}


def _name(extension: Extension) -> str:
    return f"{extension.first_name} {extension.last_name}".strip()


def _primary_hint(email: str) -> str:
    if not email.lower().startswith("smtp:"):
        return ""
    return declared(": one of its values must be marked as the primary address, with SMTP: in capitals")


def _is_called(extension: Extension) -> str:
    name = _name(extension)
    return phrase(
        template("Extension {number} is called '{name}'")
        if name
        else template("Extension {number} has no name"),
        number=extension.number,
        name=name,
    )


def _resting(stock: Stock) -> str:
    if not stock.resting:
        return ""
    return phrase(
        ", {count} {kept}",
        count=stock.resting,
        kept=Plural(
            "is kept free for some time because somebody had it",
            "are kept free for some time because somebody had them",
            stock.resting,
        ),
    )


def _by_guid(people: Iterable[Person]) -> list[Person]:
    return sorted(people, key=lambda person: person.guid)


def _names(people: Iterable[Person]) -> str:
    return listed(person.name for person in people)
