"""Everything a leaver has goes to the archive extension: every byte, every row, and nobody else's."""

import os
from pathlib import Path

import pytest

from rollcall_relay.changes import Kind
from services.sandbox.relay_data.build import Mailbox
from tests.integration.relay.cluster import Cluster
from tests.integration.relay.phones import ARCHIVE, COLLEAGUE, LEAVER, Phones, make_phones


def _codes(answer: dict[str, object]) -> list[str]:
    problems = answer["problems"]
    assert isinstance(problems, list)
    return sorted(problem["code"] for problem in problems)


def test_everything_is_moved_and_every_byte_accounted_for(phones: Phones) -> None:
    before = phones.account()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    after = phones.account()
    assert (answer["state"], answer["verified"], answer["problems"]) == ("done", True, [])
    assert (answer["voicemails"]["items"], answer["recordings"]["items"]) == (12, 13)
    assert after.of(LEAVER) == {}
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert after.of(COLLEAGUE) == before.of(COLLEAGUE)
    assert after.audio_by_row() == before.audio_by_row()
    assert not list(phones.folder.rglob(".rollcall-relay"))


def test_only_the_columns_that_say_whose_it_is_change(phones: Phones) -> None:
    before = phones.account()
    participants = phones.sql("SELECT * FROM cl_participants ORDER BY id")
    phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    after = phones.account()
    owner = {"__name", "wav_file", "callee", "recording_url"}
    for old, new in zip(before.voicemail_rows + before.recording_rows,
                        after.voicemail_rows + after.recording_rows, strict=True):  # fmt: skip
        assert {key: old[key] for key in old.keys() - owner} == {key: new[key] for key in new.keys() - owner}
    moved = [row for row in after.voicemail_rows if row["callee"] == ARCHIVE]
    assert len(moved) == 12
    assert all(row["__name"] == f"{ARCHIVE}/{row['wav_file']}" for row in moved)
    assert phones.sql("SELECT * FROM cl_participants ORDER BY id") == participants


def test_owner_mode_and_times_of_files_are_kept(phones: Phones) -> None:
    file = next((phones.voicemails / LEAVER).iterdir())
    file.chmod(0o640)
    status = file.stat()
    phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    moved = (phones.voicemails / ARCHIVE / file.name).stat()
    assert (moved.st_mode, moved.st_uid, moved.st_mtime_ns) == (
        status.st_mode,
        status.st_uid,
        status.st_mtime_ns,
    )


def test_archiving_twice_moves_nothing_and_is_verified(phones: Phones) -> None:
    phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    after = phones.account()
    again = phones.operate("archive-0002", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (again["verified"], again["voicemails"]["items"], again["recordings"]["items"]) == (True, 0, 0)
    assert phones.account() == after


def test_the_same_id_gives_the_first_answer_and_does_nothing(phones: Phones) -> None:
    first = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    (phones.voicemails / LEAVER / "late.wav").write_bytes(b"late")
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE) == first
    assert (phones.voicemails / LEAVER / "late.wav").exists()


@pytest.mark.parametrize(("chosen", "left"), [("voicemails", "recordings"), ("recordings", "voicemails")])
def test_only_what_is_ticked_is_moved(phones: Phones, chosen: str, left: str) -> None:
    before = phones.account()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE, **{left: False})
    after = phones.account()
    assert answer["verified"]
    assert left not in answer
    assert getattr(after, left) == getattr(before, left)
    assert not [name for name in getattr(after, chosen) if name.startswith(f"{LEAVER}/")]


def test_a_name_that_the_archive_has_already_is_given_a_number_and_nothing_is_overwritten(
    phones: Phones,
) -> None:
    voicemail = next((phones.voicemails / LEAVER).iterdir())
    recording = next((phones.recordings / LEAVER).iterdir())
    for folder, name in ((phones.voicemails, voicemail.name), (phones.recordings, recording.name)):
        (folder / ARCHIVE).mkdir()
        (folder / ARCHIVE / name).write_bytes(b"an earlier leaver's")
    before = phones.account()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    after = phones.account()
    assert answer["verified"]
    assert after.contents() == before.contents()
    assert after.audio_by_row() == before.audio_by_row()
    assert (phones.voicemails / ARCHIVE / f"{voicemail.stem}_2.wav").exists()


def test_a_name_that_only_a_row_of_the_archive_has_is_not_given_twice(phones: Phones) -> None:
    (name,) = phones.sql("SELECT __name FROM s_voicemail WHERE callee = %s LIMIT 1", LEAVER)[0]
    taken = f"{ARCHIVE}/{name.removeprefix(LEAVER + '/')}"
    phones.sql("INSERT INTO s_voicemail (__name, wav_file, callee) VALUES (%s, 'gone', %s)", taken, ARCHIVE)
    before = phones.account()
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)["verified"]
    assert phones.account().audio_by_row() == before.audio_by_row()


def test_a_file_without_a_row_goes_along_whatever_its_name(phones: Phones) -> None:
    folder = phones.voicemails / LEAVER
    names = [
        b"orphan.wav",
        b"not \xff utf-8.wav",
        b"line\nbreak.wav",
        b".hidden",
        "umläut [x] 'q'.mp3".encode(),
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "x.wav").write_bytes(b"deep")
    before = phones.account()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    after = phones.account()
    assert answer["verified"], answer
    assert after.of(ARCHIVE) == before.of(LEAVER)


def test_a_row_without_audio_is_named_and_withholds_verified(phones: Phones) -> None:
    (name,) = phones.sql("SELECT __name FROM s_voicemail WHERE callee = %s LIMIT 1", LEAVER)[0]
    (phones.voicemails / f"{name}.wav").unlink()
    before = phones.account()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["verified"], _codes(answer)) == (False, ["audio_missing"])
    assert answer["problems"][0]["item"] == name
    assert phones.account().of(ARCHIVE) == before.of(LEAVER)
    assert phones.sql("SELECT __name FROM s_voicemail WHERE callee = %s", LEAVER) == [(name,)]
    accepted = phones.operate("archive-0002", kind="archive", number=LEAVER, to=ARCHIVE, accept_missing=True)
    assert (accepted["verified"], _codes(accepted)) == (True, ["audio_missing"])
    assert phones.sql("SELECT __name FROM s_voicemail WHERE callee = %s", LEAVER) == []


def test_a_voicemail_in_the_bin_needs_no_audio(phones: Phones) -> None:
    (name,) = phones.sql("SELECT __name FROM s_voicemail WHERE callee = %s LIMIT 1", LEAVER)[0]
    (phones.voicemails / f"{name}.wav").unlink()
    phones.sql("UPDATE s_voicemail SET removed = '1' WHERE __name = %s", name)
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)["verified"]
    assert phones.sql("SELECT count(*) FROM s_voicemail WHERE callee = %s", ARCHIVE) == [(12,)]


def test_a_recording_in_the_remote_archive_is_left_to_3cx(phones: Phones) -> None:
    (url,) = phones.sql(
        "SELECT recording_url FROM recordings WHERE recording_url LIKE %s LIMIT 1", f"{LEAVER}/%"
    )[0]
    (phones.recordings / url).unlink()
    phones.sql("UPDATE recordings SET archived = true WHERE recording_url = %s", url)
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["verified"], answer["recordings"]["items"]) == (True, 12)
    assert phones.sql("SELECT count(*) FROM recordings WHERE recording_url = %s", url) == [(1,)]


def test_a_voicemail_whose_owner_is_unclear_is_left_alone_and_named(phones: Phones) -> None:
    phones.sql("UPDATE s_voicemail SET callee = %s WHERE __name = (SELECT min(__name) FROM s_voicemail "
               "WHERE callee = %s)", LEAVER, COLLEAGUE)  # fmt: skip
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["verified"], _codes(answer)) == (False, ["owner_unclear"])
    assert answer["voicemails"]["items"] == 12


def test_a_link_is_not_followed_and_withholds_verified(phones: Phones) -> None:
    secret = phones.folder / "secret"
    secret.write_text("not audio")
    (phones.voicemails / LEAVER / "link.wav").symlink_to(secret)
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["verified"], _codes(answer)) == (False, ["not_a_file"])
    assert secret.read_text() == "not audio"
    assert (phones.voicemails / LEAVER / "link.wav").is_symlink()


def test_an_archive_folder_that_is_a_link_is_refused_before_anything_changes(phones: Phones) -> None:
    (phones.folder / "elsewhere").mkdir()
    (phones.voicemails / ARCHIVE).symlink_to(phones.folder / "elsewhere")
    before = phones.account()
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    assert (answer["state"], answer["code"]) == ("failed", "folder_not_writable")
    assert phones.account() == before
    assert not list((phones.folder / "elsewhere").iterdir())


def test_an_archive_extension_that_cannot_take_it_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    staff = (Mailbox(LEAVER, "Anna", "Berg", 2, 2), Mailbox(ARCHIVE, "Archive", "", is_voicemail_on=False))
    phones = make_phones(tmp_path, cluster.cleared_database(), staff)
    before = phones.account()
    for to, code in (("901", "target_missing"), (ARCHIVE, "target_voicemail_off")):
        answer = phones.operate(f"archive-to-{to}", kind="archive", number=LEAVER, to=to)
        assert (answer["state"], answer["code"]) == ("failed", code)
    assert phones.account() == before
    only = phones.operate("recordings-only", kind="archive", number=LEAVER, to=ARCHIVE, voicemails=False)
    assert only["verified"]


def test_two_thousand_items_are_moved_and_verified_again(cluster: Cluster, tmp_path: Path) -> None:
    staff = (Mailbox(LEAVER, "Anna", "Berg", 1000, 1000), Mailbox(ARCHIVE, "Archive", ""))
    phones = make_phones(tmp_path, cluster.cleared_database(), staff)
    before = phones.account()
    inventory = phones.operate("inventory-1", kind="inventory", number=LEAVER)
    answer = phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    verified = phones.operate("verify-0001", kind="verify", operation="archive-0001")
    after = phones.account()
    assert answer["verified"]
    assert (verified["verified"], verified["items"]) == (True, 2000)
    assert {kind: answer[kind] for kind in Kind} == {kind: inventory[kind] for kind in Kind}
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert after.of(LEAVER) == {}
    assert after.audio_by_row() == before.audio_by_row()
