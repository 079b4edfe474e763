"""What others wrote, in the directory or anywhere, is text on every page and nothing else."""

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.integration.api.builders import ADA
from tests.integration.console.test_pages import HOSTILE, PAGES, full

__all__ = ["full"]
pytestmark = pytest.mark.usefixtures("people", "full")
SCRIPT, IMAGE, FORMULA = HOSTILE[:3]


def test_stored_names_that_look_like_scripts_or_formulas_are_shown_as_they_are(window: Open) -> None:
    page = window("mary")
    for path, texts in (
        ("/runs/1/plan", (SCRIPT, IMAGE, FORMULA)),
        (f"/people?q={ADA}", (SCRIPT, IMAGE)),
        ("/log", (SCRIPT, IMAGE, FORMULA)),
        ("/runs/1", (SCRIPT,)),
        ("/tokens", (SCRIPT,)),
        ("/settings/exclude", ()),
    ):
        page.goto(f"/console{path}")
        for text in texts:
            expect(page.get_by_text(text).first).to_be_visible()
    for place, text in enumerate(HOSTILE):
        expect(page.locator(f"[name='exclusions.{place}.value']")).to_have_value(text)


def test_no_page_runs_what_others_wrote_or_complains(window: Open) -> None:
    page = window("mary")
    asked: list[str] = []

    def _note(dialog: web.Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", _note)
    for path in PAGES:
        # Errors, foreign addresses and breaches of the content security policy are noticed by the window.
        page.goto(f"/console{path}")
    assert asked == []
