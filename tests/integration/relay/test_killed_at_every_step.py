"""``kill -9`` at every step: asked for again, the operation ends as if nothing had happened, every byte and row once."""

import signal
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rollcall_relay.faults import BACKUP_POINTS, TRANSFER_POINTS
from tests.integration.relay.phones import ARCHIVE, COLLEAGUE, LEAVER, Phones

_IN_THE_MIDDLE = ("staging:5", "placing:5", "removing:5", "removing:25")


def _killed(phones: Phones, operation: str, point: str, /, **request: str) -> None:
    process = phones.start(operation, f"kill@{point}", **request)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors


@pytest.mark.parametrize("point", [*TRANSFER_POINTS, *_IN_THE_MIDDLE])
def test_an_archive_goes_on_and_every_byte_is_there_once(phones: Phones, point: str) -> None:
    before = phones.account()
    _killed(phones, "archive-0001", point, kind="archive", number=LEAVER, to=ARCHIVE)
    half = phones.account()
    # Half-made copies may lie about, but nothing is gone.
    assert before.contents().keys() <= half.contents().keys()
    # Never does a row lead nowhere, not even in the middle.
    assert half.audio_by_row() == before.audio_by_row()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    after = phones.account()
    assert (answer["state"], answer["verified"], answer["problems"]) == ("done", True, [])
    assert (answer["voicemails"]["items"], answer["recordings"]["items"]) == (12, 13)
    assert after.contents() == before.contents()
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert after.audio_by_row() == before.audio_by_row()
    assert not list(phones.folder.rglob(".rollcall-relay"))


@pytest.mark.parametrize("points", [("staging:3", "placing:4", "in_transaction", "removing:6", "removed")])
def test_an_archive_killed_again_and_again_ends_all_the_same(phones: Phones, points: Sequence[str]) -> None:
    before = phones.account()
    for point in points:
        _killed(phones, "archive-0001", point, kind="archive", number=LEAVER, to=ARCHIVE)
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)["verified"]
    assert phones.account().contents() == before.contents()
    assert phones.account().audio_by_row() == before.audio_by_row()


@pytest.mark.parametrize("point", ["placed", "committed", "removing:5"])
def test_another_operation_on_the_same_extension_ends_the_interrupted_one_first(
    phones: Phones, point: str
) -> None:
    before = phones.account()
    _killed(phones, "archive-0001", point, kind="archive", number=LEAVER, to=ARCHIVE)
    answer = phones.operate("archive-0002", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["verified"], answer["voicemails"]["items"]) == (True, 0)
    assert phones.account().contents() == before.contents()
    assert phones.operate("verify-0001", kind="verify", operation="archive-0001")["items"] == 25


def test_two_leavers_half_archived_to_one_extension_do_not_disturb_each_other(phones: Phones) -> None:
    before = phones.account()
    _killed(phones, "archive-0001", "staged", kind="archive", number=LEAVER, to=ARCHIVE)
    _killed(phones, "archive-0002", "placed", kind="archive", number=COLLEAGUE, to=ARCHIVE)
    for operation, number in (("archive-0001", LEAVER), ("archive-0002", COLLEAGUE)):
        assert phones.operate(operation, kind="archive", number=number, to=ARCHIVE)["verified"]
    after = phones.account()
    assert after.of(ARCHIVE) == before.contents()
    assert after.audio_by_row() == before.audio_by_row()


@pytest.mark.parametrize("point", [*BACKUP_POINTS, "copying:5"])
def test_a_backup_is_there_whole_or_not_at_all(phones: Phones, point: str) -> None:
    before = phones.account()
    _killed(phones, "backup-0001", point, kind="backup", number=LEAVER)
    answer = phones.operate("backup-0001", kind="backup", number=LEAVER)
    assert answer["verified"]
    verified = phones.operate("verify-0001", kind="verify", operation="backup-0001")
    assert (verified["verified"], verified["items"]) == (True, 25)
    assert phones.account() == before
    store = phones.folder / "store"
    assert sorted(path.name for path in store.glob("*/*")) == [f"{LEAVER}_backup-0001"]


@pytest.mark.parametrize("point", [point for point in TRANSFER_POINTS if point != "removing"])
def test_a_restore_goes_on_and_every_byte_is_there_once(phones: Phones, point: str) -> None:
    before = phones.account()
    phones.operate("backup-0001", kind="backup", number=LEAVER)
    phones.lose(LEAVER)
    _killed(phones, "restore-0001", point, kind="restore", operation="backup-0001", to=ARCHIVE)
    answer = phones.operate("restore-0001", kind="restore", operation="backup-0001", to=ARCHIVE)
    after = phones.account()
    assert (answer["state"], answer["verified"], answer["problems"]) == ("done", True, [])
    assert after.contents() == before.contents()
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert sorted(map(str, after.audio_by_row().values())) == sorted(map(str, before.audio_by_row().values()))
    kept = phones.operate("verify-0001", kind="verify", operation="backup-0001")
    assert kept["verified"]


def test_a_line_of_the_journal_that_was_cut_off_counts_as_not_written(phones: Phones) -> None:
    before = phones.account()
    _killed(phones, "archive-0001", "placed", kind="archive", number=LEAVER, to=ARCHIVE)
    (journal,) = (phones.folder / "state" / "operations" / "open").iterdir()
    content = journal.read_bytes()
    journal.write_bytes(content[:-10])
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)["verified"]
    assert phones.account().contents() == before.contents()


def test_a_database_that_is_away_interrupts_and_changes_nothing(phones: Phones) -> None:
    before = phones.account()
    settings = phones.settings
    _killed(phones, "archive-0001", "placed", kind="archive", number=LEAVER, to=ARCHIVE)
    phones.settings = replace(settings, database=f"host={phones.folder} user=nobody dbname=none")
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["state"], answer["code"]) == ("interrupted", "database_unavailable")
    phones.settings = settings
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)["verified"]
    assert phones.account().contents() == before.contents()
