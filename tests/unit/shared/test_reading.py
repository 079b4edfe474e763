"""Whether one reading of the directory is at least as fresh as another: a table."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.memory import Memory
from shared.domain.reading import Freshness, Reading, all_cover, is_at_least_as_fresh, merged

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _read(invocation_id: str = A, usn: int | None = 100, **more: Any) -> Reading:
    return Reading(
        **{
            "controller": f"dc{invocation_id[:1]}.corp.example",
            "server": f"dc{invocation_id[:1]}:636",
            "service": f"CN=NTDS Settings,CN=DC{invocation_id[:1]}",
            "invocation_id": invocation_id,
            "usn": usn,
            "read_at": NOW,
        }
        | more
    )


def _nameless(server: str = "ldap:389", **more: Any) -> Reading:
    return _read("", None, controller="", service="", server=server, **more)


@pytest.mark.parametrize(
    ("reading", "remembered", "expected"),
    [
        pytest.param(_read(), _read(), Freshness.PROVEN, id="the same controller, nothing changed"),
        pytest.param(_read(usn=101), _read(), Freshness.PROVEN, id="the same controller, later"),
        pytest.param(_read(usn=99), _read(), Freshness.ROLLED_BACK, id="the same controller, set back"),
        pytest.param(
            _read(usn=104), _read(usn_after=105), Freshness.ROLLED_BACK, id="less than it may have shown"
        ),
        pytest.param(_read(usn=105), _read(usn_after=105), Freshness.PROVEN, id="all that it may have shown"),
        pytest.param(_read(usn=999), _read(is_suspect=True), Freshness.ROLLED_BACK, id="set back once, grown since"),
        pytest.param(_read(usn=None), _read(), Freshness.UNKNOWN, id="it does not say any more"),
        pytest.param(_read(), _read(usn=None), Freshness.PROVEN, id="it did not say then"),
        pytest.param(
            _read(service="cn=ntds settings,cn=dca", invocation_id=""), _read(), Freshness.PROVEN,
            id="the invocationId may not be read any more",
        ),
        pytest.param(_read(B, 999), _read(), Freshness.UNKNOWN, id="another one that says nothing of it"),
        pytest.param(_read(B, knows={A: 99}), _read(), Freshness.BEHIND, id="another one that lags"),
        pytest.param(_read(B, knows={A: 100}), _read(), Freshness.PROVEN, id="another one that has caught up"),
        pytest.param(
            _read(B, knows={A: 100}), _read(usn_after=101), Freshness.BEHIND, id="another one, one change short"
        ),
        pytest.param(_read(B, knows={C: 999}), _read(), Freshness.UNKNOWN, id="another one that knows a third"),
        pytest.param(
            _read(B, knows={A: 100}), _read(is_suspect=True), Freshness.PROVEN,
            id="another one that has what a controller lost",
        ),
        pytest.param(
            _read(B, service="CN=NTDS Settings,CN=DCa", knows={A: 80}), _read(), Freshness.BEHIND,
            id="the same host restored from an older backup",
        ),
        pytest.param(_nameless(), _nameless(), Freshness.PROVEN, id="a directory that shows none of it"),
        pytest.param(_nameless("b:389"), _nameless(), Freshness.UNKNOWN, id="another one that shows none of it"),
        pytest.param(_nameless(), _read(), Freshness.UNKNOWN, id="one that shows none of it after one that does"),
        pytest.param(_read(), _nameless(), Freshness.UNKNOWN, id="one that shows it after one that does not"),
        pytest.param(
            _read(B, knows={A: 100, "": 100}), _nameless(), Freshness.UNKNOWN, id="an empty name proves nothing"
        ),
    ],
)  # fmt: skip
def test_freshness(reading: Reading, remembered: Reading, expected: Freshness) -> None:
    assert is_at_least_as_fresh(reading, remembered) is expected


def test_a_mixed_reading_is_as_old_as_its_oldest_part() -> None:
    assert all_cover([_read(), _read(B, knows={A: 100})], [_read()]) is Freshness.PROVEN
    assert all_cover([_read(), _read(B, knows={A: 99})], [_read()]) is Freshness.BEHIND
    assert all_cover([_read(C, knows={A: 100})], [_read(), _read(B)]) is Freshness.UNKNOWN
    assert all_cover([_read()], []) is Freshness.PROVEN
    assert all_cover([], [_read()]) is Freshness.UNKNOWN


def test_the_parts_of_one_controller_surely_hold_the_least_and_perhaps_the_most() -> None:
    (both,) = merged([_read(usn=5, usn_after=9, knows={B: 3, C: 1}), _read(usn=7, usn_after=8, knows={B: 2})])
    assert (both.usn, both.usn_after, dict(both.knows)) == (5, 9, {B: 2})
    assert len(merged([_read(), _read(B)])) == 2
    (unsaid,) = merged([_read(usn=None), _read(usn=7)])
    assert (unsaid.usn, unsaid.usn_after) == (None, 7)


def test_a_reading_is_stored_with_named_fields_and_one_of_another_release_is_read() -> None:
    reading = _read(usn_after=120, knows={B: 7})
    assert Reading.from_document(reading.to_document()) == reading
    assert Reading.from_document({"server": "dc1:636", "new": 1}) == Reading(server="dc1:636")


@pytest.mark.parametrize(
    "name", ["dca", "DCA.corp.example", "dca:636", A, "dca.corp.example (dca:636)", " dca "]
)
def test_a_controller_is_named_as_people_name_it(name: str) -> None:
    assert _read().is_called(name)
    assert not _read(B).is_called(name)


@pytest.mark.parametrize("name", ["", "  ", "dc", "corp.example"])
def test_what_names_no_controller_names_none(name: str) -> None:
    assert not _read().is_called(name)
    assert not _nameless(server="").is_called(name)


def test_the_first_reading_of_all_counts() -> None:
    assert Memory().freshness_of((_read(),), "") is Freshness.PROVEN


def test_controllers_that_show_just_the_same_are_each_measure_enough() -> None:
    memory = Memory().accepting((_read(),), "x").accepting((_read(B),), "x")
    assert memory.servers == {"dca:636", "dcb:636"}
    assert memory.freshness_of((_read(usn=150),), "y") is Freshness.PROVEN
    assert memory.freshness_of((_read(B, usn=150),), "y") is Freshness.PROVEN
    assert memory.freshness_of((_read(C),), "y") is Freshness.UNKNOWN
    assert memory.freshness_of((_read(C),), "x") is Freshness.PROVEN
    # Whoever shows something new is the one measure from then on.
    after = memory.accepting((_read(B, usn=160),), "y")
    assert after.freshness_of((_read(usn=170),), "x") is Freshness.UNKNOWN


def test_an_unknown_content_is_never_the_same() -> None:
    memory = Memory().accepting((_read(),), "")
    assert memory.freshness_of((_read(B),), "") is Freshness.UNKNOWN


def test_a_forgotten_controller_is_no_measure_any_more() -> None:
    memory = Memory().accepting((_read(), _read(B)), "x")
    assert memory.without("dc9") is None
    without = memory.without("dca")
    assert without is not None
    assert without.last == (_read(B),)
    empty = without.without("dcb")
    assert empty is not None
    assert empty.freshness_of((_read(C),), "z") is Freshness.PROVEN
