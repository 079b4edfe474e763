"""Where a page stands among the others."""

import pytest

from services.api.console.trail import trail_of


@pytest.mark.parametrize(
    ("path", "named", "names"),
    [
        ("/runs/6/plan", {}, ["Runs", "Run 6", "Plan"]),
        ("/runs/6/plan/row", {"row": "4"}, ["Runs", "Run 6", "Plan", "Row 4"]),
        ("/settings/limits/history", {"tab": "Limits"}, ["Settings", "Limits", "History"]),
        ("/people/-", {"person": "Ada"}, ["People", "Ada"]),
        ("/owed", {}, ["People", "Not finished"]),
        ("/exclusions", {}, ["Settings", "Never change these"]),
        # In the menu, or not known.
        ("/runs", {}, []),
        ("/", {}, []),
        ("/wizard/units", {}, []),
    ],
)
def test_the_way_to_a_page_leads_over_the_pages_above_it(
    path: str, named: dict[str, str], names: list[str]
) -> None:
    assert [crumb.name for crumb in trail_of(path, named)] == names


def test_the_pages_above_have_addresses_of_their_own() -> None:
    assert [crumb.path for crumb in trail_of("/runs/6/plan", {})] == ["/runs", "/runs/6", "/runs/6/plan"]
