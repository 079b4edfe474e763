"""What was sealed for one place is good there, for a while, and nowhere else."""

import base64
import json
import time

import pytest

from shared.encryption import Encryption, new_key
from shared.sealing import NotGenuine, seal, unseal

PLACE = ("answer", "relay_client.check_pin", "1")


@pytest.fixture(scope="module")
def keys() -> Encryption:
    return Encryption(new_key())


def test_a_value_comes_back_where_it_was_sealed_for(keys: Encryption) -> None:
    value = {"refused": "", "roles": ["Käse", 1, None]}
    assert unseal(keys, seal(keys, value, PLACE), PLACE, 30) == value


@pytest.mark.parametrize(
    "place",
    [
        ("question", "relay_client.check_pin", "1"),
        ("answer", "relay_client.look_up_extension", "1"),
        ("answer", "relay_client.check_pin", "2"),
        ("answer", "relay_client.check_pin"),
        ("answer", "relay_client.check_pin1", ""),
    ],
)
def test_what_was_sealed_for_another_place_is_not_genuine(keys: Encryption, place: tuple[str, ...]) -> None:
    with pytest.raises(NotGenuine, match="something else"):
        unseal(keys, seal(keys, "yes", place), PLACE, 30)


@pytest.mark.parametrize(
    "forged",
    [
        None, 1, {}, b"\xff\x00", "", "=", "A", "ä", json.dumps({"value": {"refused": ""}}), "gAAAA", "A" * 64,
        base64.b64encode(b"{}").decode(), "A" * (17 * 2**20),
    ],
    # The last one would be a name of 17 million characters, sent from process to process with every report.
    ids=lambda forged: str(forged)[:40],
)  # fmt: skip
def test_what_nobody_sealed_is_not_genuine(keys: Encryption, forged: object) -> None:
    with pytest.raises(NotGenuine):
        unseal(keys, forged, PLACE, 30)


def test_every_changed_bit_is_noticed(keys: Encryption) -> None:
    raw = base64.urlsafe_b64decode(seal(keys, "no", PLACE))
    for place in range(0, len(raw), 7):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(NotGenuine):
            unseal(keys, base64.urlsafe_b64encode(changed).decode(), PLACE, 30)


@pytest.mark.parametrize("hours", [-1, 1])
def test_what_is_old_or_of_the_future_is_not_genuine(
    keys: Encryption, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    sealed = seal(keys, "yes", PLACE)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + hours * 3600)
    with pytest.raises(NotGenuine, match="clocks"):
        unseal(keys, sealed, PLACE, 30)


def test_a_right_and_a_wrong_pin_are_sealed_alike(keys: Encryption) -> None:
    answers = [{"value": {"refused": said, "name": "Anna"}} for said in ("", "the PIN is wrong")]
    first, second = (seal(keys, answer, PLACE) for answer in answers)
    assert len(first) == len(second)
    assert first != seal(keys, answers[0], PLACE)


def test_another_key_is_not_enough_and_an_older_one_is_while_it_is_replaced(keys: Encryption) -> None:
    old = seal(keys, "yes", PLACE)
    newest = new_key()
    with pytest.raises(NotGenuine):
        unseal(Encryption(newest), old, PLACE, 30)
    assert unseal(Encryption(newest, *keys.keys), old, PLACE, 30) == "yes"


def test_a_key_derived_for_one_purpose_is_good_for_no_other(keys: Encryption) -> None:
    derived = keys.derived("one")
    assert derived == keys.derived("one")
    assert derived != keys.derived("another")
    assert len(derived[0]) == 32
