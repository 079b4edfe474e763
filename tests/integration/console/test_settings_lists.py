"""Lists in the settings without JavaScript: rows added, moved, removed, and taken from the directory's tree."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.settings.documents import SiteSettings
from shared.worker.context import Context
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")
SETTINGS = "/console/settings"


def _settings(context: Context) -> SiteSettings:
    return context.site_settings("default").settings


def test_an_exclusion_is_added_saved_and_removed_without_javascript(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/exclude")
    assert "Nobody is excluded." in page.text
    page = mary.send(page, "/exclude", button=("action", "add:exclusions"))
    page = mary.send(
        page,
        "/exclude",
        {"exclusions.0.kind": "numbers", "exclusions.0.value": "900-999"},
        ("action", "add:exclusions"),
    )
    page = mary.send(page, "/exclude", {"exclusions.1.value": "=cmd|'/C calc'!A0"})
    assert [(item.kind, item.value) for item in _settings(context).rules.exclusions] == [
        ("numbers", "900-999"),
        ("exact", "=cmd|'/C calc'!A0"),
    ]
    page = mary.send(page, "/exclude", button=("action", "remove:exclusions:0"))
    mary.send(page, "/exclude")
    assert [item.value for item in _settings(context).rules.exclusions] == ["=cmd|'/C calc'!A0"]


def test_a_number_range_is_added_with_one_of_the_units_that_are_read(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/numbers")
    assert "No range: people without a number get no extension." in page.text
    page = mary.send(page, "/numbers", button=("action", "add:number_ranges"))
    sales = _settings(context).directory.units[0].dn
    assert f'<datalist id="known-units"><option value="{sales}">' in page.response.text
    row = {
        "unit": "OU=Nowhere,DC=x",
        "first": "230",
        "last": "23",
        "skip": "231",
        "order": "least_recently_used",
    }
    page = mary.send(page, "/numbers", {f"number_ranges.0.{name}": value for name, value in row.items()})
    assert "is not a range of numbers with equally many digits" in page.text
    page = mary.send(page, "/numbers", {"number_ranges.0.last": "239"})
    assert "is not one of the selected OUs" in page.text
    page = mary.send(page, "/numbers", {"number_ranges.0.unit": sales, "write_back_attribute": "ipPhone"})
    rules = _settings(context).rules
    (saved,) = rules.number_ranges
    assert (saved.unit, saved.first, saved.last, saved.skip, saved.order) == (
        sales, "230", "239", "231", "least_recently_used",
    )  # fmt: skip
    assert (rules.write_back_attribute, rules.number_quarantine_days) == ("ipPhone", 30)
    # What another page shows of the same section stays.
    mary.send(mary.get(f"{SETTINGS}/exclude"), "/exclude")
    assert _settings(context).rules.number_ranges == rules.number_ranges


def test_a_row_that_nobody_filled_in_is_dropped(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "add:units"))
    mary.send(page, "/units")
    assert len(_settings(context).directory.units) == 2


def test_units_change_their_order(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "up:units:1"))
    assert _settings(context).directory.units[0].dn.startswith("OU=Sales")
    page = mary.send(page, "/units")
    assert _settings(context).directory.units[0].dn.startswith("OU=IT")
    page = mary.send(page, "/units", button=("action", "down:units:0"))
    mary.send(page, "/units")
    assert _settings(context).directory.units[0].dn.startswith("OU=Sales")


def test_units_are_chosen_by_browsing(
    context: Context, browser: Open, answering: Callable[..., None]
) -> None:
    def _answer(arguments: dict[str, Any]) -> list[dict[str, Any]]:
        if arguments["base"] == "OU=All,DC=corp,DC=example":
            return [{"dn": "OU=A\\, B,OU=All,DC=corp,DC=example", "name": "A, B", "people": 3, "units": 0}]
        return [{"dn": "OU=All,DC=corp,DC=example", "name": "All", "people": 30, "units": 4}]

    answering("collector.browse_units", _answer)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/units"), "/units", button=("action", "browse:"))
    assert "30 people" in page.text
    page = mary.send(page, "/units", button=("action", "browse:OU=All,DC=corp,DC=example"))
    # One level up from a unit of the domain is the domain, as it was at first.
    assert page.form("#settings").buttons.count(("action", "browse:")) == 2
    assert "3 people" in page.text
    page = mary.send(page, "/units", button=("action", "take:OU=A\\, B,OU=All,DC=corp,DC=example"))
    # The tree stays open beside the rows.
    assert "Added" in page.text
    mary.send(page, "/units")
    assert [unit.dn for unit in _settings(context).directory.units][
        -1
    ] == "OU=A\\, B,OU=All,DC=corp,DC=example"


def test_times_of_day_are_typed_or_chosen_each_in_a_field_of_its_own(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/schedule")
    assert page.fields["times"]["type"] == "time"
    changes: dict[str, str | list[str] | None] = {"mode": "times", "times": ["13:00", "", "07:30", ""]}
    page = mary.send(page, "/schedule", changes, ("action", "save"))
    assert _settings(context).schedule.times == ("13:00", "07:30")
    # What there is, and two more to fill in.
    assert [value for name, value in page.form("/schedule").values if name == "times"] == [
        "13:00",
        "07:30",
        "",
        "",
    ]
