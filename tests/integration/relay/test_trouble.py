"""What can go wrong on the host: nothing is lost, nothing is there twice, and the answer says what happened."""

import os
import signal
import time
from pathlib import Path

import pytest

from rollcall_relay.operations import Operations
from tests.integration.relay.cluster import Cluster
from tests.integration.relay.phones import ARCHIVE, LEAVER, Phones, make_phones
from tests.integration.relay.trouble import answer_of, fill, small_disk, without_roots_rights
from tests.support.forked import Process

_ARCHIVE = {"kind": "archive", "number": LEAVER, "to": ARCHIVE}


def _continue(process: Process) -> None:
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("point", ["planned", "staging", "staging:8", "staged", "placing:3", "placed"])
def test_a_file_that_changes_before_it_is_moved_stays_and_goes_the_next_time(
    phones: Phones, point: str
) -> None:
    before = phones.account()
    file = sorted((phones.voicemails / LEAVER).iterdir())[0]
    process = phones.start("archive-0001", f"stop@{point}", **_ARCHIVE)
    process.wait_until_stopped()
    with file.open("ab") as audio:
        audio.write(b"and one thing more")
    _continue(process)
    answer = answer_of(process)
    assert (answer["verified"], [problem["code"] for problem in answer["problems"]]) == (
        False,
        ["file_changing"],
    )
    assert answer["problems"][0]["item"] == file.name
    changed = phones.account()
    assert [name for name in changed.voicemails if name.startswith(f"{LEAVER}/")] == [f"{LEAVER}/{file.name}"]
    assert phones.operate("archive-0002", **_ARCHIVE)["verified"]
    assert phones.account().contents() == changed.contents()
    assert len(phones.account().contents() - before.contents()) == 1
    assert phones.account().audio_by_row() == changed.audio_by_row()


@pytest.mark.parametrize("point", ["in_doubt", "committed", "proven"])
def test_a_file_that_changes_after_its_row_moved_is_kept_in_both_versions(phones: Phones, point: str) -> None:
    before = phones.account()
    file = sorted((phones.voicemails / LEAVER).iterdir())[0]
    process = phones.start("archive-0001", f"stop@{point}", **_ARCHIVE)
    process.wait_until_stopped()
    with file.open("ab") as audio:
        audio.write(b"and one thing more")
    _continue(process)
    answer = answer_of(process)
    assert (answer["verified"], [problem["code"] for problem in answer["problems"]]) == (
        False,
        ["source_kept"],
    )
    assert phones.operate("archive-0002", **_ARCHIVE)["verified"]
    after = phones.account()
    assert before.contents() <= after.contents()
    assert after.contents().total() == before.contents().total() + 1
    assert after.audio_by_row() == before.audio_by_row()


def test_a_voicemail_that_comes_in_during_the_archive_withholds_verified(phones: Phones) -> None:
    process = phones.start("archive-0001", "stop@removing", **_ARCHIVE)
    process.wait_until_stopped()
    (phones.voicemails / LEAVER / "vmail_1_104_20261124120000.wav").write_bytes(b"please call back")
    _continue(process)
    answer = answer_of(process)
    assert (answer["state"], answer["verified"], answer["left_behind"]) == ("done", False, 1)
    assert phones.operate("archive-0002", **_ARCHIVE)["verified"]


def test_a_name_that_3cx_takes_in_the_meantime_is_not_overwritten(phones: Phones) -> None:
    before = phones.account()
    file = sorted((phones.recordings / LEAVER).iterdir())[0]
    process = phones.start("archive-0001", "stop@staged", **_ARCHIVE)
    process.wait_until_stopped()
    (phones.recordings / ARCHIVE).mkdir()
    (phones.recordings / ARCHIVE / file.name).write_bytes(b"another call")
    _continue(process)
    answer = answer_of(process)
    assert [problem["code"] for problem in answer["problems"]] == ["name_taken"]
    assert (phones.recordings / ARCHIVE / file.name).read_bytes() == b"another call"
    assert phones.operate("archive-0002", **_ARCHIVE)["verified"]
    assert phones.account().audio_by_row() == before.audio_by_row()


def test_a_voicemail_that_its_owner_moves_in_the_meantime_is_left_to_the_next_time(phones: Phones) -> None:
    before = phones.account()
    (name,) = phones.sql("SELECT min(__name) FROM s_voicemail WHERE callee = %s", LEAVER)[0]
    process = phones.start("archive-0001", "stop@committing", **_ARCHIVE)
    process.wait_until_stopped()
    phones.sql("UPDATE s_voicemail SET __name = __name || '_x' WHERE __name = %s", name)
    _continue(process)
    answer = answer_of(process)
    assert (answer["verified"], [problem["code"] for problem in answer["problems"]]) == (
        False,
        ["row_changed"],
    )
    assert phones.account().contents() == before.contents()
    assert phones.account().audio_by_row() == before.audio_by_row()
    assert phones.operate("archive-0002", **_ARCHIVE)["verified"]
    assert phones.account().audio_by_row() == before.audio_by_row()


@pytest.mark.parametrize(
    "place",
    [f"voicemails/{LEAVER}", f"recordings/{LEAVER}", "voicemails", f"recordings/{ARCHIVE}"],
)
def test_a_read_only_folder_fails_before_anything_changes(phones: Phones, place: str) -> None:
    kind, _, number = place.partition("/")
    folder = getattr(phones, kind) / number
    folder.mkdir(exist_ok=True)
    before = phones.account()
    folder.chmod(0o555)
    process = phones.start("archive-0001", prefix=without_roots_rights(), **_ARCHIVE)
    answer = answer_of(process)
    folder.chmod(0o755)
    assert (answer["state"], answer["code"]) == ("failed", "folder_not_writable")
    assert str(folder) in answer["message"]
    assert phones.account() == before


def test_a_folder_that_becomes_read_only_interrupts_and_nothing_is_there_twice_in_the_end(
    phones: Phones,
) -> None:
    before = phones.account()
    process = phones.start("archive-0001", "stop@removing:3", without_roots_rights(), **_ARCHIVE)
    process.wait_until_stopped()
    (phones.recordings / LEAVER).chmod(0o555)
    (phones.voicemails / LEAVER).chmod(0o555)
    _continue(process)
    answer = answer_of(process)
    (phones.recordings / LEAVER).chmod(0o755)
    (phones.voicemails / LEAVER).chmod(0o755)
    assert (answer["state"], answer["verified"]) == ("interrupted", False)
    # Asked for something new on that extension, the relay ends the old operation first.
    assert phones.operate("archive-0002", **_ARCHIVE)["verified"]
    assert phones.account().contents() == before.contents()
    assert phones.account().audio_by_row() == before.audio_by_row()


@pytest.mark.parametrize(
    ("kind", "point"),
    [("archive", "planned"), ("archive", "staging"), ("backup", "planned"), ("backup", "copying")],
)
def test_a_full_disk_ends_it_with_nothing_changed(
    cluster: Cluster, tmp_path: Path, kind: str, point: str
) -> None:
    with small_disk(tmp_path / "disk", 4) as folder:
        phones = make_phones(folder, cluster.cleared_database())
        before = phones.account()
        request = _ARCHIVE if kind == "archive" else {"kind": "backup", "number": LEAVER}
        process = phones.start("operation-1", f"stop@{point}", **request)
        process.wait_until_stopped()
        ballast = fill(folder, leave=64 * 1024)
        _continue(process)
        answer = answer_of(process)
        assert (answer["state"], answer["code"]) == ("failed", "disk_full")
        assert phones.account() == before
        assert not list(folder.rglob(".rollcall-relay"))
        assert not list(folder.glob("store/.incoming/*"))
        ballast.unlink()
        assert phones.operate("operation-2", **request)["verified"]
        assert phones.account().contents() == before.contents()


def test_the_reserve_of_the_disk_is_never_used(phones: Phones) -> None:
    before = phones.account()
    phones.set(reserve_mib=10**9)
    answer = phones.operate("archive-0001", **_ARCHIVE)
    assert (answer["state"], answer["code"]) == ("failed", "disk_full")
    assert phones.account() == before


def test_journals_are_forgotten_a_year_after_their_end_and_not_before(phones: Phones) -> None:
    phones.operate("older-one", kind="archive", number=LEAVER, to=ARCHIVE, voicemails=True, recordings=False)
    phones.operate("newer-one", kind="archive", number=LEAVER, to=ARCHIVE)
    ended = phones.folder / "state" / "operations" / "ended"
    never_begun = ended.parent / "open" / "only-asked.jsonl"
    with Operations(phones.settings) as operations:
        operations.accept("only-asked", _ARCHIVE)
    for path, days in (
        (ended / "older-one.jsonl", 366),
        (ended / "newer-one.jsonl", 364),
        (never_begun, 366),
    ):
        moment = time.time() - days * 24 * 60 * 60
        os.utime(path, (moment, moment))
    assert phones.operate("look-again", kind="verify", operation="newer-one")["verified"] is True
    assert {path.stem for path in ended.iterdir()} == {"newer-one", "look-again"}
    assert not never_begun.exists()
