"""A creation is one request where the phone system takes the departments with it; whether it does is learnt once."""

from collections import Counter

import pytest

from services.sandbox.phone_system import PhoneSystemOptions
from services.sandbox.phone_system.options import DepartmentsOfNew
from tests.integration.relay_client.conftest import Bench, creation

MODES: dict[DepartmentsOfNew, tuple[dict[str, int], dict[str, int]]] = {
    "taken": ({"POST": 1}, {"POST": 1}),
    "ignored": ({"POST": 1, "PATCH": 2}, {"POST": 1, "PATCH": 2}),
    "refused": ({"POST": 2, "PATCH": 2}, {"POST": 1, "PATCH": 2}),
}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> DepartmentsOfNew:
    """What the phone system does with departments in a creation."""
    chosen: DepartmentsOfNew = request.param
    return chosen


@pytest.fixture
def options(release: str, mode: DepartmentsOfNew) -> PhoneSystemOptions:
    return PhoneSystemOptions(extensions=10, release=release, departments_of_new=mode)


def _requests(bench: Bench) -> Counter[str]:
    asked: Counter[str] = Counter()
    for route, times in bench.phone_system.state.requests.items():
        method, path = route.split()
        if path.startswith("/Users") and method != "GET":
            asked[method] += times
    return asked


def test_departments_are_right_whatever_the_phone_system_does_with_them_and_cost_no_request_more_than_needed(
    bench: Bench, mode: DepartmentsOfNew
) -> None:
    bench.phone_system.state.add_group({"Name": "Sales"}, is_counted=False)
    for index, expected in enumerate(MODES[mode], start=1):
        before = _requests(bench)
        (row,) = bench.execute(creation(index, departments=("Sales",), primary_department="Sales"))
        assert row.state == "done", row.error_message
        assert dict(_requests(bench) - before) == expected
        user = bench.user(str(200 + index))
        assert (user["PrimaryGroupId"], [row["GroupId"] for row in user["Groups"]]) == (2, [2])
        assert len(bench.calls("create_user")[str(200 + index)]) == 1
