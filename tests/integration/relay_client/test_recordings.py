"""Without a relay recordings are downloaded through XAPI, compared, and only then an extension may go."""

import json
from pathlib import Path

import pytest

from services.relay_client.archiving.archive import ArchiveRequest, RecordingsArchiver, archiver_of
from services.sandbox.phone_system import PhoneSystemOptions
from shared.domain.command import CommandKind, CommandState
from shared.errors import ArchiveNotVerified, InsufficientRights, RelayUnavailable, StorageUnavailable
from shared.settings import store
from shared.settings.documents import ArchiveSettings
from tests.integration.relay_client.conftest import Bench, change


@pytest.fixture
def options(release: str) -> PhoneSystemOptions:
    """An API client that may read recordings."""
    return PhoneSystemOptions(extensions=10, role="system_owners", release=release)


def _recorded(bench: Bench) -> str:
    """The number of an extension that has recordings."""
    return str(next(iter(bench.phone_system.state.recordings.values()))["FromDn"])


def _request(number: str, *, voicemails: bool = False) -> ArchiveRequest:
    return ArchiveRequest("op-1", 4, number, "Anna Berg", "", voicemails=voicemails)


def _count(bench: Bench, number: str) -> int:
    rows = bench.phone_system.state.recordings.values()
    return sum(number in (row["FromDn"], row["ToDn"]) for row in rows)


def test_every_recording_is_stored_with_a_manifest_and_read_again(bench: Bench, tmp_path: Path) -> None:
    number = _recorded(bench)
    with bench.xapi() as xapi:
        archiver = RecordingsArchiver(xapi, tmp_path / "store", accept_missing=False)
        receipt = archiver.archive(_request(number))
        assert receipt.is_verified
        assert receipt.items == _count(bench, number) > 0
        (folder,) = (tmp_path / "store").iterdir()
        manifest = json.loads((folder / "manifest.json").read_bytes())
        assert (manifest["number"], manifest["person"]) == (number, "Anna Berg")
        for item in manifest["items"]:
            assert (folder / item["file"]).read_bytes().startswith(b"RIFF")
        # Asked again, it reads what is there and downloads nothing.
        assert archiver.archive(_request(number)) == receipt
        (folder / manifest["items"][0]["file"]).write_bytes(b"RIFF, but another")
        with pytest.raises(ArchiveNotVerified, match="does not match the download"):
            archiver.archive(_request(number))


def test_voicemails_need_the_relay(bench: Bench, tmp_path: Path) -> None:
    with bench.xapi() as xapi, pytest.raises(RelayUnavailable, match="Configure the relay"):
        RecordingsArchiver(xapi, tmp_path, accept_missing=False).archive(_request("100", voicemails=True))


def test_a_store_that_cannot_be_written_leaves_nothing_behind(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with bench.xapi() as xapi, pytest.raises(StorageUnavailable, match="cannot be stored"):
        RecordingsArchiver(xapi, tmp_path / "store", accept_missing=False).archive(_request(_recorded(bench)))


def test_what_a_killed_worker_left_half_done_is_begun_again(bench: Bench, tmp_path: Path) -> None:
    number = _recorded(bench)
    half = tmp_path / f".{number}_op-1"
    half.mkdir()
    (half / "recording_1.wav").write_bytes(b"RI")
    with bench.xapi() as xapi:
        assert RecordingsArchiver(xapi, tmp_path, accept_missing=False).archive(_request(number)).is_verified
    assert not half.exists()


def test_a_run_without_a_relay_stores_recordings_and_then_deletes(bench: Bench) -> None:
    number = _recorded(bench)
    archive = ArchiveSettings(is_enabled=True, voicemails=False, recordings=True)
    with bench.context.database.begin() as session:
        store.write(session, "default", archive, actor="test", encryption=bench.context.encryption)
    bench.archiver = None
    gone = {"number": number, "enabled": False}
    wanted = {"archive": "", "voicemails": False, "recordings": True}
    rows = bench.execute(
        change(bench, CommandKind.DISABLE_EXTENSION, number, {"enabled": True}, {"enabled": False}),
        change(bench, CommandKind.ARCHIVE_EXTENSION, number, gone, wanted, requires=(1,)),
        change(bench, CommandKind.DELETE_EXTENSION, number, gone, {}, requires=(2,)),
    )
    assert [row.state for row in rows] == [CommandState.DONE] * 3
    (folder,) = (bench.context.settings.data / "recordings").iterdir()
    assert len(list(folder.glob("*.wav"))) == _count(bench, number)
    (said,) = [line for line in bench.log() if line.startswith("Deleted")]
    assert f") saved to {folder}." in said


@pytest.mark.parametrize("options", [PhoneSystemOptions(extensions=10, role="system_admins")])
def test_a_client_that_may_not_read_recordings_is_told_so(bench: Bench, tmp_path: Path) -> None:
    with bench.xapi() as xapi, pytest.raises(InsufficientRights):
        RecordingsArchiver(xapi, tmp_path, accept_missing=False).archive(_request("100"))


def test_a_site_archives_with_what_it_has(bench: Bench, tmp_path: Path) -> None:
    with bench.context.database.read() as session:
        site = store.read(session, "default", bench.context.encryption).settings
    only_recordings = site.model_copy(update={"archive": ArchiveSettings(is_enabled=True, voicemails=False)})
    with bench.xapi() as xapi:
        assert isinstance(archiver_of(only_recordings, xapi, tmp_path, 1, lambda: True), RecordingsArchiver)
        with pytest.raises(RelayUnavailable, match="no relay is configured"):
            archiver_of(site, xapi, tmp_path, 1, lambda: True).archive(_request("100"))
