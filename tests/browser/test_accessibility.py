"""No page keeps anybody out: axe-core's rules, light and dark, wide and narrow."""

from importlib.resources import files
from typing import Any

import playwright.sync_api as web
import pytest

from services.api.access import setup_link
from services.api.settings.forms.steps import STEPS
from services.api.settings.forms.tabs import TABS
from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.integration.console.test_pages import PAGES, full

__all__ = ["full"]

SIZES = ((1440, 900), (360, 740))
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()


def troubles(page: web.Page) -> list[str]:
    """What axe-core finds on the page as it stands, light and dark, wide and narrow, and whether it scrolls sideways."""
    found: list[str] = []
    page.evaluate(_AXE)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{page.url} at {width}: scrolls sideways")
        page.emulate_media(color_scheme="light")
        found += _violations(page, f"at {width}, light")
        # All else is the same in the dark.
        page.emulate_media(color_scheme="dark")
        found += _violations(page, f"at {width}, dark", "color-contrast", "link-in-text-block")
    return found


def _violations(page: web.Page, where: str, *rules: str) -> list[str]:
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = rules
    result: dict[str, Any] = page.evaluate("options => axe.run(options)", options)
    return [
        f"{page.url} {where}: {one['id']}: {node['html'][:150]} {node['failureSummary'][:300]}"
        for one in result["violations"]
        for node in one["nodes"][:3]
    ]


@pytest.mark.usefixtures("people", "full")
@pytest.mark.parametrize(
    "paths",
    [
        [path for path in PAGES if not path.startswith("/settings/")],
        [f"/settings/{tab.slug}" for tab in TABS] + ["/settings/directory/history"],
        [f"/wizard/{step.slug}" for step in STEPS],
    ],
    ids=["pages", "settings", "wizard"],
)
def test_axe_finds_nothing_on_any_page_and_none_scrolls_sideways(window: Open, paths: list[str]) -> None:
    page = window("mary")
    found: list[str] = []
    for path in paths:
        page.goto(f"/console{path}")
        found += troubles(page)
    assert found == []


@pytest.mark.usefixtures("people")
def test_axe_finds_nothing_before_one_is_signed_in(context: Context, window: Open) -> None:
    page = window()
    found: list[str] = []
    for path in ("/sign-in", f"/set-up/{setup_link.make_link(context, 'test')}", "/set-up/old"):
        page.goto(f"/console{path}")
        found += troubles(page)
    page.goto("/console/sign-in")
    page.locator("[name=name]").fill("vera")
    page.locator("[name=password]").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert found + troubles(page) == []
