"""The roll of 100,000 people: taken up by a full run, and a page of 100 rows with the counts of all filters."""

import random
import statistics
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.report import Figure, best_of
from services.api.people.queries import PeopleFilter, PeopleOrder
from services.api.people.use_cases.roll import list_people
from shared import encryption
from shared.database.engine import Database
from shared.domain.extension import Extension, Membership
from shared.domain.person import Person, Presence
from shared.migrate import migrate
from shared.process_settings import load
from shared.roll.entry import Entry, RollState
from shared.roll.reading import take_reading
from shared.worker.app import create_app
from shared.worker.context import Context

PEOPLE = 100_000
GOAL_SECONDS = 0.050
_FIRST = (
    "Anna",
    "Bo",
    "Zoë",
    "José",
    "Mary",
    "Tom",
    "Ulla",
    "Ivan",
    "Kim",
    "Lea",
    "Noor",
    "Ola",
    "Pia",
    "Raj",
)
_LAST = (
    "Ängström",
    "Berg",
    "Costa",
    "Dahl",
    "Evans",
    "Fox",
    "Garcia",
    "Holm",
    "Ito",
    "Jones",
    "Khan",
    "Lind",
    "Moe",
)


def measure() -> list[Figure]:
    """Filling, taking up the same again, and pages of every kind; the goal is the median of the pages."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load({}, data=Path(folder))
        database = Database(settings.effective_database_url)
        migrate(database)
        figures = [
            Figure(f"roll of {PEOPLE:,}, first full run", best_of(1, partial(take, database)), 1.0),
            Figure(f"roll of {PEOPLE:,}, nothing changed", best_of(2, partial(take, database)), 1.0),
        ]
        context = Context(create_app(settings), settings, database, encryption.load(settings))
        middle = list_people(context, "default", PeopleFilter(), limit=500).next_after
        asked = {
            "first": (PeopleFilter(), PeopleOrder.NAME, None),
            "by number": (PeopleFilter(), PeopleOrder.NUMBER, None),
            "latest change": (PeopleFilter(), PeopleOrder.SINCE, None),
            "a later one": (PeopleFilter(), PeopleOrder.NAME, middle),
            "one state": (PeopleFilter(state=RollState.CONFLICT), PeopleOrder.NAME, None),
            "one department": (PeopleFilter(department="Department 7"), PeopleOrder.NAME, None),
            "one OU": (PeopleFilter(unit=_unit(3)), PeopleOrder.NAME, None),
            "what differs": (PeopleFilter(drift=True), PeopleOrder.NAME, None),
            "one letter": (PeopleFilter("a"), PeopleOrder.NAME, None),
            "a name": (PeopleFilter("zoe angstr"), PeopleOrder.NAME, None),
            "a number": (PeopleFilter("10777"), PeopleOrder.NAME, None),
            "nobody": (PeopleFilter("xyzzy"), PeopleOrder.NAME, None),
        }
        pages = []
        for name, (chosen, order, after) in asked.items():
            action = partial(list_people, context, "default", chosen, order, 100, after)
            pages.append(Figure(f"people page, {name}", best_of(5, action), GOAL_SECONDS, None))
        median = statistics.median(figure.ours_seconds for figure in pages)
        database.close()
        return [*figures, *pages, Figure("people page, median", median, GOAL_SECONDS, 1.0)]


def take(database: Database, people: int = PEOPLE) -> int:
    """Let a full run have read everybody."""
    with database.begin() as session:
        return take_reading(session, "default", 1, entries(people), lambda _entry: True, datetime.now(UTC))


def entries(people: int = PEOPLE) -> Iterator[Entry]:
    """So many people of 20 OUs and 60 departments with their extensions, one in 50 in another state."""
    chance = random.Random(7)
    for index in range(people):
        first, last = f"{chance.choice(_FIRST)} {index % 97}", chance.choice(_LAST)
        number, unit = str(10_000 + index), _unit(index % 20)
        login = f"{first}.{last}{index}".casefold()
        email = f"{login}@corp.example.test"
        guid = f"{chance.getrandbits(32):08x}-0000-4000-8000-{index:012x}"
        person = Person(
            guid, f"CN={first} {last},{unit}", unit, first, last, email=email, number=number, login=login
        )
        department = Membership(index % 60, f"Department {index % 60}")
        extension = Extension(
            index + 1, number, first, last, email, memberships=(department,), primary_department_id=index % 60
        )
        state = RollState.CONFLICT if index % 50 == 0 else RollState.IN_SYNC
        reason = f"Two people have {number}." if index % 50 == 0 else ""
        yield Entry(guid, state, person, Presence.SELECTED, extension, reason)


def _unit(index: int) -> str:
    return f"OU=Unit {index},OU=Staff,DC=corp,DC=example,DC=test"
