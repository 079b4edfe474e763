"""The search over everything: it finds each kind, within the walls of the site and of what the visitor may see."""

import pytest

from services.api.search.settings import find_settings
from services.api.settings.forms.tabs import TABS
from services.api.sites.use_cases.sites import create_site
from shared.roll.entry import Entry, RollState
from shared.worker.context import Context
from tests.integration.api.builders import make_plan
from tests.integration.console.conftest import Open
from tests.support.roll import OLA, fill, person

pytestmark = pytest.mark.usefixtures("people", "ready")


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("berg", f"/console/people?q={OLA}"),
        ("900", "/console/people?q=extension+40"),
        ("1", "/console/runs/1"),
        ("run 1", "/console/runs/1"),
        ("#1", "/console/runs/1"),
        ("time zone", "/console/settings/schedule#f-time_zone"),
        ("certificate_rejected", "/console/help/troubleshooting#"),
    ],
)
def test_it_finds_people_extensions_runs_settings_and_help(
    context: Context, browser: Open, words: str, there: str
) -> None:
    make_plan(context)
    fill(context)
    found = browser("vera").get("/console/search?q=" + words.replace(" ", "+").replace("#", "%23"))
    assert (found.status, found.mistakes) == (200, [])
    assert f'href="{there}' in found.response.text


def test_of_many_it_shows_some_and_leads_to_all(context: Context, browser: Open) -> None:
    fill(
        context,
        [Entry(f"g{n}", RollState.IN_SYNC, person(f"g{n}", f"Ada{n}", "Smith", f"30{n}")) for n in range(9)],
    )
    found = browser("vera").get("/console/search?q=smith")
    assert found.response.text.count("/console/people?q=g") == 8
    assert 'href="/console/people?text=smith"' in found.response.text


def test_what_is_of_another_site_is_not_found(context: Context, browser: Open) -> None:
    make_plan(context)
    fill(context)
    create_site(context, "oslo", "test", "Oslo")
    mary = browser("mary")
    for words in ("berg", "1"):
        found = mary.get(f"/console/sites/oslo/search?q={words}").response.text
        assert '/runs/1"' not in found
        assert OLA not in found
        assert 'action="/console/sites/oslo/search"' in found


def test_settings_are_found_by_all_their_words_those_with_them_in_the_label_first() -> None:
    found = find_settings(TABS, "HOST")
    assert next((one.tab.slug, one.field.name) for one in found) == ("relay", "host")
    assert find_settings(TABS, "") == find_settings(TABS, "host nonsense") == []
    assert all(one.anchor.startswith("#f-") for one in found if one.field.kind != "rows")
