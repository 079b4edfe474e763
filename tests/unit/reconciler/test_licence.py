"""Whether the licence has room for what a plan creates."""

import pytest

from services.reconciler.licence import licence_finding
from shared.domain.command import Command, CommandKind
from shared.domain.extension import PhoneSystemSnapshot
from tests.builders.domain import make_person, make_phone_system
from tests.unit.reconciler.scenario import codes, plan_of


def _finding(used: int, most: int | None, *kinds: tuple[str, int]) -> str | None:
    commands = [
        Command(sequence, CommandKind(f"{kind}_extension"), "", wave=wave)
        for sequence, (kind, wave) in enumerate(kinds, start=1)
    ]
    found = licence_finding(commands, PhoneSystemSnapshot(used_extensions=used, max_extensions=most))
    return found.message if found else None


@pytest.mark.parametrize(
    ("used", "most", "kinds", "without_room"),
    [
        (8, 10, [("create", 0)] * 2, 0),
        (8, 10, [("create", 0)] * 3, 1),
        (10, 10, [("create", 0)] * 3, 3),
        (8, None, [("create", 0)] * 99, 0),
        (10, 10, [("renumber", 0), ("delete", 0)], 1),
        (9, 10, [("renumber", 0), ("delete", 0)], 0),
        (10, 10, [("delete", 0), ("create", 1)], 0),
        (10, 10, [("delete", 0), ("create", 0)], 1),
        (10, 10, [("delete", 0), ("create", 1), ("create", 1)], 1),
        (12, 10, [("delete", 0), ("disable", 0), ("update", 0)], 0),
        (12, 10, [("delete", 0), ("create", 1)], 1),
    ],
    ids=[
        "just fits", "one too many", "full", "unlimited", "a new number needs room for a moment", "and has it",
        "freed a wave before", "freed too late", "only one is freed", "over the limit, but nothing is added",
        "over the limit, and freed",
    ],
)  # fmt: skip
def test_room_is_counted_wave_by_wave(
    used: int, most: int | None, kinds: list[tuple[str, int]], without_room: int
) -> None:
    message = _finding(used, most, *kinds)
    added = sum(kind in ("create", "renumber") for kind, _ in kinds)
    if not without_room:
        assert message is None
    else:
        assert message == (
            f"The licence allows {most} extensions and {used} are in use: {without_room} of {added} new ones will "
            "not fit. Enlarge the licence or free extensions."
        )


def test_a_plan_beyond_the_licence_says_so_and_is_still_made() -> None:
    phone_system = make_phone_system(used_extensions=9, max_extensions=10)
    plan = plan_of([make_person(1), make_person(2)], phone_system)
    assert (plan.counts, codes(plan)) == ({"create_extension": 2}, ["licence_full"])
