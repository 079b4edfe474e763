"""The tabs of the settings as somebody fills them in."""

import re
from collections.abc import Mapping

import playwright.sync_api as web
import pytest
from playwright.sync_api import expect

from services.api.settings.forms.tabs import BY_SLUG
from shared.worker.context import Context
from tests.browser.conftest import PEOPLE, Open
from tests.integration.console.test_settings import REFUSED, SAVED, Changes
from tests.support.ends import Ends
from tests.support.site import Site

pytestmark = pytest.mark.usefixtures("people")


def _fill(page: web.Page, changes: Changes) -> None:
    for name, value in changes.items():
        field = page.locator(f"#settings [name='{name}']:not([type=hidden])")
        group = field.locator("xpath=ancestor::details[not(@open)]")
        if group.count():
            group.locator("summary").click()
        if name == "times":
            # Each time has a field of its own.
            texts = str(value).split()
            for index, one in enumerate(field.all()):
                one.fill(texts[index] if index < len(texts) else "")
        elif value is None or field.get_attribute("type") == "checkbox":
            field.set_checked(value is not None)
        elif field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(str(value))


def _shown(page: web.Page) -> dict[str, str]:
    """What the form would send."""
    sent: Mapping[str, str] = page.locator("#settings").evaluate(
        "form => Object.fromEntries([...new FormData(form)].filter(([name]) => name !== 'form_token'))"
    )
    return {name: value.replace("\r\n", "\n") for name, value in sent.items()}


def _save(page: web.Page) -> None:
    page.locator(".actions").get_by_role("button", name="Save", exact=True).click()


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("with_scripts", [True, False])
def test_each_tab_is_saved_and_shows_the_same_when_opened_again(
    context: Context, window: Open, with_scripts: bool
) -> None:
    page = window("mary", with_scripts=with_scripts)
    for slug, (changes, read, wanted) in SAVED.items():
        page.goto(f"/console/settings/{slug}")
        _fill(page, changes)
        _save(page)
        expect(page.get_by_text(re.compile(r"Saved \(version \d+"))).to_be_visible()
        assert read(context.site_settings("default").settings) == wanted, slug
        if with_scripts:
            saved = _shown(page)
            page.goto("/console/settings/rules")
            page.get_by_role("link", name=BY_SLUG[slug].title, exact=True).click()
            expect(page.get_by_role("heading", name=BY_SLUG[slug].title)).to_be_visible()
            assert _shown(page) == saved


@pytest.mark.usefixtures("ready")
def test_bad_input_is_refused_at_its_field_and_what_was_typed_is_kept(context: Context, window: Open) -> None:
    page = window("mary")
    before = context.site_settings("default")
    # What a list or a picker of times does not offer cannot be entered.
    typed = [case for case in REFUSED if case[1].get("adoption") is None and case[1].get("times") != "25:00"]
    assert {slug for slug, *_ in typed} >= {
        "directory",
        "units",
        "limits",
        "schedule",
        "phone-system",
        "relay",
    }
    for slug, changes, place, message in typed:
        page.goto(f"/console/settings/{slug}")
        # Times of day can be typed once runs are to start at times of day.
        if "times" in changes:
            page.locator("[name=mode]").select_option("times")
        _fill(page, changes)
        _save(page)
        expect(page.locator(f"[id='e-{place}']")).to_contain_text(message)
        field = page.locator(f"[id='f-{place}']")
        if field.count():
            expect(field).to_be_visible()
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_attribute("aria-describedby", re.compile(rf"\be-{re.escape(place)}"))
        for name, value in changes.items():
            if value and name not in ("is_enabled", "client_secret"):
                expect(page.locator(f"#settings [name='{name}']")).to_have_value(str(value))
    assert context.site_settings("default") == before


def test_a_test_answers_in_place_and_saves_nothing(
    context: Context, site: Site, ends: Ends, window: Open
) -> None:
    before = context.site_settings("default")
    page = window("mary")
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    page.goto("/console/settings/directory")
    test = page.get_by_role("button", name="Test", exact=True)
    test.click()
    expect(page.locator("#answer")).to_contain_text("Connection successful")
    expect(test).to_be_focused()
    page.get_by_label("Password", exact=True).fill("wrong")
    test.click()
    expect(page.locator("#answer")).to_contain_text("Connection failed.")
    # What was typed and not saved is still there, to be mended.
    expect(page.get_by_label("Password", exact=True)).to_have_value("wrong")
    page.goto("/console/settings/phone-system")
    page.locator("[name=client_secret]").fill("wrong")
    test.click()
    expect(page.locator("#answer")).to_contain_text("Connection failed.")
    page.locator("[name=client_secret]").fill(ends.phone_system.client_secret)
    test.click()
    expect(page.locator("#answer")).to_contain_text(ends.phone_system.options.version)
    assert len(loads) == 2
    assert context.site_settings("default") == before


@pytest.mark.parametrize("with_scripts", [True, False])
def test_an_expression_is_tried_on_real_people_in_place(
    context: Context, site: Site, ends: Ends, window: Open, with_scripts: bool
) -> None:
    before = context.site_settings("default")
    page = window("mary", with_scripts=with_scripts)
    page.goto("/console/settings/directory")
    field, tried = page.get_by_label("Extension number", exact=True), page.locator("#tried")
    test = page.get_by_role("button", name="Try on real people: Extension number")
    field.fill('replace(telephoneNumber, "2", "3")')
    test.click()
    expect(tried).to_contain_text(re.compile(rf"tried on {PEOPLE} people. Nothing was saved."))
    expect(tried.get_by_role("row")).to_have_count(min(PEOPLE, 50) + 1)
    field.fill("lst(telephoneNumber, 3)")
    test.click()
    wrong = page.locator("[id='e-attributes.number']")
    expect(wrong).to_contain_text("There is no function 'lst'. Did you mean 'last'?")
    # The caret stands below its place.
    assert wrong.locator(".pointed").inner_text() == "lst(telephoneNumber, 3)\n^"
    assert wrong.locator(".pointed").evaluate("shown => getComputedStyle(shown).whiteSpace") == "pre"
    expect(field).to_have_value("lst(telephoneNumber, 3)")
    assert context.site_settings("default") == before


@pytest.mark.parametrize("with_scripts", [True, False])
def test_units_are_taken_from_the_tree(
    context: Context, site: Site, ends: Ends, window: Open, with_scripts: bool
) -> None:
    page = window("mary", with_scripts=with_scripts)
    page.goto("/console/settings/units")
    page.get_by_role("button", name="Browse the directory").click()
    name = ends.staff_unit.partition(",")[0].partition("=")[2]
    page.locator("#browse").get_by_role("button", name=f"Open {name}").click()
    expect(page.locator("#browse")).to_contain_text(re.compile(f"^\\s*{re.escape(ends.staff_unit)}"))
    first = page.locator("#browse").get_by_role("button", name=re.compile("^Add ")).first
    expect(first).to_be_visible()
    unit = (first.get_attribute("aria-label") or "").removeprefix("Add ")
    first.click()
    expect(page.locator("[name='units.1.dn']")).to_have_value(f"OU={unit},{ends.staff_unit}")
    page.get_by_role("button", name="Remove row 1").click()
    expect(page.locator("[name='units.0.dn']")).to_have_value(f"OU={unit},{ends.staff_unit}")
    page.locator(".actions").get_by_role("button", name=re.compile("^Test")).click()
    expect(page.locator("#answer")).to_contain_text(re.compile(r"\d+ (people|person)"))
    assert f"{PEOPLE} people" not in page.locator("#answer").inner_text()
    _save(page)
    expect(page.get_by_text(re.compile(r"Saved \(version \d+"))).to_be_visible()
    units = context.site_settings("default").settings.directory.units
    assert [one.dn for one in units] == [f"OU={unit},{ends.staff_unit}"]


def test_a_schedule_that_was_never_saved_begins_with_the_zone_of_the_browser(
    context: Context, window: Open
) -> None:
    page = window("mary")
    page.add_init_script(
        "Intl.DateTimeFormat.prototype.resolvedOptions = () => ({ timeZone: 'Europe/Berlin' })"
    )
    page.goto("/console/settings/schedule")
    assert _shown(page)["time_zone"] == "Europe/Berlin"
    _save(page)
    expect(page.get_by_text(re.compile(r"Saved \(version \d+"))).to_be_visible()
    assert context.site_settings("default").settings.schedule.time_zone == "Europe/Berlin"


def test_leaving_a_form_is_asked_about_only_while_it_differs_from_what_is_saved(window: Open) -> None:
    page = window("mary")
    asked: list[str] = []

    def stay(dialog: web.Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    limits = page.locator("[name=removals]")
    elsewhere = page.get_by_role("navigation", name="Main").get_by_role("link", name="People", exact=True)

    page.goto("/console/settings/limits")
    stored = limits.input_value()
    limits.click()
    limits.fill("7")
    elsewhere.click()
    expect(limits).to_have_value("7")
    assert asked == ["beforeunload"]
    limits.fill(stored)
    elsewhere.click()
    page.wait_for_url("**/people")
    # A form that only filters is nothing to save.
    page.locator("#text").click()
    page.locator("#text").fill("x")
    page.get_by_role("link", name="Settings", exact=True).click()
    page.wait_for_url("**/settings**")

    page.goto("/console/settings/limits")
    limits.click()
    limits.fill("7")
    _save(page)
    expect(page.get_by_text(re.compile(r"Saved \(version \d+"))).to_be_visible()
    elsewhere.click()
    page.wait_for_url("**/people")
    assert asked == ["beforeunload"]

    # A test answers in place: what it was asked with is as unsaved as before, and no more.
    page.goto("/console/settings/relay")
    test = page.get_by_role("button", name="Test", exact=True)
    test.click()
    expect(page.locator("#settings [aria-invalid=true], #answer > *").first).to_be_visible()
    elsewhere.click()
    page.wait_for_url("**/people")
    assert asked == ["beforeunload"]
    page.goto("/console/settings/relay")
    page.locator("[name=host]").fill("relay.example.test")
    test.click()
    expect(page.locator("#said")).not_to_have_text("Working…")
    elsewhere.click()
    expect(page.locator("[name=host]")).to_have_value(re.compile("relay.example.test"))
    assert asked == ["beforeunload"] * 2
