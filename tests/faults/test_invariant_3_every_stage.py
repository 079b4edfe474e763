"""Invariant 3: a process killed at any instruction; after restart the run ends, every command took effect exactly
once, nothing is lost. Here the worker is killed in the middle of every stage.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api.settings.use_cases import pairing
from services.sandbox.relay_data.build import Mailbox
from shared.database.tables import RunState
from tests.faults.conftest import World, assert_in_step, settle
from tests.faults.deployment import Deployment
from tests.faults.reaper import Reaper
from tests.integration.relay.cluster import running_cluster
from tests.integration.relay.peer import ServedRelay, served
from tests.integration.relay.phones import Phones, make_phones
from tests.support.phone_system import changes_made, departments_of, fields_written, picture
from tests.support.site import SITE

pytestmark = pytest.mark.redis

TEMPLATE, ARCHIVE = "100", "104"
PEOPLE = ("anna", "ben", "carla", "dora", "emil")
LEAVER = "204"
# Where the relay freezes itself: before it changed anything, and when only its answer is missing.
FREEZES = {"hold_before": "stop@planned", "hold_after": "stop@cleaned"}


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Phones]:
    """The phone system's host, where the leaver-to-be has something."""
    with running_cluster() as cluster:
        staff = (Mailbox(LEAVER, "Dora", "", voicemails=3, recordings=4), Mailbox(ARCHIVE, "Archive", ""))
        yield make_phones(tmp_path, cluster.new_database(), staff)


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
def test_a_worker_killed_in_every_stage_loses_nothing_and_does_nothing_twice(
    processes: Deployment, world: World, phones: Phones, moment: str
) -> None:
    with served(phones, fault=FREEZES[moment]) as relay:
        _kill_in_every_stage(processes, world, phones, relay, moment)


def _kill_in_every_stage(
    processes: Deployment, world: World, phones: Phones, relay: ServedRelay, moment: str
) -> None:
    state = world.phone_system.state
    state.change_user(state.user_id_of(TEMPLATE), {"RecordCalls": True})
    state.calls.clear()
    units = [{"dn": unit, "template_extension": TEMPLATE} for unit in world.staff.units]
    processes.configure(
        world.sections(
            directory={"units": units},
            rules={"add_to_departments": True, "create_missing_departments": True},
            archive={"is_enabled": True, "extension": ARCHIVE},
            relay={"host": "127.0.0.1", "port": relay.port, "public_key": relay.public_key},
        )
    )
    processes.start_beat()
    reaper = Reaper(processes, world, moment, processes.start_worker)
    pairing.pair_relay(processes.context, SITE, relay.code, actor="test")
    _killed_while_departments_and_extensions_are_made(processes, world, reaper)
    # What was held takes effect now. Not after the deletions below, where a creation would be news and no repetition.
    made = changes_made(world.phone_system)
    reaper.release_all()
    assert changes_made(world.phone_system) == made

    world.staff.set_enabled("ben", False)
    settle(processes)
    before, audio = picture(world.phone_system), phones.account()
    _killed_while_changing_and_removing(processes, world, reaper, relay)

    # And so now, when everything is over: it must change nothing.
    reaper.release_all()
    assert reaper.killed == 8
    assert changes_made(world.phone_system) == {
        ("update_user", "201"): 1,
        ("update_user", "202"): 1,
        ("update_user", "203"): 1,
        ("update_user", LEAVER): 1,
        ("delete_user", LEAVER): 1,
    }
    assert phones.account().contents() == audio.contents()
    assert phones.account().of(ARCHIVE) == audio.of(LEAVER)
    # The answer of the one archive that there was: a second one would have found nothing.
    (said,) = processes.log("extension.deleted")
    assert "3 voicemails and 4 recordings (" in said
    dora = before.pop(LEAVER)
    assert dora["Enabled"] is True
    assert picture(world.phone_system) == before | {
        "201": before["201"] | {"Mobile": "+49301"},
        "202": before["202"] | {"Enabled": True},
        "203": before["203"] | {"Enabled": False},
    }
    assert_in_step(processes)


def _killed_while_departments_and_extensions_are_made(
    processes: Deployment, world: World, reaper: Reaper
) -> None:
    for place, login in enumerate(PEOPLE):
        world.staff.hire(login, str(201 + place), department="Sales")
    reaper.hold("POST", "^/Groups$")
    run_id = processes.start_run()
    processes.wait_for(run_id, {RunState.HELD})
    processes.approve(run_id)
    reaper.strike_at_request(then_hold=("POST", "^/Users$"))
    # A creation goes on in steps: settings, forwarding, departments.
    reaper.strike_at_request(then_hold=("PATCH", r"^/Users\(\d+\)$"))
    reaper.strike_at_request()
    run = processes.wait_for(run_id, {RunState.DONE, RunState.FAILED})
    assert run.state == RunState.DONE, processes.story()
    made = changes_made(world.phone_system)
    assert made["create_group", "Sales"] == 1
    for number in (str(201 + place) for place in range(len(PEOPLE))):
        assert made["create_user", number] == 1
        written = fields_written(world.phone_system, number)
        assert len(written) == len(set(written)), f"a field of {number} was written twice: {written}"
        assert departments_of(world.phone_system, number)[1] == "Sales"


def _killed_while_changing_and_removing(
    processes: Deployment, world: World, reaper: Reaper, relay: ServedRelay
) -> None:
    staff, state = world.staff, world.phone_system.state
    state.calls.clear()
    staff.change("anna", mobile="+49 30 1")
    staff.set_enabled("ben", True)
    staff.set_enabled("carla", False)
    staff.leave("dora")
    for number in ("201", "202", "203"):
        reaper.hold("PATCH", rf"^/Users\({state.user_id_of(number)}\)$")
    reaper.hold("DELETE", rf"^/Users\({state.user_id_of(LEAVER)}\)$")
    run_id = processes.start_run()
    for _stage in ("update", "enable", "disable"):
        reaper.strike_at_request()
    reaper.strike("a frozen relay", relay.process.has_stopped.is_set)
    relay.process.send_signal(signal.SIGCONT)
    reaper.strike_at_request()
    run = processes.wait_for(run_id, {RunState.DONE, RunState.FAILED})
    assert run.state == RunState.DONE, processes.story()
    assert {row.state for row in processes.commands(run_id)} == {"done"}
