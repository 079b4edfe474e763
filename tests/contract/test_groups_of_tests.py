"""``xdist_group`` keeps tests on one worker: a name that xdist cannot read would do nothing, and nobody would notice."""

from pathlib import Path

import pytest

from tests.support.order import longest

_TESTS = Path(__file__).parents[1]


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


def test_what_is_listed_as_longest_is_there() -> None:
    groups = {f"browser-{path.stem}" for path in (_TESTS / "browser").glob("test_*.py")}
    everything = {path: path.read_text(encoding="utf-8") for path in _TESTS.rglob("*.py")}
    for name in longest():
        path, _, function = name.partition("::")
        if path.endswith(".py"):
            assert f"def {function}" in everything[_TESTS.parent / path], name
        else:
            assert name in groups or any(f'xdist_group("{name}")' in text for text in everything.values()), (
                name
            )
