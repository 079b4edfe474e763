"""The console in a customer's colours."""

import io
import re
from pathlib import Path

import playwright.sync_api as web
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")
TOP, BOTTOM, GRID = "#7a0026", "#4d0018", "#ffe9c7"


def _style(locator: web.Locator, name: str) -> str:
    found: str = locator.first.evaluate("(one, name) => getComputedStyle(one)[name]", name)
    return found


def _rgb(colour: str) -> str:
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def _logo(folder: Path) -> Path:
    file = folder / "logo.webp"
    Image.new("RGB", (120, 40), TOP).save(file)
    return file


@pytest.mark.parametrize("with_scripts", [True, False])
def test_what_is_chosen_is_what_everybody_sees_from_the_next_page_on(
    window: Open, tmp_path: Path, with_scripts: bool
) -> None:
    page = window("mary", with_scripts=with_scripts)
    page.goto("/console/settings/site")
    standard = _style(page.locator("header.top"), "backgroundImage")
    page.get_by_label("Header title prefix").fill("Nordwind")
    for name, colour in (("header_top", TOP), ("header_bottom", BOTTOM), ("grid", GRID)):
        page.locator(f"[name={name}]").fill(colour)
    page.locator("[name=upload]").set_input_files(_logo(tmp_path))
    if with_scripts:
        preview = page.locator("#preview .top")
        expect(preview).to_contain_text("Nordwind")
        assert _rgb(TOP) in _style(preview, "backgroundImage")
        assert _style(page.locator("header.top"), "backgroundImage") == standard
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. Visible after")).to_be_visible()

    for other, path in ((window("vera"), "/console/log"), (window(), "/console/sign-in")):
        other.goto(path)
        header = other.locator("header.top")
        gradient = _style(header, "backgroundImage")
        assert _rgb(TOP) in gradient
        assert _rgb(BOTTOM) in gradient
        expect(header).to_contain_text("Nordwind")
        expect(other).to_have_title(re.compile("Nordwind"))
        logo = header.get_by_role("presentation").or_(header.locator("img"))
        answer = other.request.get(logo.first.get_attribute("src") or "")
        assert Image.open(io.BytesIO(answer.body())).size[0] / 3 == pytest.approx(40, abs=1)
        if path.endswith("log"):
            assert _style(other.locator("th"), "backgroundColor") == _rgb(GRID)

    page.get_by_role("button", name="Reset to default").click()
    if with_scripts:
        page.get_by_role("dialog").get_by_role("button").first.click()
    expect(page.locator("header.top")).not_to_contain_text("Nordwind")
    assert _style(page.locator("header.top"), "backgroundImage") == standard


def test_colours_that_cannot_be_read_are_warned_of_while_they_are_chosen(window: Open) -> None:
    page = window("mary")
    page.goto("/console/settings/site")
    warning = page.get_by_text("Text on this header is hard to read")
    expect(warning).to_be_hidden()
    page.locator("[name=header_top]").fill("#000000")
    page.locator("[name=header_bottom]").fill("#ffffff")
    expect(warning).to_be_visible()


def test_what_is_no_picture_is_refused_at_its_field(window: Open, tmp_path: Path) -> None:
    page = window("mary")
    file = tmp_path / "logo.png"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    page.goto("/console/settings/site")
    page.locator("[name=upload]").set_input_files(file)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#e-upload")).to_be_visible()
    expect(page.locator("[name=upload]")).to_have_attribute("aria-invalid", "true")
