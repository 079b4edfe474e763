"""With a relay: a leaver on Samba AD is disabled, archived, verified and deleted, whatever dies in between."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api.connections.use_cases import questions
from services.api.runs.use_cases import runs
from services.api.settings.use_cases import pairing
from services.sandbox.phone_system import PhoneSystemOptions
from services.sandbox.relay_data.build import Mailbox
from shared.database.tables import RunState
from shared.domain.command import CommandState
from tests.integration.end_to_end.conftest import Ends
from tests.integration.relay.cluster import Cluster, running_cluster
from tests.integration.relay.peer import ServedRelay, served
from tests.integration.relay.phones import Phones, make_phones
from tests.support.phone_system import extension, picture
from tests.support.site import SITE, WAITING

pytestmark = pytest.mark.samba

ARCHIVE, LEAVER, NEW_NUMBER = "104", "201", "301"


@pytest.fixture
def options(release: str) -> PhoneSystemOptions:
    """Extensions 100 to 104, of which the last is the archive."""
    return PhoneSystemOptions(extensions=5, release=release)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The phone system's database server."""
    with running_cluster() as server:
        yield server


@pytest.fixture
def phones(cluster: Cluster, tmp_path: Path) -> Phones:
    """The phone system's host: the leaver has voicemails and recordings, the archive has none yet."""
    folder = tmp_path / "host"
    folder.mkdir()
    staff = (
        Mailbox(LEAVER, "Givenleaver", "Sn", voicemails=6, recordings=7),
        Mailbox(ARCHIVE, "Archive", ""),
        Mailbox(NEW_NUMBER, "Givenleaver", "Sn"),
    )
    return make_phones(folder, cluster.cleared_database(), staff)


@pytest.fixture
def relay(phones: Phones) -> Iterator[ServedRelay]:
    """The relay on that host."""
    with served(phones) as running:
        yield running


def _connect(ends: Ends, relay: ServedRelay) -> tuple[str, str]:
    """Both ends and the relay, in step; the unit and the leaver."""
    unit = ends.office.unit("Sales")
    leaver = ends.office.hire(unit, "leaver", LEAVER)
    ends.office.hire(unit, "stays", "202")
    _configure(ends, unit, relay)
    pairing.pair_relay(ends.site.context, SITE, relay.code, actor="test")
    ends.settle()
    return unit, leaver


def _configure(ends: Ends, unit: str, relay: ServedRelay, **archive: bool) -> None:
    ends.configure(
        [unit],
        archive={"is_enabled": True, "extension": ARCHIVE, **archive},
        relay={"host": "127.0.0.1", "port": relay.port, "public_key": relay.public_key, "timeout_seconds": 2},
    )


def test_a_leavers_voicemails_and_recordings_are_with_the_archive_when_the_extension_is_deleted(
    ends: Ends, phones: Phones, relay: ServedRelay
) -> None:
    _unit, leaver = _connect(ends, relay)
    assert questions.test_relay(ends.site.context, SITE)["is_usable"]
    before = phones.account()

    ends.office.delete(leaver)
    run = ends.site.complete()

    assert run.state == RunState.DONE, ends.site.story()
    assert ends.site.done(run.id) == [
        ("disable_extension", LEAVER),
        ("archive_extension", LEAVER),
        ("delete_extension", LEAVER),
    ]
    assert LEAVER not in picture(ends.phone_system)
    after = phones.account()
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert after.contents() == before.contents()
    assert {row["callee"] for row in after.voicemail_rows} == {ARCHIVE}
    (said,) = ends.site.log("extension.deleted")
    assert "6 voicemails and 7 recordings (" in said
    assert f"moved to extension {ARCHIVE}." in said
    ends.assert_in_step()


def test_an_undone_removal_brings_voicemails_and_recordings_back_from_the_backup(
    ends: Ends, phones: Phones, relay: ServedRelay
) -> None:
    unit, leaver = _connect(ends, relay)
    _configure(ends, unit, relay, keep_backup=True)
    ends.settle()
    before = phones.account()
    ends.office.delete(leaver)
    run = ends.site.complete()
    assert phones.account().of(ARCHIVE) == before.of(LEAVER)

    undo = runs.undo(ends.site.context, run.id, "test")
    ends.site.wait_for(undo.id, {RunState.PLANNED})
    ends.site.approve(undo.id)

    assert ends.site.finish(undo.id).state == RunState.DONE, ends.site.story()
    after = phones.account()
    assert after.of(LEAVER) == before.of(LEAVER)
    # What is in the archive stays there.
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert len([row for row in after.voicemail_rows if row["callee"] == LEAVER]) == 6


def test_a_relay_that_is_away_delays_the_deletion_until_the_next_run(
    ends: Ends, phones: Phones, relay: ServedRelay
) -> None:
    unit, leaver = _connect(ends, relay)
    before = phones.account()
    relay.kill()
    ends.office.delete(leaver)
    run = ends.site.complete()
    assert run.state == RunState.FAILED
    assert extension(ends.phone_system, LEAVER)["Enabled"] is False
    assert any("does not answer" in line for line in ends.site.log("command.failed"))

    with served(phones) as again:
        _configure(ends, unit, again)
        assert ends.site.complete().state == RunState.DONE, ends.site.story()
    assert LEAVER not in picture(ends.phone_system)
    assert phones.account().of(ARCHIVE) == before.of(LEAVER)
    ends.assert_in_step()


def test_a_relay_killed_in_the_middle_of_an_archive_finishes_it_when_it_is_back(
    ends: Ends, phones: Phones
) -> None:
    with served(phones, fault="kill@committed") as doomed:
        _unit, leaver = _connect(ends, doomed)
        before = phones.account()
        ends.office.delete(leaver)
        run_id = ends.site.start_run()
        if ends.site.wait_for(run_id, WAITING | {RunState.EXECUTING}).state in WAITING:
            ends.site.approve(run_id)
        assert doomed.process.wait(30) == -signal.SIGKILL
        with served(phones, port=doomed.port):
            run = ends.site.finish(run_id)
    assert run.state == RunState.DONE, ends.site.story()
    after = phones.account()
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert after.contents() == before.contents()
    assert LEAVER not in picture(ends.phone_system)
    (said,) = ends.site.log("extension.deleted")
    assert "6 voicemails and 7 recordings (" in said


def test_with_a_new_number_everything_goes_to_the_new_extension(
    ends: Ends, phones: Phones, relay: ServedRelay
) -> None:
    _unit, mover = _connect(ends, relay)
    before = phones.account()
    ends.office.change(mover, telephoneNumber=NEW_NUMBER)
    run = ends.site.complete()
    assert run.state == RunState.DONE, ends.site.story()
    assert phones.account().of(NEW_NUMBER) == before.of(LEAVER)
    assert phones.account().of(ARCHIVE).total() == 0
    (archiving,) = [row for row in ends.site.commands(run.id) if row.kind == "archive_extension"]
    assert archiving.state == CommandState.DONE
    assert archiving.after["archive"] == NEW_NUMBER
    ends.assert_in_step()
