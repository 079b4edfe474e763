"""The relay over the network: pair once, ask, wait, and be told; a restart in the middle loses nothing."""

from pathlib import Path

import pytest

from rollcall_relay.__main__ import main
from rollcall_relay.operations import Operations
from tests.integration.relay.peer import Peer, ServedRelay, paired, served
from tests.integration.relay.phones import ARCHIVE, COLLEAGUE, LEAVER, Phones


def test_a_leaver_is_counted_backed_up_archived_and_verified(phones: Phones, peer: Peer) -> None:
    before = phones.account()
    counted = peer.operate("inventory-1", kind="inventory", number=LEAVER)
    saved = peer.operate("backup-0001", kind="backup", number=LEAVER, person="Zoë O'Brien")
    moved = peer.operate("archive-0001", kind="archive", number=LEAVER, to=ARCHIVE)
    proven = peer.operate("verify-0001", kind="verify", operation="archive-0001")
    assert (saved["verified"], moved["verified"], proven["verified"]) == (True, True, True)
    assert counted["voicemails"] == saved["voicemails"] == moved["voicemails"]
    assert phones.account().of(ARCHIVE) == before.of(LEAVER)
    (backup,) = peer.request("GET", "/v1/backups").json()["backups"]
    assert (backup["archive"], backup["person"]) == ("backup-0001", "Zoë O'Brien")


def test_the_test_tells_what_an_administrator_wants_to_know(phones: Phones, peer: Peer) -> None:
    answer = peer.request("GET", "/v1/test").json()
    assert answer["usable"], answer["problems"]
    assert (answer["protocol"], answer["peer"]["name"]) == (1, "tests")
    assert answer["layout"]["voicemails"] == str(phones.voicemails)
    assert set(answer["free_bytes"]) == {"state", "store", "voicemails", "recordings"}


def test_the_same_operation_asked_for_many_times_is_done_once(phones: Phones, peer: Peer) -> None:
    request = {"kind": "restore", "operation": "backup-0001", "to": ARCHIVE}
    peer.operate("backup-0001", kind="backup", number=LEAVER)
    for _ in range(5):
        assert peer.request("PUT", "/v1/operations/restore-0001", request).status_code in {200, 202}
    assert peer.operate("restore-0001", **request)["verified"]
    assert len([name for name in phones.account().voicemails if name.startswith(f"{ARCHIVE}/")]) == 12


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code"),
    [
        ("PUT", "/v1/operations/archive-0001", {"kind": "archive", "number": "../104", "to": "900"}, 400,
         "request_invalid"),
        ("PUT", "/v1/operations/archive-0001", {"kind": "archive", "number": "104", "to": "104"}, 400,
         "request_invalid"),
        ("PUT", "/v1/operations/archive-0001", {"kind": "archive", "number": "104"}, 400, "request_invalid"),
        ("PUT", "/v1/operations/archive-0001", {"kind": "format", "number": "104"}, 400, "request_invalid"),
        ("PUT", "/v1/operations/archive-0001", [], 400, "request_invalid"),
        ("PUT", "/v1/operations/..%2F..%2Fetc", {"kind": "inventory", "number": "104"}, 404, "request_invalid"),
        ("PUT", "/v1/operations/%2e%2e", {"kind": "inventory", "number": "104"}, 400, "request_invalid"),
        ("PUT", "/v1/operations/known-0001", {"kind": "inventory", "number": "105"}, 409, "operation_conflict"),
        ("GET", "/v1/operations/never-asked", None, 404, "operation_unknown"),
        ("GET", "/v1/operations/known-0001?wait=x", None, 400, "request_invalid"),
        ("GET", "/v1/elsewhere", None, 404, "request_invalid"),
    ],
)  # fmt: skip
def test_what_the_peer_asks_wrongly_is_explained_and_changes_nothing(
    phones: Phones, peer: Peer, method: str, target: str, body: object, status: int, code: str
) -> None:
    peer.operate("known-0001", kind="inventory", number=LEAVER)
    before, files = phones.account(), _all_files(phones)
    response = peer.request(method, target, body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (phones.account(), _all_files(phones)) == (before, files)


def test_a_relay_that_was_killed_goes_on_by_itself_when_it_starts(phones: Phones) -> None:
    before = phones.account()
    with served(phones, fault="kill@removing:4") as relay, paired(relay) as peer:
        # It may be dead before it answers.
        peer.request(
            "PUT", "/v1/operations/archive-0001", {"kind": "archive", "number": LEAVER, "to": ARCHIVE}
        )
        relay.process.wait(60)
        key = peer.key
    with served(phones) as relay:
        assert relay.code == "", "it is still paired"
        peer = Peer(relay.port, relay.public_key)
        peer.key = key
        response = peer.request("GET", "/v1/operations/archive-0001?wait=20")
        peer.close()
    assert response.json()["verified"]
    assert phones.account().contents() == before.contents()
    assert phones.account().of(ARCHIVE) == before.of(LEAVER)


def test_what_was_asked_for_but_never_begun_waits_until_it_is_asked_for_again(phones: Phones) -> None:
    # The request of long ago must not take the voicemails of somebody who has come back since.
    request = {"kind": "archive", "number": LEAVER, "to": ARCHIVE}
    with Operations(phones.settings) as operations:
        operations.accept("archive-0001", request)
    before = phones.account()
    with served(phones) as relay, paired(relay) as peer:
        waited = peer.request("GET", "/v1/operations/archive-0001?wait=5").json()
        assert waited["state"] == "interrupted"
        # The relay has done nothing before it did this.
        peer.operate("inventory-1", kind="inventory", number=LEAVER)
        assert phones.account() == before
        assert peer.operate("archive-0001", **request)["verified"]
    assert phones.account().of(ARCHIVE) == before.of(LEAVER)


def test_a_second_relay_in_the_same_folder_is_refused(
    phones: Phones, relay: ServedRelay, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = str(phones.folder / "relay.toml")
    assert main(["--settings", settings, "serve"]) == 1
    assert "[relay_running]" in capsys.readouterr().err
    assert relay.process.poll() is None


def test_a_port_that_is_taken_is_said(
    phones: Phones, relay: ServedRelay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.toml"
    file.write_text(f'host = "127.0.0.1"\nport = {relay.port}\nstate_folder = "{tmp_path}/other"\n')
    assert main(["--settings", str(file), "serve"]) == 1
    assert f"port {relay.port} cannot be listened on" in capsys.readouterr().err


def test_two_operations_asked_for_at_once_are_both_done(phones: Phones, peer: Peer) -> None:
    before = phones.account()
    for number in (LEAVER, COLLEAGUE):
        body = {"kind": "archive", "number": number, "to": ARCHIVE}
        peer.request("PUT", f"/v1/operations/archive-{number}", body)
    for number in (LEAVER, COLLEAGUE):
        assert peer.operate(f"archive-{number}", kind="archive", number=number, to=ARCHIVE)["verified"]
    assert phones.account().of(ARCHIVE) == before.contents()


def _all_files(phones: Phones) -> set[str]:
    return {str(path) for path in phones.folder.rglob("*") if not path.name.startswith("nonces.sqlite3")}
