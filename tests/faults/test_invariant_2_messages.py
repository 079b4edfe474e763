"""Invariant 2: a message delivered twice, late, out of order or lost changes nothing in the end."""

import random
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from shared.database.tables import RunState
from shared.messages import RUN_MESSAGES, LookUpPeople, Message, TakeChanges
from shared.worker.context import Context
from tests.faults.conftest import World, assert_in_step, settle
from tests.support.changes import taken_up
from tests.support.phone_system import changes_made, picture
from tests.support.site import Site, Wiring, embedded_site


class _Unreliable(Context):
    """Publishes, but not as it was asked to; ``published`` are the tasks whose messages were treated so."""

    published: ClassVar[set[str]] = set()

    def publish(self, messages: Iterable[Message], countdown: float = 0) -> None:
        """As the subclass does with each message."""
        for message in messages:
            self.published.add(message.task)
            self.deliver(message, countdown)

    def deliver(self, message: Message, countdown: float) -> None:
        """One message on its way."""
        super().publish([message], countdown)


class Twice(_Unreliable):
    """Every message comes twice, the second time with the same id."""

    def deliver(self, message: Message, countdown: float) -> None:
        """Send it and send it again."""
        super().deliver(message, countdown)
        super().deliver(message, countdown)


class FirstLost(_Unreliable):
    """Of the messages of one kind about one thing the first is lost, and after that every second."""

    seen: ClassVar[dict[str, int]] = {}

    def deliver(self, message: Message, countdown: float) -> None:
        """Lose it or send it."""
        about = f"{message.task} {getattr(message, 'run_id', '')} {getattr(message, 'part_id', '')}"
        self.seen[about] = self.seen.get(about, 0) + 1
        if self.seen[about] % 2 == 0:
            super().deliver(message, countdown)


class LateAndShuffled(_Unreliable):
    """Messages wait until three are there and come in another order, some of them long after their work is done."""

    chance: ClassVar[random.Random] = random.Random(4711)
    waiting: ClassVar[list[Message]] = []
    lock: ClassVar[threading.Lock] = threading.Lock()

    def deliver(self, message: Message, countdown: float) -> None:
        """Keep it, or send what has gathered."""
        with self.lock:
            self.waiting.append(message)
            if len(self.waiting) < 3:
                return
            gathered, kept = self.waiting[:-1], self.waiting[-1:]
            self.waiting[:] = kept
            self.chance.shuffle(gathered)
        for late in gathered:
            super().deliver(late, self.chance.choice((0, 0.05, 0.2)))


@pytest.mark.parametrize("wiring", [Twice, FirstLost, LateAndShuffled])
def test_a_message_delivered_twice_late_out_of_order_or_lost_changes_nothing(
    world: World, tmp_path: Path, wiring: Wiring
) -> None:
    staff = world.staff
    staff.hire_many(30)
    _Unreliable.published.clear()
    FirstLost.seen.clear()
    LateAndShuffled.waiting.clear()
    with embedded_site(tmp_path, wiring, with_beat=True, sweep_seconds=0.2, lease_seconds=1.5) as site:
        site.configure(world.sections())
        settle(site)
        made = changes_made(world.phone_system)
        assert made == {("create_user", str(2000 + index)): 1 for index in range(30)}
        world.phone_system.state.calls.clear()
        before = picture(world.phone_system)

        _a_day(world)
        settle(site)
        assert site.run(2).state == RunState.DONE
        assert changes_made(world.phone_system) == {
            ("update_user", "2000"): 1,
            ("update_user", "2001"): 1,
            ("update_user", "2002"): 1,
            ("delete_user", "2002"): 1,
            # A new number: the old extension gives up its e-mail, is disabled and goes.
            ("update_user", "2003"): 2,
            ("create_user", "2903"): 1,
            ("update_user", "2903"): made_of_a_copy(world),
            ("delete_user", "2003"): 1,
            ("create_user", "2900"): 1,
        }
        after = picture(world.phone_system)
        untouched = before.keys() - {"2000", "2001", "2002", "2003"}
        assert {number: after[number] for number in untouched} == {
            number: before[number] for number in untouched
        }
        world.phone_system.state.calls.clear()
        site.configure(
            {"schedule": {"is_enabled": True, "mode": "every", "every_minutes": 1440, "live": True}}
        )
        staff.change("p0010", mobile="+49 30 2")
        taken_up(site, [staff.guid("p0010")])
        assert changes_made(world.phone_system) == {("update_user", "2010"): 1}
        assert_in_step(site)
        # What was just read needs no second look; test_looking_up has that message.
        published = {kind.task for kind in RUN_MESSAGES} | {TakeChanges.task}
        assert _Unreliable.published == published - {LookUpPeople.task}
        assert _log_says_everything_once(site)


def _a_day(world: World) -> None:
    world.staff.change("p0000", mobile="+49 30 1")
    world.staff.set_enabled("p0001", False)
    world.staff.leave("p0002")
    world.staff.change("p0003", telephoneNumber="2903")
    world.staff.hire("joiner", "2900")


def made_of_a_copy(world: World) -> int:
    """How many steps really changed the new extension of someone with a new number."""
    return sum(item["changed"] for item in world.phone_system.state.calls["update_user"]["2903"])


def _log_says_everything_once(site: Site) -> bool:
    said = [message for message in site.log() if message.startswith(("Created", "Deleted", "Disabled"))]
    return len(said) == len(set(said))
