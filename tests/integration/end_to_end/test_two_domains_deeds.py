"""Two domains in one site while runs are carried out: look-ups, given numbers, a domain that is slow, one that lags."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ldap3
import pytest
from sqlalchemy import select

from services.collector.watching.watcher import Watcher
from services.collector.write_numbers import write_numbers
from shared.database.tables import ChangeRow, GivenNumberRow, Run, RunState, WatchRow
from shared.domain.command import CommandKind, CommandState
from shared.domain.watching import Hint, WatchState
from shared.runs import changes
from shared.runs.controllers import memories_of
from tests.integration.end_to_end.conftest import Ends
from tests.integration.end_to_end.test_true_at_the_deed import approved, looked_up, previewed, states
from tests.integration.end_to_end.two_domains import (
    DELETE_ALL,
    EMEA,
    binding_of,
    directories,
    emea,
    kinds,
    people,
    without_pauses,
)
from tests.support.changes import newest, notice
from tests.support.office import Office
from tests.support.phone_system import picture
from tests.support.samba import SambaDomain
from tests.support.site import ENDED, SITE
from tests.support.waiting import wait_until

__all__ = ["emea"]

pytestmark = pytest.mark.samba


def test_each_is_asked_again_at_the_deed_for_its_own_people(
    ends: Ends, emea: Office, other_samba: SambaDomain
) -> None:
    anna, carl, emil, fred = people(ends, emea, when_disabled="disable")
    for office, dn in ((ends.office, anna), (emea, emil), (emea, fred)):
        office.disable(dn)
    preview = previewed(ends)
    emea.enable(emil)
    approved(ends, preview)
    assert looked_up(ends, preview)
    assert states(ends, preview) == {
        "201": [CommandState.DONE],
        "203": [CommandState.OUTDATED],
        "204": [CommandState.DONE],
    }
    # One of them is away at the deed: its people wait, nobody else does.
    ends.office.disable(carl)
    emea.disable(emil)
    preview = previewed(ends)
    other_samba.stop()
    approved(ends, preview)
    assert states(ends, preview) == {"202": [CommandState.DONE], "203": [CommandState.SKIPPED]}


def test_given_numbers_are_of_one_range_and_written_to_the_domain_of_each(ends: Ends, emea: Office) -> None:
    corp_unit, emea_unit = ends.office.unit("Sales"), emea.unit("Vertrieb")
    anna, emil = ends.office.hire(corp_unit, "anna"), emea.hire(emea_unit, "emil")
    numbering = {"attributes": {"number": "ipPhone"}}
    rules = DELETE_ALL | {
        "number_ranges": [{"first": "230", "last": "239"}],
        "write_back_attribute": "ipPhone",
    }
    other = emea.settings([emea_unit], name=EMEA, **numbering)
    ends.configure([corp_unit], directory=numbering, directories={"others": [other]}, rules=rules)
    ends.settle()
    write_numbers(ends.site.context, SITE)
    with ends.site.context.database.read() as session:
        rows = session.scalars(select(GivenNumberRow).order_by(GivenNumberRow.number)).all()
    assert [(row.number, row.written_to) for row in rows] == [("230", "ipPhone"), ("231", "ipPhone")]
    given = {value_of(ends.office.domain, anna, "ipPhone"), value_of(emea.domain, emil, "ipPhone")}
    assert given == {"230", "231"}
    assert len(picture(ends.phone_system).keys() & given) == 2
    ends.assert_in_step()


def test_one_that_hangs_holds_its_people_and_its_memory_and_nobody_else(
    ends: Ends, emea: Office, other_samba: SambaDomain
) -> None:
    _anna, carl, emil, _fred = people(ends, emea)
    with ends.site.context.database.read() as session:
        before = memories_of(session, SITE)
    assert {key: {item.directory for item in memory.readings()} for key, memory in before.items()} == {
        "": {""},
        EMEA: {EMEA},
    }
    emea.delete(emil)
    ends.office.change(carl, sn="Carlsson")
    # Of the one that does not answer: how long it is waited for.
    units = [f"OU={name},{office.root}" for name, office in (("Sales", ends.office), ("Vertrieb", emea))]
    directories(ends, emea, *units, connect_timeout_seconds=0.5)
    other_samba.freeze()
    try:
        run = without_pauses(ends)
    finally:
        other_samba.thaw()
    assert run.state == RunState.DONE, ends.site.story()
    assert kinds(ends, run.id) == {"202": [CommandKind.UPDATE_EXTENSION]}
    assert "incomplete_snapshot" in ends.site.findings(run.id)
    with ends.site.context.database.read() as session:
        after = memories_of(session, SITE)
    assert after[EMEA].readings() == before[EMEA].readings()
    assert after[""].readings() != before[""].readings()


@pytest.fixture
def lagging(other_samba: SambaDomain) -> Iterator[SambaDomain]:
    """A second controller of the other domain, which hears of nothing that is done on the first."""
    # Not the test's own folder, whose name is too long for the sockets below it.
    with TemporaryDirectory(prefix="rollcall-dc-") as folder:
        if other_samba._process is None:
            other_samba.start()
        other_samba.stop()
        second = other_samba.replica(Path(folder) / "second")
        other_samba.start()
        second.start()
        try:
            yield second
        finally:
            second.kill()


def test_one_that_lags_lets_its_own_people_wait_alone(
    ends: Ends, other_samba: SambaDomain, lagging: SambaDomain
) -> None:
    corp_unit = ends.office.unit("Sales")
    carl = ends.office.hire(corp_unit, "carl", "202")
    # Where both controllers have it: in the container that every domain has.
    emea_unit = f"CN=Users,{other_samba.base_dn}"
    with other_samba.administrator() as connection:
        emea = Office(other_samba, connection, ends.office.name, is_new=False)
        emil = emea.hire(emea_unit, "emil", "203")
        directories(
            ends,
            emea,
            corp_unit,
            emea_unit,
            servers=[other_samba.address, lagging.address],
            ca_certificate=other_samba.ca_certificate + lagging.ca_certificate,
            filter="(telephoneNumber=*)",
            connect_timeout_seconds=30,
        )
        ends.settle()
        assert binding_of(ends, "203").directory == EMEA
        ends.office.change(carl, sn="Carlsson")
        emea.change(emil, sn="Emilsson")
        other_samba.stop()
    run = ends.site.complete()
    # On the controller that lags there is no Emil: he is gone there, and stays all the same.
    assert kinds(ends, run.id) == {"202": [CommandKind.UPDATE_EXTENSION]}, ends.site.story()
    assert (run.state, run.error_code) == (RunState.DONE, "controller_behind")
    (behind,) = ends.site.findings(run.id)["controller_behind"]
    assert lagging.address in behind.message
    assert EMEA in behind.message
    other_samba.start()
    run = ends.site.complete()
    assert kinds(ends, run.id) == {"203": [CommandKind.UPDATE_EXTENSION]}
    ends.assert_in_step()


def value_of(domain: SambaDomain, dn: str, attribute: str) -> str:
    """An attribute of an entry as the directory has it."""
    with domain.administrator() as connection:
        connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=[attribute])
        found: Any = connection.response
        return str(found[0]["raw_attributes"][attribute][0].decode())


@contextmanager
def watching(ends: Ends) -> Iterator[None]:
    """Both domains are watched for the block."""
    ends.site.configure({"schedule": {"is_enabled": True, "live": True}})
    ended = threading.Event()
    thread = threading.Thread(target=Watcher(ends.site.context, ended, interval=0.1).run)
    thread.start()

    def _is_live() -> bool:
        with ends.site.context.database.read() as session:
            states = session.scalars(select(WatchRow.state)).all()
        return [*states] == [WatchState.LIVE.value] * 2

    try:
        wait_until("both are watched", _is_live, 120)
        yield
    finally:
        ended.set()
        thread.join(60)


def change_run(ends: Ends, after: int) -> Run:
    """The next change run, at its end."""
    wait_until("a change run", lambda: newest(ends.site) > after, 120)
    return ends.site.wait_for(newest(ends.site), ENDED, 120)


def test_changes_of_each_are_taken_up_live_also_while_the_other_is_away(
    ends: Ends, emea: Office, other_samba: SambaDomain
) -> None:
    _anna, carl, emil, _fred = people(ends, emea)
    with watching(ends):
        before = newest(ends.site)
        emea.change(emil, sn="Emilsson")
        run = change_run(ends, before)
        assert kinds(ends, run.id) == {"203": [CommandKind.UPDATE_EXTENSION]}, ends.site.story()
        other_samba.stop()
        ends.office.change(carl, sn="Carlsson")
        run = change_run(ends, run.id)
        assert kinds(ends, run.id) == {"202": [CommandKind.UPDATE_EXTENSION]}, ends.site.story()
    other_samba.start()


def test_what_a_domain_that_fell_silent_has_told_is_given_back_and_the_rest_is_done(
    ends: Ends, emea: Office, other_samba: SambaDomain
) -> None:
    _anna, carl, emil, _fred = people(ends, emea)
    guid = emea.guid(emil)
    ends.site.configure({"schedule": {"is_enabled": True, "live": True}})
    ends.office.change(carl, sn="Carlsson")
    emea.change(emil, sn="Emilsson")
    other_samba.stop()
    with ends.site.context.database.begin() as session:
        session.add(
            ChangeRow(
                site_id=SITE, directory=EMEA, guid=guid, hint=Hint.CHANGED.value, noticed_at=datetime.now(UTC)
            )
        )
    notice(ends.site, [ends.office.guid(carl)])
    wait_until("a change run", lambda: newest(ends.site), 120)
    run_id = newest(ends.site)

    def _has_ended() -> bool:
        ends.site.bring_forward(run_id)
        return ends.site.run(run_id).state in ENDED

    wait_until("its end", _has_ended, 120)
    assert kinds(ends, run_id) == {"202": [CommandKind.UPDATE_EXTENSION]}, ends.site.story()
    with ends.site.context.database.begin() as session:
        changes.settle(session, SITE)
        left = session.execute(select(ChangeRow.directory, ChangeRow.guid, ChangeRow.run_id)).all()
        assert [tuple(row) for row in left] == [(EMEA, guid, None)]
        # A moment later it is not asked again yet.
        assert changes.unanswered_lately(session, SITE, datetime.now(UTC)) == {EMEA}
        assert changes.unanswered_lately(session, SITE, datetime.now(UTC) + timedelta(hours=1)) == frozenset()
    other_samba.start()
