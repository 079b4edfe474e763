"""From a change at a real domain controller to the phone system, without anybody starting a run."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from services.collector.watching.watcher import Watcher
from shared.database.tables import Run, RunKind, WatchRow
from tests.integration.end_to_end.conftest import Ends
from tests.support.changes import changes_left
from tests.support.phone_system import picture
from tests.support.waiting import wait_until

pytestmark = pytest.mark.samba


@contextmanager
def _watched(ends: Ends) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=Watcher(ends.site.context, ended, interval=0.05).run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)


def _is_live(ends: Ends) -> bool:
    with ends.site.context.database.read() as session:
        row = session.get(WatchRow, ("default", ""))
        return row is not None and row.last_answer_at is not None


def _kinds(ends: Ends) -> list[str]:
    with ends.site.context.database.read() as session:
        return list(session.scalars(select(Run.kind).order_by(Run.id)))


def test_what_changes_in_the_directory_is_in_the_phone_system_by_itself(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Sales")
    anna, bert = office.hire(unit, "anna", "301"), office.hire(unit, "bert", "302")
    ends.configure([unit], schedule={"is_enabled": True, "live": True})
    ends.settle()

    def _has(number: str, **fields: str) -> bool:
        found = picture(ends.phone_system).get(number, {})
        return bool(found) and all(found[name] == value for name, value in fields.items())

    with _watched(ends):
        wait_until("live", lambda: _is_live(ends))
        office.hire(unit, "carl", "303")
        wait_until("a joiner", lambda: _has("303", FirstName="Givencarl"))
        office.change(anna, sn="Other")
        wait_until("a name", lambda: _has("301", LastName="Other"))
        office.change(anna, telephoneNumber="311")
        wait_until("a number", lambda: _has("311", LastName="Other") and not _has("301"))
        office.delete(bert)
        wait_until("a leaver", lambda: "302" not in picture(ends.phone_system))
        wait_until("nothing waits", lambda: not changes_left(ends.site))
    # The one that was started by hand; what live changes need of a full run waits for some minutes after it.
    assert _kinds(ends).count(RunKind.FULL.value) == 1
    ends.assert_in_step()
