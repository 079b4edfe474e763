"""What happens in a company: one declaration for each kind of deed. Each says what it has done, for the story."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from services.api.operations.use_cases import backup
from services.api.operations.use_cases.restore import restore
from services.sandbox.phone_system.answers import Refusal
from shared.database.tables import Run
from shared.errors import RollcallError
from shared.runs.start import ACTIVE_STATES
from tests.faults.campaign.book import Book, Person, Where
from tests.faults.campaign.ends import Ends
from tests.faults.campaign.shape import Shape

Deed = Callable[["Company", random.Random], str]
_NOBODY = "nobody to do it with"
_RUN_COMES_SECONDS = 2.0


@dataclass(slots=True)
class Company:
    """The people, and how the next numbers and names are made."""

    shape: Shape
    ends: Ends
    hired: int = 0
    numbers: int = 0
    saved: int = 0
    """How often saving settings was confirmed."""
    approved: int = 0
    """How often an approval was confirmed."""

    @property
    def book(self) -> Book:
        return self.ends.book

    def next_number(self) -> str:
        """One that nobody has had."""
        self.numbers += 1
        return str(2000 + self.numbers)

    def somebody(self, dice: random.Random, *wheres: Where) -> Person | None:
        """One of those who are there now."""
        found = [person for person in self.book.people.values() if person.where in wheres]
        return dice.choice(found) if found else None

    def hire(self, dice: random.Random, number: str) -> Person:
        """A new account, in one of both units."""
        self.hired += 1
        login = f"{self.ends.site_id[0]}{self.hired:03}"
        person = Person(login, [number], [f"Family{login}"], [f"{login}@corp.example.test"])
        with self.book.lock:
            self.ends.directory.hire(login, number, dice.choice(self.ends.directory.units))
            self.book.people[login] = person
            self.book.look()
        return person

    def of_name(self, name: str) -> Person:
        """Whoever Rollcall calls so."""
        return self.book.people[name.split()[0].removeprefix("Given")]

    def renumber(self, person: Person) -> str:
        """Give them a number that nobody has had."""
        return _changes(self, person, person.numbers, "telephoneNumber", self.next_number())

    def is_last(self, person: Person) -> bool:
        """Whether nobody else of their domain is there: of an empty directory Rollcall believes nothing, so nobody is removed."""
        here = [other for other in self.book.people.values() if other.where is Where.HERE]
        home = self.ends.directory.home(person.login)
        return [other for other in here if self.ends.directory.home(other.login) is home] == [person]

    def extension_of(self, person: Person) -> int | None:
        """The id of an extension of theirs; none while there are two or none."""
        found = [key for key, it in self.book.picture().items() if it["FirstName"] == person.first_name]
        return found[0] if len(found) == 1 else None


def _joins(company: Company, dice: random.Random) -> str:
    person = company.hire(dice, company.next_number())
    return f"{person.login} joins with {person.number}"


def _leaves(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE, Where.DISABLED, Where.MOVED_OUT)
    return _goes(company, person, Where.GONE) if person else _NOBODY


def _is_replaced(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    if person is None or company.is_last(person):
        return _NOBODY
    with company.book.lock:
        said = _goes(company, person, Where.GONE)
        return f"{said}, {company.hire(dice, person.number).login} gets {person.number}"


def _is_disabled(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    return _goes(company, person, Where.DISABLED) if person else _NOBODY


def _moves_out(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    return _goes(company, person, Where.MOVED_OUT) if person else _NOBODY


def _comes_back(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.DISABLED, Where.MOVED_OUT)
    return _goes(company, person, Where.HERE) if person else _NOBODY


def _goes(company: Company, person: Person, where: Where) -> str:
    directory, before = company.ends.directory, person.where
    if where is not Where.HERE and company.is_last(person):
        return f"{person.login} is the last one of their domain"
    with company.book.lock:
        if where is Where.GONE:
            directory.leave(person.login)
        elif Where.MOVED_OUT in (before, where):
            directory.move(
                person.login, directory.elsewhere if where is Where.MOVED_OUT else directory.units[0]
            )
        else:
            directory.set_enabled(person.login, where is Where.HERE)
        person.been.append(where)
        company.book.look()
    return f"{person.login}: {before} -> {where}"


def _changes_unit(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    if person is None:
        return _NOBODY
    # To where they are already changes nothing, as it would in life.
    company.ends.directory.move(person.login, company.ends.directory.elsewhere)
    company.ends.directory.move(person.login, dice.choice(company.ends.directory.units))
    person.been += [Where.MOVED_OUT, Where.HERE]
    return f"{person.login} is in another unit, after a moment outside"


def _changes(company: Company, person: Person, values: list[str], attribute: str, value: str) -> str:
    with company.book.lock:
        company.ends.directory.change(person.login, **{attribute: value})
        values.append(value)
        company.book.look()
    return f"{person.login}: {attribute} {value}"


def _marries(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    if person is None:
        return _NOBODY
    return _changes(
        company, person, person.last_names, "sn", f"Married{len(person.last_names)}{person.login}"
    )


def _changes_address(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    if person is None:
        return _NOBODY
    address = f"{person.login}.{len(person.emails)}@corp.example.test"
    return _changes(company, person, person.emails, "mail", address)


def _is_renumbered(company: Company, dice: random.Random) -> str:
    person = company.somebody(dice, Where.HERE)
    return company.renumber(person) if person else _NOBODY


def _is_renamed_by_hand(company: Company, dice: random.Random) -> str:
    """In 3CX: the directory's name comes back with the next full run."""
    person = company.somebody(dice, Where.HERE)
    return _by_hand(company, person, {"LastName": "Byhand"}) if person else _NOBODY


def _gets_caller_id(company: Company, dice: random.Random) -> str:
    """In 3CX, a field that Rollcall does not know: it stays for good."""
    person = company.somebody(dice, Where.HERE)
    if person is None:
        return _NOBODY
    with company.book.lock:
        extension = company.extension_of(person)
        if extension is None:
            return f"{person.login} has not one extension"
        number = f"+4930{dice.randrange(10_000)}"
        person.caller_id = number
        return _by_hand(company, person, {"OutboundCallerID": number})


def _by_hand(company: Company, person: Person, changes: dict[str, Any]) -> str:
    with company.book.lock:
        extension = company.extension_of(person)
        if extension is None:
            return f"{person.login} has not one extension"
        company.ends.phone_system.state.change_user(extension, changes, is_counted=False)
        company.book.look()
    return f"by hand: {person.login} {changes}"


def _is_deleted_by_hand(company: Company, dice: random.Random) -> str:
    """In 3CX: the next full run makes it again, without what only the old one had."""
    person = company.somebody(dice, Where.HERE)
    if person is None:
        return _NOBODY
    state = company.ends.phone_system.state
    with company.book.lock:
        extension = company.extension_of(person)
        if extension is None:
            return f"{person.login} has not one extension"
        company.book.without_counting(lambda: state.remove_user(extension))
        person.deleted_by_hand += 1
        person.caller_id = ""
        company.book.look()
    return f"by hand: {person.login} deleted"


def _is_disabled_by_hand(company: Company, dice: random.Random) -> str:
    """In 3CX: Rollcall leaves it so, or enables it when the account is enabled again."""
    person = company.somebody(dice, Where.HERE)
    if person is None:
        return _NOBODY
    person.disabled_by_hand = True
    return _by_hand(company, person, {"Enabled": False})


def _swap_numbers(company: Company, dice: random.Random) -> str:
    first, second = company.somebody(dice, Where.HERE), company.somebody(dice, Where.HERE)
    if first is None or second is None or first is second:
        return _NOBODY
    with company.book.lock:
        numbers = first.number, second.number
        said = _changes(company, first, first.numbers, "telephoneNumber", numbers[1])
        return f"{said}; {_changes(company, second, second.numbers, 'telephoneNumber', numbers[0])}"


def _backup_is_restored(company: Company, dice: random.Random) -> str:
    """Taken and brought back at once, while no run is active."""
    context = company.shape.site.context
    try:
        with context.database.read() as session:
            if session.scalar(select(Run.id).where(Run.state.in_(ACTIVE_STATES)).limit(1)) is not None:
                return "no restore: a run is active"
        restore(context, backup.parse(backup.collect(context, "campaign")), "campaign", replace=True)
    except RollcallError as error:
        return f"not restored: {error.code}"
    return "a backup is restored"


def _backup_is_taken(company: Company, dice: random.Random) -> str:
    try:
        company.shape.backups.append(backup.parse(backup.collect(company.shape.site.context, "campaign")))
    except RollcallError as error:
        return f"no backup: {error.code}"
    return "a backup is taken"


def _old_backup_is_restored(company: Company, dice: random.Random) -> str:
    """One from earlier: what has come since is forgotten, which must neither remove nor double anybody."""
    if not company.shape.backups:
        return "no backup to restore"
    old = dice.choice(company.shape.backups)
    with ExitStack() as locks:
        for ends in company.shape.ends:
            locks.enter_context(ends.book.lock)
        try:
            restore(company.shape.site.context, old, "campaign", replace=True)
        except RollcallError as error:
            return f"not restored: {error.code}"
        for ends in company.shape.ends:
            known = {row["extension_id"] for row in old.rows["bindings"] if row["site_id"] == ends.site_id}
            ends.book.forget(known)
    return f"backup {company.shape.backups.index(old) + 1} of {len(company.shape.backups)} is restored"


def _colleague_is_made_by_hand(company: Company, dice: random.Random) -> str:
    """An extension that is none of Rollcall's business."""
    state = company.ends.phone_system.state
    number = str(7000 + len(company.book.others))
    with company.book.lock:
        try:
            made = state.add_user(
                {"Number": number, "FirstName": "Lobby", "LastName": number}, is_counted=False
            )
        except Refusal:
            return f"{number} is taken"
        company.book.others[number] = company.book.picture()[made["Id"]]
        company.book.look()
    return f"by hand: extension {number}"


def _run_is_started(company: Company, dice: random.Random) -> str:
    answer = company.shape.ask("POST", f"/sites/{company.ends.site_id}/runs", {"kind": "full"})
    return f"a full run: {answer.status_code if answer else 'no answer'}"


def _run_is_cancelled(company: Company, dice: random.Random) -> str:
    run = company.ends.newest_run()
    if run is None:
        return "no run"
    answer = company.shape.ask("POST", f"/runs/{run}/cancel")
    return f"run {run} is cancelled: {answer.status_code if answer else 'no answer'}"


def approve(company: Company) -> str:
    """Whatever waits."""
    listed = company.shape.ask("GET", f"/sites/{company.ends.site_id}/runs?limit=5")
    if listed is None or listed.status_code != 200:
        return "no answer"
    said = []
    for run in listed.json()["items"]:
        if run["state"] in ("held", "planned"):
            answer = company.shape.ask("POST", f"/runs/{run['id']}/approve", {"plan_hash": run["plan_hash"]})
            company.approved += answer is not None and answer.is_success
            said.append(f"run {run['id']} approved: {answer.status_code if answer else 'no answer'}")
    return ", ".join(said) or "nothing to approve"


def _is_approved(company: Company, dice: random.Random) -> str:
    return approve(company)


def _settings_are_saved(company: Company, dice: random.Random) -> str:
    value = dice.randint(100, 900)
    answer = company.shape.ask(
        "PUT", f"/sites/{company.ends.site_id}/settings", {"limits": _LIMITS | {"removals": value}}
    )
    company.saved += answer is not None and answer.is_success and bool(answer.json()["changed"])
    return f"limit of removals {value}: {answer.status_code if answer else 'no answer'}"


def _settings_are_saved_in_a_run(company: Company, dice: random.Random) -> str:
    """While it reads, plans or executes: it goes on with what it began with, or begins anew."""
    deadline = time.monotonic() + _RUN_COMES_SECONDS
    while time.monotonic() < deadline and not _is_active(company.shape):
        time.sleep(0.02)
    time.sleep(dice.uniform(0, 0.5))
    sections = company.shape.ask("GET", f"/sites/{company.ends.site_id}/settings")
    if sections is None or not sections.is_success:
        return "no answer"
    before = next(item["values"] for item in sections.json()["sections"] if item["section"] == "rules")
    rules = before | {"reserved_numbers": ["112", str(dice.randint(900, 999))]}
    answer = company.shape.ask("PUT", f"/sites/{company.ends.site_id}/settings", {"rules": rules})
    company.saved += answer is not None and answer.is_success and bool(answer.json()["changed"])
    return f"reserved numbers, in a run: {answer.status_code if answer is not None else 'no answer'}"


def _is_active(shape: Shape) -> bool:
    with suppress(RollcallError), shape.site.context.database.read() as session:
        return session.scalar(select(Run.id).where(Run.state.in_(ACTIVE_STATES)).limit(1)) is not None
    return False


def _time_passes(company: Company, dice: random.Random) -> str:
    seconds = dice.uniform(0.2, 1.5)
    time.sleep(seconds)
    return f"{seconds:.1f} s pass"


_LIMITS = {"removals": 1000, "disables": 1000, "updates": 1000, "people_down_percent": 100}

DEEDS: dict[str, tuple[int, Deed]] = {
    "joins": (8, _joins),
    "leaves": (6, _leaves),
    "is replaced": (4, _is_replaced),
    "is disabled": (4, _is_disabled),
    "moves out": (3, _moves_out),
    "comes back": (5, _comes_back),
    "changes unit": (3, _changes_unit),
    "marries": (6, _marries),
    "changes address": (4, _changes_address),
    "is renumbered": (6, _is_renumbered),
    "is renamed by hand": (3, _is_renamed_by_hand),
    "gets a caller ID": (3, _gets_caller_id),
    "is deleted by hand": (2, _is_deleted_by_hand),
    "is disabled by hand": (1, _is_disabled_by_hand),
    "swap numbers": (2, _swap_numbers),
    "backup is restored": (2, _backup_is_restored),
    "backup is taken": (2, _backup_is_taken),
    "old backup is restored": (2, _old_backup_is_restored),
    "colleague is made by hand": (2, _colleague_is_made_by_hand),
    "run is started": (4, _run_is_started),
    "run is cancelled": (2, _run_is_cancelled),
    "is approved": (6, _is_approved),
    "settings are saved": (3, _settings_are_saved),
    "settings are saved in a run": (2, _settings_are_saved_in_a_run),
    "time passes": (8, _time_passes),
}

# What a fault most likely meets: a run that has just begun, or has come some way.
BEFORE_STRIKES = {"run is started": 6, "time passes": 4, "is approved": 1, "settings are saved in a run": 1}
