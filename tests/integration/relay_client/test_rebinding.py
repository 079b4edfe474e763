"""Bindings that move or end: only Rollcall's own memory changes, once, whatever happens in between."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from shared.database.tables import BindingRow
from shared.domain.command import Command, CommandKind
from tests.integration.relay_client.conftest import Bench, change

pytestmark = pytest.mark.every_database
NUMBERS = [str(number) for number in range(101, 108)]


def _known(bench: Bench, number: str) -> dict[str, Any]:
    user = bench.user(number)
    return {
        "number": number,
        "first_name": user["FirstName"],
        "last_name": user["LastName"],
        "email": user["EmailAddress"],
    }


def _bind_turned(bench: Bench) -> None:
    """Everybody is bound to the id of somebody else's extension, as after a restore."""
    ids = [bench.id_of(number) for number in NUMBERS]
    with bench.context.database.begin() as session:
        session.execute(
            insert(BindingRow),
            [
                {
                    "site_id": "default", "person_guid": f"guid-{number}", "extension_id": extension_id,
                    "number": number, "origin": "created", "person_name": f"Person {number}",
                    "is_disabled_by_rollcall": number == "103", "updated_at": datetime.now(UTC),
                    "shown_first_name": f"Existing{number}", "shown_last_name": "Extension", "shown_email": "",
                }
                for number, extension_id in zip(NUMBERS, [*ids[3:], *ids[:3]], strict=True)
            ],
        )  # fmt: skip


def _moves(bench: Bench) -> list[Command]:
    return [
        change(
            bench,
            CommandKind.REBIND_EXTENSION,
            number,
            _known(bench, number),
            {"number": number, "origin": "created", "disabled_by_rollcall": number == "103"},
        )
        for number in NUMBERS
    ]


def _rows(bench: Bench) -> dict[str, BindingRow]:
    with bench.context.database.read() as session:
        return {row.person_guid: row for row in session.scalars(select(BindingRow))}


def _right(bench: Bench) -> dict[str, tuple[int, str, bool]]:
    return {f"guid-{number}": (bench.id_of(number), number, number == "103") for number in NUMBERS}


def test_all_bindings_go_round_in_one_run(bench: Bench) -> None:
    _bind_turned(bench)
    assert {row.state for row in bench.execute(*_moves(bench))} == {"done"}
    assert bench.bindings() == _right(bench)
    assert _rows(bench)["guid-101"].shown_first_name == bench.user("101")["FirstName"]
    assert not bench.phone_system.state.calls
    assert "Extension 101 is now linked to Somebody." in bench.log()


@pytest.mark.parametrize("done", range(1, len(NUMBERS) + 1))
def test_a_worker_killed_in_between_leaves_the_rest_to_the_next(bench: Bench, done: int) -> None:
    _bind_turned(bench)
    moves = _moves(bench)
    bench.execute(*moves[:done])
    bench.end_collecting()
    # Known by what they showed, although their ids are others' by now.
    assert set(bench.bindings()) == set(_right(bench))
    run_id = bench.start(moves)
    bench.leave_running(run_id)
    assert bench.drain(run_id).state == "done"
    assert bench.bindings() == _right(bench)


def test_a_new_account_takes_the_place_of_the_former_one(bench: Bench) -> None:
    _bind_turned(bench)
    bench.execute(*_moves(bench))
    bench.end_collecting()
    again = change(
        bench,
        CommandKind.REBIND_EXTENSION,
        "103",
        _known(bench, "103"),
        {
            "number": "103",
            "origin": "adopted",
            "disabled_by_rollcall": True,
            "previous_person": "guid-103",
        },
    )
    bench.execute(replace(again, person_guid="guid-new"))
    assert "guid-103" not in bench.bindings()
    assert bench.bindings()["guid-new"] == (bench.id_of("103"), "103", True)
    assert _rows(bench)["guid-new"].origin == "adopted"


def test_a_released_binding_is_gone_and_its_extension_untouched(bench: Bench) -> None:
    _bind_turned(bench)
    bench.execute(*_moves(bench))
    bench.end_collecting()
    (row,) = bench.execute(
        change(bench, CommandKind.RELEASE_BINDING, "104", _known(bench, "104"), {}),
    )
    assert row.state == "done"
    assert "guid-104" not in bench.bindings()
    assert not bench.phone_system.state.calls
    assert "Extension 104 is no longer linked to Somebody." in bench.log()


@pytest.mark.parametrize("kind", [CommandKind.REBIND_EXTENSION, CommandKind.RELEASE_BINDING])
def test_an_extension_that_shows_somebody_else_by_now_keeps_its_binding(
    bench: Bench, kind: CommandKind
) -> None:
    _bind_turned(bench)
    before = bench.bindings()
    command = change(bench, kind, "105", _known(bench, "105"), {"number": "105"})
    bench.phone_system.state.change_user(bench.id_of("105"), {"FirstName": "Zoe"})
    (row,) = bench.execute(command)
    assert row.state == "outdated"
    assert bench.bindings() == before


def test_an_update_is_remembered_with_the_binding(bench: Bench) -> None:
    _bind_turned(bench)
    bench.execute(*_moves(bench))
    bench.end_collecting()
    bench.execute(
        change(
            bench,
            CommandKind.UPDATE_EXTENSION,
            "101",
            _known(bench, "101"),
            {"email": "eva@corp.example.test"},
        )
    )
    row = _rows(bench)["guid-101"]
    assert (row.shown_first_name, row.shown_email) == (
        bench.user("101")["FirstName"],
        "eva@corp.example.test",
    )
