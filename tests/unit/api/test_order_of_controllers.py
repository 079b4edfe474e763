"""How the doctor names the controllers of a directory: in their order, with health and lag."""

from typing import Any

from services.api.operations.use_cases.doctor_of_sites import order_of

WELL: dict[str, Any] = {
    "server": "dc1:636", "seconds": 0.03, "missing": None, "heard_at": None, "problem": "", "is_read_only": False,
}  # fmt: skip


def test_each_is_named_in_order_with_its_health() -> None:
    others = [
        WELL | {"server": "dc2:636", "missing": 1200, "heard_at": "2026-11-30T08:15:00+00:00"},
        WELL | {"server": "dc3:636", "missing": 0, "is_read_only": True},
        WELL | {"server": "dc4:636", "problem": "It does not answer."},
    ]
    assert order_of([WELL, *others]) == (
        " Asked in this order: dc1:636 (answers in 0.03 s), dc2:636 (answers, 1,200 changes behind, last heard of them at "
        "2026-11-30 08:15 UTC), dc3:636 (answers in 0.03 s, up to date, read-only), dc4:636 (cannot be used)."
    )


def test_a_single_one_has_no_order() -> None:
    assert order_of([WELL]) == order_of([]) == ""
