"""No page keeps anybody out: axe-core's rules, light and dark, wide and narrow."""

from importlib.resources import files
from typing import Any

import playwright.sync_api as web
import pytest

from services.api.settings.forms.steps import STEPS
from services.api.settings.forms.tabs import TABS
from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.integration.console.test_pages import PAGES, full

__all__ = ["full"]

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 360, "height": 740}
# Four fifths of what axe-core takes. Colours do not depend on the width; the dark ones are those of a template.
_COLOURS = ("color-contrast", "link-in-text-block")
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()


def troubles(page: web.Page, *, in_the_dark: bool = True) -> list[str]:
    """What axe-core finds on the page as it stands, wide and narrow, light and dark, and whether it scrolls sideways."""
    found: list[str] = []
    page.evaluate(_AXE)
    page.emulate_media(color_scheme="light")
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            found.append(f"{page.url} at {size['width']}: scrolls sideways")
        left_out = {"rules": {name: {"enabled": False} for name in _COLOURS}} if size is NARROW else {}
        found += _violations(page, f"at {size['width']}", left_out)
    if in_the_dark:
        page.emulate_media(color_scheme="dark")
        # All else is the same in the dark.
        found += _violations(page, "dark", {"runOnly": _COLOURS})
    return found


def _violations(page: web.Page, where: str, options: dict[str, Any]) -> list[str]:
    options = options | {"resultTypes": ["violations"], "preload": False}
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
        [path for path in PAGES if not path.startswith(("/settings/", "/wizard/"))],
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
        # Nearly all tabs of the settings are one template, and so are the steps of the wizard.
        is_like_the_first = path != paths[0] and path.startswith(("/settings/", "/wizard/"))
        is_of_its_own = path.endswith(("/history", "/preview"))
        found += troubles(page, in_the_dark=is_of_its_own or not is_like_the_first)
    assert found == []


@pytest.mark.usefixtures("people")
def test_axe_finds_nothing_before_one_is_signed_in(context: Context, window: Open) -> None:
    page = window()
    found: list[str] = []
    for path in ("/sign-in", "/set-up"):
        page.goto(f"/console{path}")
        found += troubles(page)
    page.goto("/console/sign-in")
    page.locator("[name=name]").fill("vera")
    page.locator("[name=password]").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert found + troubles(page) == []
