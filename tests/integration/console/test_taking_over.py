"""Settings taken over from another site: the difference first, chosen sections only, never a password, never through a wall."""

import pytest
from sqlalchemy import select

from services.api.access.site_roles import SiteRoles, store
from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.sites import create_site
from shared.database.tables import Account, AccountRole
from shared.worker.context import Context
from tests.integration.api.conftest import READY, SECRET
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


@pytest.fixture
def oslo(context: Context) -> str:
    """Another site with rules, limits and a directory of its own."""
    create_site(context, "oslo", "test", "Oslo")
    sections = {
        "directory": READY["directory"] | {"servers": ["dc9.oslo.example"], "password": "winter harbour"},
        "rules": {"when_deleted": "keep"},
        "limits": {"removals": 77},
    }
    apply_settings(context, "oslo", sections, "test")
    return "oslo"


def test_only_chosen_sections_are_taken_over_and_the_difference_is_seen_first(
    context: Context, browser: Open, oslo: str
) -> None:
    mary = browser("mary")
    page = mary.get(f"/console/take-over?source={oslo}")
    assert page.mistakes == []
    assert "77" in page.text
    assert "dc9.oslo.example" in page.text
    assert "winter harbour" not in page.text
    assert SECRET not in page.text
    page = _take(mary, page, "limits")
    settings = context.site_settings("default").settings
    assert settings.limits.removals == 77
    assert settings.rules.when_deleted != "keep"
    assert settings.directory.servers == ("dc1.corp.example",)
    assert "Saved." in page.text


def _take(mary: Browser, page: Page, section: str) -> Page:
    form = next(form for form in page.forms if form.method == "post" and form.action.endswith("/take-over"))
    return Page(mary.http.post(form.action, data=form.filled({"section": [section]})))


def test_a_password_never_goes_to_another_address(context: Context, browser: Open, oslo: str) -> None:
    mary = browser("mary")
    page = mary.get(f"/console/take-over?source={oslo}")
    assert "The stored password of this site is removed" in page.text
    assert _take(mary, page, "directory").status == 200
    directory = context.site_settings("default").settings.directory
    assert directory.servers == ("dc9.oslo.example",)
    assert directory.password.get_secret_value() == ""


def test_nobody_takes_over_from_a_site_that_is_not_there_for_them(
    context: Context, browser: Open, oslo: str
) -> None:
    with context.database.begin() as session:
        oscar = session.scalars(select(Account).where(Account.name == "oscar")).one()
        store(oscar, SiteRoles(at={"default": AccountRole.MANAGER}))
    visitor = browser("oscar")
    page = visitor.get("/console/take-over")
    assert "No other site" in page.text
    assert "Oslo" not in page.text
    assert visitor.get(f"/console/take-over?source={oslo}").status == 404
    form = {**visitor.get("/console/").forms[0].filled({}), "source": oslo, "section": "limits"}
    assert visitor.http.post("/console/take-over", data=form).status_code == 404
    assert context.site_settings("default").settings.limits.removals != 77
