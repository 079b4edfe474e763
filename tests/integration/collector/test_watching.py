"""Changes in a real domain are noticed by whoever watches it, with an ordinary account and with one that sees more."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from services.collector.active_directory import ActiveDirectory
from services.collector.watching.asking import Controller
from services.collector.watching.possible import live_advice
from services.collector.watching.storing import LEASE
from services.collector.watching.watch import Order, Watch
from services.collector.watching.watcher import Watcher, orders_of
from services.sandbox.directory import RunningDirectory
from shared.database.tables import BindingRow, ChangeRow, Event, WatchRow
from shared.domain.reading import Reading
from shared.domain.watching import Hint, WatchMethod, WatchState
from shared.runs import changes
from shared.settings.documents import DirectorySettings
from shared.work import leases
from shared.worker.context import Context
from tests.integration.collector.collecting import SITE, Collecting
from tests.support.office import Office
from tests.support.samba import SambaDomain
from tests.support.staff import Staff, directory_settings
from tests.support.waiting import wait_until

KEY = (SITE, "")
PASSWORD = "Watching-1-rollcall"
TURNED_ON = "Live changes were turned on."

pytestmark = pytest.mark.samba


@dataclass
class Watching:
    """The watch of one directory, and what it has stored."""

    context: Context
    order: Order
    holder: str = "test"

    @contextmanager
    def on(self) -> Iterator[Watch]:
        """Watched for the block; the watch has begun when it begins."""
        assert leases.take(self.context.database, LEASE, self.holder, 3600)
        watch = Watch(self.context, self.holder, self.order, 0.05)
        watch.start()
        try:
            wait_until("the watch", lambda: self.row().state in (WatchState.LIVE, WatchState.FAILING))
            yield watch
        finally:
            watch.end()
            watch.join(60)
            leases.give_back(self.context.database, LEASE, self.holder)

    def row(self) -> WatchRow:
        """How it stands."""
        with self.context.database.read() as session:
            return session.get(WatchRow, KEY) or WatchRow(state="")

    def set(self, **values: Any) -> None:
        """Store something else of the watch than it stored."""
        with self.context.database.begin() as session:
            session.execute(update(WatchRow).values(**values))

    def log(self) -> list[str]:
        """The codes of the Log."""
        with self.context.database.read() as session:
            return list(session.scalars(select(Event.code).order_by(Event.id)))

    def changes(self) -> list[tuple[str, str]]:
        """What waits to be read."""
        with self.context.database.read() as session:
            return [(row.guid, row.hint) for row in session.scalars(select(ChangeRow).order_by(ChangeRow.id))]

    def bind(self, *guids: str) -> None:
        """Give these people an extension."""
        with self.context.database.begin() as session:
            for number, guid in enumerate(guids):
                session.add(
                    BindingRow(site_id=SITE, person_guid=guid, extension_id=number, number=str(100 + number),
                               origin="created", updated_at=datetime.now(UTC))
                )  # fmt: skip

    def until(self, *expected: tuple[str, Hint]) -> None:
        """Wait until exactly these changes wait, and forget them."""
        wanted = [(guid, hint.value) for guid, hint in expected]
        wait_until(f"the changes {wanted}", lambda: self.changes() == wanted)
        with self.context.database.begin() as session:
            session.query(ChangeRow).delete()

    def full_reading(self, reason: str) -> None:
        """Wait until a full reading is needed for this reason, and forget it."""
        wait_until(reason, lambda: reason in (self.row().needs_full_reading or ""))
        self.set(needs_full_reading=None)


@pytest.fixture
def unit(office: Office) -> str:
    """The unit that is watched."""
    return office.unit("Sales")


def _account(office: Office) -> dict[str, str]:
    """An ordinary account that may read what everybody may."""
    dn = office.hire(office.root, "reader")
    name = f"reader.{office.name}@{office.domain.realm.lower()}"
    office.change(dn, userPrincipalName=name)
    office.set_password(dn, PASSWORD)
    return {"user": name, "password": PASSWORD}


def _watching(site: Collecting, office: Office, *units: str, **changes: Any) -> Watching:
    settings = DirectorySettings.model_validate(office.settings(units) | changes)
    return Watching(site.context, Order(KEY, settings))


def test_joiners_changes_moves_and_leavers_are_noticed_at_a_domain_controller(
    site: Collecting, office: Office, unit: str
) -> None:
    anna, bert = office.hire(unit, "anna", "100"), office.hire(unit, "bert", "101")
    elsewhere = office.unit("Elsewhere")
    guid = {dn: office.guid(dn) for dn in (anna, bert)}
    watching = _watching(site, office, unit)
    watching.bind(*guid.values())
    with ActiveDirectory(watching.order.settings) as directory:
        assert live_advice(directory, watching.order.settings) == []
    with watching.on():
        assert watching.row().method == WatchMethod.DIRSYNC
        watching.full_reading(TURNED_ON)
        office.change(anna, telephoneNumber="200")
        watching.until((guid[anna], Hint.CHANGED))
        office.change(anna, telephoneNumber=None)
        watching.until((guid[anna], Hint.CHANGED))
        renamed = office.rename(anna, "anne")
        watching.until((guid[anna], Hint.MOVED))
        joiner = office.hire(unit, "carl", "102")
        watching.until((office.guid(joiner), Hint.CHANGED))
        # Neither is anything of ours.
        office.change(renamed, description="nobody asks for this")
        office.hire(elsewhere, "dora", "103")
        moved = office.move(bert, elsewhere)
        watching.until((guid[bert], Hint.MOVED))
        office.move(moved, unit)
        watching.until((guid[bert], Hint.MOVED))
        office.delete(renamed)
        watching.until((guid[anna], Hint.DELETED))
        office.disable(joiner)
        watching.until((office.guid(joiner), Hint.CHANGED))
        assert watching.row().state == WatchState.LIVE
        assert watching.row().last_change_at


def test_what_an_answer_may_have_told_beyond_its_number_is_asked_of_whoever_reads_for_it(
    site: Collecting, office: Office, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, bert = office.hire(unit, "anna", "100"), office.hire(unit, "bert", "101")
    guids = [office.guid(dn) for dn in (anna, bert)]
    watching = _watching(site, office, unit)
    ask = Controller.changes

    def _changes(controller: Controller, *position: Any) -> Any:
        # Between the question for the number and that for the changes.
        monkeypatch.setattr(Controller, "changes", ask)
        office.change(bert, telephoneNumber="201")
        return ask(controller, *position)

    with watching.on() as watch:
        watching.full_reading(TURNED_ON)
        monkeypatch.setattr(Controller, "changes", _changes)
        office.change(anna, telephoneNumber="200")
        wait_until("both", lambda: {guid for guid, _hint in watching.changes()} == set(guids))
        watch.end()
    with ActiveDirectory(watching.order.settings) as directory:
        newest, host = directory.domain().usn, directory.host
    with site.context.database.read() as session:
        watched = Reading.from_document(changes.watched(session, SITE)[""])
    assert (watched.usn_after, watched.host) == (newest, host)


def test_what_changed_while_nobody_watched_is_noticed_afterwards(
    site: Collecting, office: Office, unit: str
) -> None:
    anna = office.hire(unit, "anna", "100")
    watching = _watching(site, office, unit)
    with watching.on():
        watching.full_reading(TURNED_ON)
    office.change(anna, telephoneNumber="200")
    with watching.on():
        watching.until((office.guid(anna), Hint.CHANGED))
        assert watching.row().needs_full_reading is None


def test_an_answer_of_whoever_lost_the_lease_is_not_stored_and_told_again_to_the_next_one(
    site: Collecting, office: Office, unit: str
) -> None:
    anna = office.hire(unit, "anna", "100")
    watching = _watching(site, office, unit)
    with watching.on() as watch:
        watching.full_reading(TURNED_ON)
        before = watching.row()
        # As after a pause in which the lease expired, or a kill between the answer and its commit.
        leases.give_back(site.context.database, LEASE, watching.holder)
        assert leases.take(site.context.database, LEASE, "another", 3600)
        office.change(anna, telephoneNumber="200")
        wait_until("it notices", lambda: watch.is_lost)
    after = watching.row()
    assert (after.usn, after.cookie, watching.changes()) == (before.usn, before.cookie, [])
    leases.give_back(site.context.database, LEASE, "another")
    with watching.on():
        watching.until((office.guid(anna), Hint.CHANGED))


def test_an_ordinary_account_that_sees_no_deleted_entries_looks_for_people(
    site: Collecting, office: Office, unit: str
) -> None:
    anna, bert = office.hire(unit, "anna", "100"), office.hire(unit, "bert", "101")
    guid = office.guid(anna)
    watching = _watching(site, office, unit, **_account(office))
    watching.bind(guid, office.guid(bert))
    with ActiveDirectory(watching.order.settings) as directory:
        (advice,) = live_advice(directory, watching.order.settings)
        assert "cannot read deleted entries" in advice
    with watching.on():
        assert watching.row().method == WatchMethod.DIRSYNC
        office.change(bert, telephoneNumber="300")
        watching.until((office.guid(bert), Hint.CHANGED))
        office.delete(anna)
        watching.until((guid, Hint.DELETED))


def test_where_dirsync_is_not_used_whatever_has_a_higher_number_is_noticed(
    site: Collecting, office: Office, unit: str
) -> None:
    anna = office.hire(unit, "anna", "100")
    guid = office.guid(anna)
    elsewhere = office.unit("Elsewhere")
    watching = _watching(site, office, unit, **_account(office))
    watching.bind(guid)
    with watching.on():
        watching.full_reading(TURNED_ON)
    watching.set(method=WatchMethod.USN.value, cookie=None)
    with watching.on():
        office.change(anna, telephoneNumber=None)
        watching.until((guid, Hint.CHANGED))
        joiner = office.hire(unit, "carl", "102")
        watching.until((office.guid(joiner), Hint.CHANGED))
        moved = office.move(anna, elsewhere)
        watching.until((guid, Hint.CHANGED))
        office.delete(moved)
        watching.until((guid, Hint.DELETED))
        office.unit("New", unit)
        office.change(elsewhere, description="moved, for all that a number tells")
        watching.full_reading("An OU was moved or renamed")


def test_where_a_controller_refuses_dirsync_it_is_asked_by_number(site: Collecting) -> None:
    staff = Staff()
    staff.directory.has_dirsync = False
    with RunningDirectory(staff.directory) as directory:
        settings = DirectorySettings.model_validate(directory_settings(directory, *staff.units))
        watching = Watching(site.context, Order(KEY, settings))
        with watching.on():
            assert watching.row().method == WatchMethod.USN
            assert watching.row().cookie is None
            guid = staff.hire("anna", "100")
            watching.until((guid, Hint.CHANGED))
            watching.bind(guid)
            staff.leave("anna")
            watching.until((guid, Hint.DELETED))


def test_a_watcher_killed_between_an_answer_and_its_commit_loses_no_change_and_tells_none_twice(
    site: Collecting,
) -> None:
    staff, settings = Staff(), site.context.settings
    with RunningDirectory(staff.directory) as directory:
        wanted = directory_settings(directory, *staff.units)
        site.configure(wanted, schedule={"is_enabled": True, "live": True})
        watching = Watching(site.context, Order(KEY, DirectorySettings.model_validate(wanted)))
        command = [sys.executable, "-m", "tests.support.killed_watch"]
        with subprocess.Popen([*command, str(settings.data), settings.effective_database_url]) as killed:
            wait_until("it is live", lambda: watching.row().state == WatchState.LIVE, 60)
            cookie = watching.row().cookie
            guid = staff.hire("anna", "100")
            assert killed.wait(60) == -signal.SIGKILL
        assert watching.changes() == []
        assert watching.row().cookie == cookie
        wait_until("its lease ends", lambda: not leases.is_held(site.context.database, LEASE), 60)
        with watching.on():
            watching.until((guid, Hint.CHANGED))


def test_the_log_says_that_live_changes_stopped_and_that_they_work_again(site: Collecting) -> None:
    staff = Staff()
    with RunningDirectory(staff.directory) as directory:
        settings = DirectorySettings.model_validate(directory_settings(directory, *staff.units))
        watching = Watching(site.context, Order(KEY, settings))
        with watching.on():
            directory.stop()
            wait_until("it is said", lambda: watching.log() == ["watch.failed"])
            assert watching.row().state == WatchState.FAILING
            directory.start()
            wait_until("it is said", lambda: watching.log() == ["watch.failed", "watch.live"])
            assert watching.row().state == WatchState.LIVE


def test_a_moved_ou_a_changed_setting_and_a_refused_cookie_need_a_full_reading(
    site: Collecting, office: Office, unit: str
) -> None:
    inner = office.unit("Inner", unit)
    watching = _watching(site, office, unit)
    with watching.on():
        watching.full_reading(TURNED_ON)
        office._connection.modify_dn(inner, "OU=Outer")
        watching.full_reading("An OU was moved or renamed")
    watching.set(cookie=b"no cookie at all", usn=1)
    with watching.on():
        watching.full_reading("no longer knows the last answer")
        assert watching.row().state == WatchState.LIVE
    watching.set(invocation_id=str(uuid4()))
    with watching.on():
        watching.full_reading("Another domain controller is watched")
    again = _watching(site, office, unit, attributes={"number": "ipPhone"})
    with again.on():
        again.full_reading("The settings of the directory were changed.")
        anna = office.hire(unit, "anna", "100")
        again.until((office.guid(anna), Hint.CHANGED))


def test_members_of_the_required_group_are_noticed_and_groups_in_it_need_a_full_reading(
    site: Collecting, office: Office, unit: str
) -> None:
    anna, bert = office.hire(unit, "anna", "100"), office.hire(unit, "bert", "101")
    inner = office.group("inner", [bert])
    group, other = office.group("phones", [inner]), office.group("other")
    watching = _watching(site, office, unit, required_group=group, **_account(office))
    with watching.on():
        watching.full_reading(TURNED_ON)
        office.join(group, anna)
        watching.until((office.guid(anna), Hint.CHANGED))
        office.join(other, anna)
        office.leave(inner, bert)
        watching.until((office.guid(bert), Hint.CHANGED))
        office.leave(group, inner)
        watching.full_reading("A group came into or left a group that selects people.")


def test_a_controller_that_was_restored_from_a_backup_begins_anew(
    site: Collecting, own_samba: SambaDomain
) -> None:
    with own_samba.administrator() as connection:
        office = Office(own_samba, connection, "Own")
        unit = office.unit("Sales")
        watching = _watching(site, office, unit)
        with watching.on():
            watching.full_reading(TURNED_ON)
        before = watching.row()
    own_samba.stop()
    own_samba.give_another_invocation_id()
    own_samba.start()
    with watching.on():
        watching.full_reading(
            "Another domain controller is watched, or the last one was restored from a backup."
        )
        assert watching.row().invocation_id != before.invocation_id


def test_a_unit_that_is_gone_is_said_and_the_watch_goes_on_when_it_is_back(
    site: Collecting, office: Office, unit: str
) -> None:
    watching = _watching(site, office, f"OU=Missing,{office.root}")
    with watching.on():
        row = watching.row()
        assert (row.state, row.error_code) == (WatchState.FAILING, "unknown_base_dn")
        assert "OU=Missing" in (row.error_message or "")
    # Other settings are another order.
    with _watching(site, office, unit).on():
        wait_until("the watch", lambda: watching.row().state == WatchState.LIVE)
        assert watching.row().error_code is None


def test_a_controller_that_hangs_delays_no_other(site: Collecting, office: Office, unit: str) -> None:
    anna = office.hire(unit, "anna", "100")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # It takes connections, and never says a word.
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        hanging = office.settings([f"{unit}"]) | {"name": "hangs.example", "servers": [address]}
        hanging["units"] = [{"dn": "OU=Sales,DC=hangs,DC=example"}]
        site.configure(
            office.settings([unit]),
            directories={"others": [hanging]},
            schedule={"is_enabled": True, "live": True},
        )
        with _watcher(site.context):
            wait_until("live", _is_live(site.context))
            office.change(anna, telephoneNumber="200")
            wait_until("anna", lambda: _changed(site.context) == [office.guid(anna)])
            # Nor does it delay the end, which the block waits for.
            assert not _is_live(site.context, (SITE, "hangs.example"))()


@contextmanager
def _watcher(context: Context) -> Iterator[threading.Event]:
    ended = threading.Event()
    thread = threading.Thread(target=Watcher(context, ended, interval=0.05).run, daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        ended.set()
        thread.join(60)
        assert not thread.is_alive()


def _is_live(context: Context, key: tuple[str, str] = KEY) -> Callable[[], bool]:
    def _found() -> bool:
        with context.database.read() as session:
            row = session.get(WatchRow, key)
            return row is not None and row.state == WatchState.LIVE

    return _found


def test_a_site_is_watched_while_its_settings_say_so(site: Collecting, office: Office, unit: str) -> None:
    site.configure(office.settings([unit]), schedule={"is_enabled": True, "live": True})
    assert list(orders_of(SITE, site.settings())) == [KEY]
    with _watcher(site.context):
        wait_until("live", _is_live(site.context))
        # The first thing that is asked for: what was before can only be read.
        wait_until("a run", lambda: site.runs() == ["watch"])
        anna = office.hire(unit, "anna", "100")
        wait_until("anna", lambda: _changed(site.context) == [office.guid(anna)])
    for off in ({"is_enabled": False, "live": True}, {"is_enabled": True, "live": False}):
        site.configure(office.settings([unit]), schedule=off)
        assert orders_of(SITE, site.settings()) == {}


def _changed(context: Context) -> list[str]:
    with context.database.read() as session:
        return list(session.scalars(select(ChangeRow.guid)))
