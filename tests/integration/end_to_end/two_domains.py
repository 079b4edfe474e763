"""A site that reads a unit of each of two domains, in two forests."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared.database.tables import BindingRow, Run
from tests.integration.end_to_end.conftest import Ends
from tests.support.office import Office
from tests.support.samba import SambaDomain
from tests.support.site import ENDED
from tests.support.waiting import wait_until

DELETE_ALL = {"when_moved_out": "delete", "when_deleted": "delete", "when_number_cleared": "delete"}
EMEA = "emea.example.org"


@pytest.fixture
def emea(ends: Ends, other_samba: SambaDomain) -> Iterator[Office]:
    """An office of the same name in the other domain."""
    if other_samba._process is None:
        other_samba.start()
    with other_samba.administrator() as connection:
        yield Office(other_samba, connection, ends.office.name)


def directories(
    ends: Ends,
    emea: Office,
    corp_unit: str,
    emea_unit: str,
    *,
    rules: Mapping[str, Any] = DELETE_ALL,
    **other: Any,
) -> None:
    """The site reads a unit of each domain; ``other`` are settings of the second one."""
    patience = {"connect_timeout_seconds": 2, "receive_timeout_seconds": 2}
    settings = emea.settings([emea_unit], name=EMEA, **patience | other)
    ends.configure([corp_unit], directories={"others": [settings]}, rules=dict(rules))


def people(ends: Ends, emea: Office, **rules: str) -> tuple[str, str, str, str]:
    """Anna and Carl in one domain, Emil and Fred in the other, all in sync."""
    corp_unit, emea_unit = ends.office.unit("Sales"), emea.unit("Vertrieb")
    anna = ends.office.hire(corp_unit, "anna", "201")
    carl = ends.office.hire(corp_unit, "carl", "202")
    emil = emea.hire(emea_unit, "emil", "203")
    fred = emea.hire(emea_unit, "fred", "204")
    directories(ends, emea, corp_unit, emea_unit, rules=DELETE_ALL | rules)
    ends.settle()
    ends.assert_in_step()
    return anna, carl, emil, fred


def without_pauses(ends: Ends) -> Run:
    """A run from its start to its end, in which nobody waits between one attempt at reading and the next."""
    run_id = ends.site.start_run()

    def _has_ended() -> bool:
        ends.site.bring_forward(run_id)
        return ends.site.run(run_id).state in ENDED

    wait_until(f"run {run_id} at its end", _has_ended, 120)
    return ends.site.run(run_id)


def kinds(ends: Ends, run_id: int) -> dict[str, list[str]]:
    """By number, what the run has planned."""
    found: dict[str, list[str]] = {}
    for row in ends.site.commands(run_id):
        found.setdefault(row.number, []).append(row.kind)
    return found


def binding_of(ends: Ends, number: str) -> BindingRow:
    """Who has the extension."""
    return next(row for row in ends.site.bindings().values() if row.number == number)
