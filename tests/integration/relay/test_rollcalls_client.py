"""Rollcall's side of the relay: it speaks to the right one only, survives lost answers, and believes proof alone."""

import json
from uuid import uuid4

import pytest

from services.relay_client.archiving.archive import ArchiveRequest, RelayArchiver
from services.relay_client.archiving.relay import HandedOn, Relay
from shared.errors import (
    AddressUnknown,
    RelayFailed,
    RelayKeyMismatch,
    RelayRefused,
    RelayUnavailable,
    SettingsInvalid,
)
from shared.settings.documents import ArchiveSettings, RelaySettings
from tests.integration.relay.peer import ServedRelay, served
from tests.integration.relay.phones import ARCHIVE, COLLEAGUE, LEAVER, Phones
from tests.support.relay import some_public_key

SIGNING_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER_KEY = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def _settings(relay: ServedRelay, **changes: object) -> RelaySettings:
    values = {
        "host": "127.0.0.1",
        "port": relay.port,
        "public_key": relay.public_key,
        "signing_key": SIGNING_KEY,
        "timeout_seconds": 5,
    }
    return RelaySettings.model_validate(values | changes)


@pytest.fixture
def client(relay: ServedRelay) -> Relay:
    """A client that the relay obeys."""
    paired = Relay(_settings(relay))
    paired.pair(relay.code)
    return paired


def _request(**changes: object) -> ArchiveRequest:
    values = {
        "operation": str(uuid4()),
        "extension_id": 4,
        "number": LEAVER,
        "person": "Zoë O'Brien",
        "to": ARCHIVE,
    }
    return ArchiveRequest(**(values | changes))  # type: ignore[arg-type]


def _archiver(client: Relay, **archive: object) -> RelayArchiver:
    settings = ArchiveSettings.model_validate({"is_enabled": True, "extension": ARCHIVE} | archive)
    return RelayArchiver(client, settings, 60)


def test_a_paired_client_learns_what_the_relay_found(client: Relay, phones: Phones) -> None:
    said = client.test()
    assert said["usable"] is True
    assert said["layout"]["recordings"] == str(phones.recordings)


def test_nothing_is_sent_to_a_relay_with_another_key(relay: ServedRelay, phones: Phones) -> None:
    stranger = Relay(_settings(relay, public_key=some_public_key()))
    with pytest.raises(RelayKeyMismatch, match="nothing was sent"):
        stranger.pair(relay.code)
    # The code was not used up, so it never left this side.
    Relay(_settings(relay)).pair(relay.code)


def test_who_is_not_paired_is_told_to_pair(relay: ServedRelay, client: Relay) -> None:
    with pytest.raises(RelayRefused, match="rollcall-relay pair"):
        Relay(_settings(relay, signing_key=OTHER_KEY)).test()
    with pytest.raises(RelayRefused, match="Rollcall is not paired"):
        Relay(_settings(relay, signing_key="")).test()


def test_a_code_is_good_once(relay: ServedRelay, client: Relay) -> None:
    with pytest.raises(RelayRefused, match="Each code works once"):
        Relay(_settings(relay, signing_key=OTHER_KEY)).pair(relay.code)
    assert client.test()["usable"] is True


def test_a_relay_that_is_not_there_is_named_with_what_to_check(relay: ServedRelay) -> None:
    relay.kill()
    with pytest.raises(RelayUnavailable, match=f"port {relay.port} is open"):
        Relay(_settings(relay)).test()
    with pytest.raises(AddressUnknown, match=r"relay\.host"):
        Relay(_settings(relay, host="no-such-host.invalid")).test()
    with pytest.raises(SettingsInvalid, match="host and public key"):
        Relay(_settings(relay, public_key=""))


def test_everything_goes_to_the_archive_and_the_receipt_says_what_and_where(
    client: Relay, phones: Phones
) -> None:
    before = phones.account()
    receipt = _archiver(client).archive(_request())
    after = phones.account()
    assert receipt.is_verified
    assert receipt.items == before.of(LEAVER).total() == 25
    assert receipt.summary.startswith("12 voicemails and 13 recordings (")
    assert receipt.summary.endswith(f") moved to extension {ARCHIVE}")
    assert after.of(ARCHIVE) == before.of(LEAVER)
    assert after.of(LEAVER).total() == 0
    assert after.contents() == before.contents()


def test_asked_again_with_the_same_operation_nothing_moves_twice(client: Relay, phones: Phones) -> None:
    request = _request()
    first = _archiver(client).archive(request)
    moved = phones.account()
    assert _archiver(client).archive(request) == first
    assert phones.account() == moved


def test_a_worker_that_ends_leaves_the_operation_to_the_next_one(client: Relay, phones: Phones) -> None:
    before, request = phones.account(), _request()
    # Wanted when it is asked, no longer when it is to be waited for.
    is_wanted = iter([True, False]).__next__
    with pytest.raises(HandedOn):
        RelayArchiver(client, ArchiveSettings(), 60, is_wanted).archive(request)
    receipt = _archiver(client).archive(request)
    assert receipt.is_verified
    assert receipt.items == before.of(LEAVER).total()
    assert phones.account().contents() == before.contents()


def test_only_the_kinds_that_are_asked_for_go(client: Relay, phones: Phones) -> None:
    before = phones.account()
    receipt = _archiver(client).archive(_request(voicemails=False))
    assert receipt.is_verified
    assert receipt.summary.startswith("13 recordings (")
    assert phones.account().voicemails == before.voicemails


def test_an_extension_that_has_nothing_is_verified_too(client: Relay) -> None:
    request = _request(number="777")
    assert _archiver(client).archive(request).is_verified


def test_a_backup_is_kept_where_that_is_wanted(client: Relay, phones: Phones) -> None:
    receipt = _archiver(client, keep_backup=True).archive(_request())
    assert receipt.is_verified
    assert "a backup is kept on the phone system's host" in receipt.summary
    (manifest,) = (phones.folder / "store").rglob("manifest.json")
    assert json.loads(manifest.read_bytes())["person"] == "Zoë O'Brien"


def test_without_the_archive_extension_nothing_is_changed(client: Relay, phones: Phones) -> None:
    before = phones.account()
    with pytest.raises(RelayFailed, match="555"):
        _archiver(client).archive(_request(to="555"))
    assert phones.account() == before


def test_audio_that_was_lost_before_withholds_the_proof_unless_that_is_accepted(
    client: Relay, phones: Phones
) -> None:
    lost = next((phones.voicemails / LEAVER).glob("*.wav"))
    lost.unlink()
    receipt = _archiver(client).archive(_request())
    assert not receipt.is_verified
    assert receipt.problems
    accepted = _archiver(client, accept_missing=True).archive(_request())
    assert accepted.is_verified


def test_a_relay_that_was_killed_and_started_again_goes_on_with_the_operation(
    client: Relay, relay: ServedRelay, phones: Phones
) -> None:
    before = phones.account()
    request = _request(number=COLLEAGUE)
    relay.kill()
    with pytest.raises(RelayUnavailable):
        RelayArchiver(client, ArchiveSettings(), 0.1).archive(request)
    assert phones.account() == before
    with served(phones) as again:
        back = Relay(_settings(again))
        assert _archiver(back).archive(request).is_verified
    assert phones.account().contents() == before.contents()
