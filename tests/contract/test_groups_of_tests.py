"""``xdist_group`` keeps tests on one worker: a name that xdist cannot read would do nothing, and nobody would notice."""

import pytest


@pytest.fixture(scope="module")
def dear() -> str:
    """Made once for this file."""
    return "dear"


@pytest.mark.xdist_group("together")
def test_a_group_stands_at_the_end_of_the_name_where_xdist_looks(request: pytest.FixtureRequest) -> None:
    is_grouped = request.config.getoption("loadgroup", False)
    assert request.node.nodeid.endswith("@together") == is_grouped


@pytest.mark.usefixtures("dear")
def test_what_shares_something_of_its_file_is_grouped_by_itself(request: pytest.FixtureRequest) -> None:
    is_grouped = request.config.getoption("loadgroup", False)
    assert request.node.nodeid.endswith("@tests/contract/test_groups_of_tests.py") == is_grouped
