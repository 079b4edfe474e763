"""Verify looks at the disk and the database again, and sees what changed after the archive was made."""

import pytest

from tests.integration.relay.phones import ARCHIVE, COLLEAGUE, LEAVER, Phones


@pytest.fixture
def archived(phones: Phones) -> Phones:
    """A host whose leaver was archived as ``archive-0001``."""
    assert phones.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)["verified"]
    return phones


def _verify(phones: Phones) -> tuple[bool, list[str]]:
    answer = phones.operate("verify-0001", kind="verify", operation="archive-0001")
    return answer["verified"], [problem["code"] for problem in answer["problems"]]


def test_an_archive_as_it_was_left_is_verified(archived: Phones) -> None:
    assert _verify(archived) == (True, [])


def test_a_byte_that_changed_is_seen(archived: Phones) -> None:
    file = next((archived.recordings / ARCHIVE).iterdir())
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    assert _verify(archived) == (False, ["checksum_differs"])


def test_a_file_that_is_gone_is_seen(archived: Phones) -> None:
    next((archived.voicemails / ARCHIVE).iterdir()).unlink()
    assert _verify(archived) == (False, ["file_missing"])


def test_a_row_that_is_gone_is_seen(archived: Phones) -> None:
    archived.sql(
        "DELETE FROM s_voicemail WHERE key = (SELECT min(key) FROM s_voicemail WHERE callee = %s)", ARCHIVE
    )
    assert _verify(archived) == (False, ["row_missing"])


def test_a_voicemail_that_came_in_after_the_archive_is_seen(archived: Phones) -> None:
    (archived.voicemails / LEAVER / "vmail_1_104_20261124120000.wav").write_bytes(b"please call back")
    assert _verify(archived) == (False, ["left_behind"])


def test_an_inventory_counts_every_byte_once(phones: Phones) -> None:
    leaver, colleague = (
        phones.operate(f"inventory-{number}", kind="inventory", number=number)
        for number in (LEAVER, COLLEAGUE)
    )
    files = list((phones.voicemails / LEAVER).iterdir())
    assert leaver["voicemails"]["items"] == leaver["voicemails"]["rows"] == 12
    assert leaver["voicemails"]["bytes"] == sum(file.stat().st_size for file in files)
    assert leaver["voicemails"]["sha256"] != colleague["voicemails"]["sha256"]
    nobody = phones.operate("inventory-none", kind="inventory", number="777")
    assert (nobody["voicemails"]["items"], nobody["recordings"]["items"], nobody["problems"]) == (0, 0, [])
