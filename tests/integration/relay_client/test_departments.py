"""A department is made like the default one, or like a chosen one; one refused setting keeps neither it nor others away."""

import pytest

from services.reconciler.run_inputs import department_limit_of
from services.relay_client.execution.department import name_limit, settings_of
from shared.domain.command import Command, CommandKind, FieldValue
from shared.errors import CommandRejected
from tests.integration.relay_client.between import Answer, Forward, Passing, between
from tests.integration.relay_client.conftest import Bench

PERIOD = {"DayOfWeek": "Monday", "Start": "08:00:00", "Stop": "17:00:00"}
HOURS = {"Type": "SpecificHours", "IgnoreHolidays": True, "Periods": [PERIOD]}
GERMAN = {"Language": "DE", "TimeZoneId": "26", "Hours": HOURS}


def _create(**after: FieldValue) -> Command:
    return Command(0, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "Sales", **after})


def _shown(bench: Bench) -> dict[str, object]:
    (made,) = [group for group in bench.phone_system.state.groups.values() if group["Name"] == "Sales"]
    return {name: made.get(name) for name in GERMAN}


@pytest.mark.parametrize("like", ["", "Support"])
def test_a_department_is_made_like_the_default_or_the_chosen_one(bench: Bench, like: str) -> None:
    state = bench.phone_system.state
    chosen = state.add_group({"Name": "Support"}, is_counted=False)["Id"] if like else 1
    state.change_group(chosen, GERMAN)
    (row,) = bench.execute(_create(**({"like": "support "} if like else {})))
    assert (row.state, row.result.get("not_taken")) == ("done", None)
    assert _shown(bench) == GERMAN
    assert len(bench.calls("create_group")["Sales"]) == 1


def test_a_setting_that_is_refused_is_named_and_the_rest_is_set(bench: Bench) -> None:
    bench.phone_system.state.change_group(1, GERMAN)

    def _handle(passing: Passing, forward: Forward) -> Answer:
        is_refused = passing.method in ("POST", "PATCH") and b'"Hours"' in passing.content
        return Answer(400, b'{"error": {"message": "No."}}') if is_refused else forward()

    with between(bench.base_url) as proxy:
        proxy.handling = _handle
        bench.configure(base_url=proxy.base_url)
        (row,) = bench.execute(_create())
    assert (row.state, row.result["not_taken"]) == ("done", ["Hours"])
    assert {**_shown(bench), "Hours": None} == {**GERMAN, "Hours": None}
    assert "Created the department Sales. 3CX refused Hours. Set it manually." in bench.log()


def test_a_model_that_is_gone_creates_nothing_and_names_the_setting(bench: Bench) -> None:
    (row,) = bench.execute(_create(like="Nowhere"))
    assert row.state == "failed"
    assert "New departments are like" in (row.error_message or "")
    assert not bench.phone_system.state.calls


def test_only_the_range_of_its_extensions_goes_along_of_what_belongs_to_a_department() -> None:
    found = {
        "Language": "DE",
        "Hours": None,
        "Props": {"UserNumberFrom": "100", "UserNumberTo": "199", "Fqdn": "x"},
    }
    assert settings_of(found) == {"Language": "DE", "Props": {"UserNumberFrom": "100", "UserNumberTo": "199"}}
    assert settings_of({"Props": {"UserNumberFrom": "100", "UserNumberTo": None}}) == {}


def test_the_limit_of_names_is_learnt_from_the_refusal(bench: Bench) -> None:
    (row,) = bench.execute(Command(0, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "x" * 51}))
    assert (row.state, row.result) == ("failed", {"name_limit": 50})
    with bench.context.database.read() as session:
        assert (department_limit_of(session, "default"), department_limit_of(session, "other")) == (50, 255)


@pytest.mark.parametrize(
    ("warning", "limit"),
    [
        ("WARNINGS.LENGTH_NOT_MORE_255_CHARS", 255),
        ("WARNINGS.STRING_TOO_LONG", 10),
        ("WARNINGS.XAPI.INVALID", None),
    ],
)
def test_only_a_refusal_for_length_tells_a_limit(warning: str, limit: int | None) -> None:
    assert name_limit(CommandRejected("No.", warning=warning), "x" * 20) == limit
