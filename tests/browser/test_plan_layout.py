"""How much of a plan is on a screen, and that paper has all of it."""

import pytest

from shared.domain.command import Command, CommandKind
from shared.worker.context import Context
from tests.browser.conftest import Open
from tests.integration.api.builders import SALES, make_plan

pytestmark = pytest.mark.usefixtures("people", "ready")

ROWS = [
    Command(
        number,
        CommandKind.UPDATE_EXTENSION if number < 60 else CommandKind.DELETE_EXTENSION,
        f"The mobile number and the e-mail address of Person {number} differ between AD and 3CX.",
        number=str(1000 + number),
        person_name=f"Person {number} Featherstonehaugh-Cholmondeley",
        before={"mobile": "+1 555 0100", "email": f"person.{number}@old.example"},
        after={"mobile": "+1 555 0199", "email": f"person.{number}@corp.example"},
        unit=SALES,
        evidence="Not found in any of them. " * 40,
    )
    for number in range(1, 81)
]
_ON_SCREEN = """() => [...document.querySelectorAll('table.plan tbody tr')]
    .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length"""
_HEIGHTS = """() => Math.max(...[...document.querySelectorAll('table.plan tbody tr')]
    .map((row) => row.getBoundingClientRect().height))"""


def test_thirty_rows_are_on_a_screen_two_lines_each_on_a_telephone_and_all_on_paper(
    context: Context, window: Open
) -> None:
    run_id, _ = make_plan(context, ROWS)
    page = window("oscar")
    answer = page.goto(f"/console/runs/{run_id}/plan")
    assert answer is not None
    assert len(answer.body()) < 120_000
    assert page.evaluate(_ON_SCREEN) >= 30
    # The button that applies stays in sight.
    page.mouse.wheel(0, 900)
    page.wait_for_function("scrollY > 300")
    assert page.get_by_role("button", name="Apply 80 changes, 21 deletions").bounding_box()["y"] < 100  # type: ignore[index]
    page.emulate_media(media="print")
    assert page.locator("table.plan tbody tr").last.is_visible()
    assert page.locator("nav, button, input:not([type=hidden])").locator("visible=true").count() == 0
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 360, "height": 740})
    line = 23
    assert page.evaluate(_HEIGHTS) <= 2 * line + 12


def test_one_box_selects_all_rows_of_the_page_and_shift_those_between(context: Context, window: Open) -> None:
    run_id, _ = make_plan(context, ROWS)
    page = window("oscar")
    page.goto(f"/console/runs/{run_id}/plan?kind=delete_extension")
    page.get_by_label("All rows of this page").check()
    assert page.locator("[name=row]:checked").count() == 21
    page.get_by_label("All rows of this page").uncheck()
    page.locator("#row-60").click()
    page.locator("#row-64").click(modifiers=["Shift"])
    page.get_by_role("button", name="Leave out").click()
    page.get_by_text("Left out: 5 rows (60-64).").wait_for()
