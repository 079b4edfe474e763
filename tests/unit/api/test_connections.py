"""Which connection is closed when there are too many: the one that was silent longest, never one at work."""

from dataclasses import dataclass

import pytest

from services.api.web.addresses import is_one_of, subject_of, trusted_proxies
from services.api.web.connections import Connections
from shared.errors import SettingsInvalid


@dataclass(eq=False)
class _Line:
    address: str
    is_ended: bool = False

    def end(self) -> None:
        """As the protocol does."""
        self.is_ended = True


def _lines(connections: Connections, address: str, many: int) -> list[_Line]:
    made = [_Line(address) for _ in range(many)]
    for line in made:
        assert connections.enter(line, 0)
    return made


def test_the_one_that_was_silent_longest_gives_way_to_the_next_of_its_address() -> None:
    connections = Connections([], most=100, most_of_an_address=3)
    first, second, third = _lines(connections, "192.0.2.1", 3)
    others = _lines(connections, "192.0.2.2", 3)
    connections.note_work(first)
    connections.note_idle(first)
    _lines(connections, "192.0.2.1", 1)
    assert [line.is_ended for line in (first, second, third)] == [False, True, False]
    assert not any(line.is_ended for line in others)


def test_one_at_work_is_never_closed_for_another() -> None:
    connections = Connections([], most=100, most_of_an_address=2)
    lines = _lines(connections, "192.0.2.1", 2)
    for line in lines:
        connections.note_work(line)
    assert not connections.enter(_Line("192.0.2.1"), 0)
    assert not any(line.is_ended for line in lines)
    connections.leave(lines[0])
    connections.leave(lines[0])
    assert connections.enter(_Line("192.0.2.1"), 0)


def test_there_is_a_most_for_all_addresses_together_and_for_the_proxy_too() -> None:
    connections = Connections(["10.0.0.0/8"], most=4, most_of_an_address=2)
    lines = _lines(connections, "10.0.0.1", 4)
    _lines(connections, "192.0.2.7", 1)
    assert [line.is_ended for line in lines] == [True, False, False, False]


def test_whoever_has_many_addresses_of_one_network_counts_once() -> None:
    assert subject_of("2001:db8::1") == subject_of("2001:db8::ffff:2") != subject_of("2001:db8:0:1::1")
    assert subject_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert subject_of("no address" * 20) == ("no address" * 20)[:64]


@pytest.mark.parametrize("given", ["*", "proxy.example", "10.0.0.0/33", "127.0.0.1,,x"])
def test_a_proxy_that_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(SettingsInvalid, match="FORWARDED_ALLOW_IPS"):
        trusted_proxies({"FORWARDED_ALLOW_IPS": given})


def test_nobody_is_a_proxy_by_default() -> None:
    assert trusted_proxies({}) == trusted_proxies({"FORWARDED_ALLOW_IPS": " "}) == []
    assert is_one_of("10.1.2.3", trusted_proxies({"FORWARDED_ALLOW_IPS": "127.0.0.1, 10.0.0.0/8"}))
    assert is_one_of("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert not is_one_of("::ffff:11.1.2.3", ["10.0.0.0/8"])
    assert not is_one_of("unix:", ["127.0.0.1"])
