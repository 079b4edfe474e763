"""A backup holds everything with whose it was and when; it can be proven again and given to any extension."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from rollcall_relay.store import Store
from tests.integration.relay.phones import ARCHIVE, COLLEAGUE, LEAVER, Phones

_BACKUP = {"kind": "backup", "number": LEAVER}


def _folder(phones: Phones, operation: str) -> Path:
    (folder,) = (phones.folder / "store").glob(f"*/*_{operation}")
    return folder


def test_a_backup_changes_nothing_and_says_whose_what_and_when(phones: Phones) -> None:
    before = phones.account()
    answer = phones.operate("backup-0001", **_BACKUP)
    assert phones.account() == before
    assert (answer["verified"], answer["voicemails"]["items"], answer["recordings"]["items"]) == (
        True,
        12,
        13,
    )
    folder = _folder(phones, "backup-0001")
    assert (folder.parent.name, folder.name) == (answer["folder"].split("/")[-2], f"{LEAVER}_backup-0001")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["number"], manifest["person"]) == (LEAVER, "Zoë O'Brien")
    voicemail, recording = manifest["items"][12 + 13 - 1], manifest["items"][0]
    assert {voicemail["kind"], recording["kind"]} == {"voicemails", "recordings"}
    assert recording["parties"]["from"] == LEAVER
    assert recording["time"].startswith("2026-03-02")
    assert voicemail["time"].startswith("20260302")
    assert voicemail["parties"]["to"] == LEAVER
    sums = {entry["sha256"] for entry in manifest["items"]}
    assert sums == set(before.of(LEAVER))


def test_a_restore_after_everything_was_lost_brings_all_of_it_back(phones: Phones) -> None:
    before = phones.account()
    phones.operate("backup-0001", **_BACKUP)
    phones.lose(LEAVER)
    answer = phones.operate("restore-0001", kind="restore", operation="backup-0001", to=LEAVER)
    after = phones.account()
    assert (answer["state"], answer["verified"]) == ("done", True)
    assert (after.voicemails, after.recordings) == (before.voicemails, before.recordings)
    assert after.recording_rows == before.recording_rows
    assert [row | {"key": 0} for row in sorted(after.voicemail_rows, key=lambda row: str(row["__name"]))] == [
        row | {"key": 0} for row in sorted(before.voicemail_rows, key=lambda row: str(row["__name"]))
    ]


def test_recordings_whose_rows_stayed_get_their_audio_back(phones: Phones) -> None:
    before = phones.account()
    phones.operate("backup-0001", **_BACKUP)
    for path in (phones.recordings / LEAVER).iterdir():
        path.unlink()
    phones.operate("restore-0001", kind="restore", operation="backup-0001", to=ARCHIVE, voicemails=False)
    after = phones.account()
    assert len(after.recording_rows) == len(before.recording_rows)
    assert after.audio_by_row() == before.audio_by_row()
    assert len([name for name in after.recordings if name.startswith(f"{ARCHIVE}/")]) == 13


def test_a_restore_beside_what_is_still_there_adds_and_overwrites_nothing(phones: Phones) -> None:
    before = phones.account()
    phones.operate("backup-0001", **_BACKUP)
    answer = phones.operate("restore-0001", kind="restore", operation="backup-0001", to=LEAVER)
    after = phones.account()
    assert answer["verified"]
    assert before.audio_by_row().items() <= after.audio_by_row().items()
    assert after.of(LEAVER) == before.of(LEAVER) + before.of(LEAVER)
    assert None not in after.audio_by_row().values()


def test_a_restore_twice_under_one_id_is_done_once(phones: Phones) -> None:
    phones.operate("backup-0001", **_BACKUP)
    for _ in range(2):
        phones.operate("restore-0001", kind="restore", operation="backup-0001", to=ARCHIVE)
    assert len([name for name in phones.account().voicemails if name.startswith(f"{ARCHIVE}/")]) == 12


def test_a_backup_with_a_byte_changed_is_not_verified_and_that_file_not_restored(phones: Phones) -> None:
    phones.operate("backup-0001", **_BACKUP)
    spoilt = sorted((_folder(phones, "backup-0001") / "voicemails").iterdir())[3]
    content = bytearray(spoilt.read_bytes())
    content[-1] ^= 1
    spoilt.write_bytes(content)
    verified = phones.operate("verify-0001", kind="verify", operation="backup-0001")
    assert (verified["verified"], [problem["item"] for problem in verified["problems"]]) == (
        False,
        [spoilt.name],
    )
    restored = phones.operate("restore-0001", kind="restore", operation="backup-0001", to=ARCHIVE)
    assert (restored["verified"], restored["voicemails"]["items"]) == (False, 11)
    assert restored["problems"][0]["code"] == "checksum_differs"


@pytest.mark.parametrize("becomes", ["../../../../outside.wav", "another.wav"])
def test_a_manifest_that_was_edited_is_not_trusted(phones: Phones, becomes: str) -> None:
    before = phones.account()
    phones.operate("backup-0001", **_BACKUP)
    manifest = _folder(phones, "backup-0001") / "manifest.json"
    text = manifest.read_text()
    file = json.loads(text)["items"][0]["file"]
    manifest.write_text(text.replace(json.dumps(file), json.dumps(becomes)))
    for operation, request in (
        ("verify-0001", {"kind": "verify", "operation": "backup-0001"}),
        ("restore-0001", {"kind": "restore", "operation": "backup-0001", "to": ARCHIVE}),
    ):
        answer = phones.operate(operation, **request)
        assert (answer["state"], answer["code"]) == ("failed", "manifest_invalid")
    assert phones.account() == before


def test_a_missing_file_is_in_the_manifest_with_its_row(phones: Phones) -> None:
    (url,) = phones.sql(
        "SELECT min(recording_url) FROM recordings WHERE recording_url LIKE %s", f"{LEAVER}/%"
    )[0]
    (phones.recordings / url).unlink()
    answer = phones.operate("backup-0001", **_BACKUP)
    assert (answer["verified"], answer["problems"][0]["code"]) == (False, "audio_missing")
    accepted = phones.operate("backup-0002", **_BACKUP, accept_missing=True)
    assert accepted["verified"]
    items = json.loads((_folder(phones, "backup-0002") / "manifest.json").read_text())["items"]
    assert [item["rows"][0]["recording_url"] for item in items if item["file"] is None] == [url]


def test_old_backups_go_when_a_new_one_is_made_and_young_ones_stay(phones: Phones) -> None:
    store = Store(phones.folder / "store")
    for age, operation in ((40, "backup-0001"), (3, "backup-0002")):
        phones.operate(operation, **_BACKUP)
        folder = _folder(phones, operation)
        day = folder.parent.with_name(
            (date.fromisoformat(folder.parent.name) - timedelta(days=age)).isoformat()
        )
        day.mkdir()
        folder.rename(day / folder.name)
    phones.operate("backup-0003", kind="backup", number=COLLEAGUE)
    assert {summary["archive"] for summary in store.summaries()} == {
        "backup-0001",
        "backup-0002",
        "backup-0003",
    }
    phones.set(retention_days=30)
    phones.operate("backup-0004", kind="backup", number=COLLEAGUE)
    assert {summary["archive"] for summary in store.summaries()} == {
        "backup-0002",
        "backup-0003",
        "backup-0004",
    }


def test_a_backup_beyond_the_quota_is_refused(phones: Phones) -> None:
    big = phones.voicemails / LEAVER / "big.wav"
    big.write_bytes(bytes(1024 * 1024))
    phones.set(quota_mib=1)
    answer = phones.operate("backup-0001", **_BACKUP)
    assert (answer["state"], answer["code"]) == ("failed", "quota_exceeded")
    big.unlink()
    assert phones.operate("backup-0002", **_BACKUP)["verified"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"kind": "verify", "operation": "never-made"}, "operation_unknown"),
        ({"kind": "restore", "operation": "never-made", "to": ARCHIVE}, "archive_unknown"),
        ({"kind": "verify", "operation": "inventory-1"}, "request_invalid"),
    ],
)
def test_what_is_not_there_is_said(phones: Phones, request_: dict[str, str], code: str) -> None:
    phones.operate("inventory-1", kind="inventory", number=LEAVER)
    answer = phones.operate("some-operation", **request_)
    assert (answer["state"], answer["code"]) == ("failed", code)
