"""The set-up wizard, from an empty database to the first finished run, in a browser without JavaScript."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from services.api.settings.use_cases.sections import apply_settings, replace_section
from services.cli.deployment import workers
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import Run, RunState
from shared.settings.documents import Section, SiteSettings
from shared.worker.context import Context
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import Open
from tests.support.ends import Ends, running_ends
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("people")
PEOPLE = 12
WIZARD = "/console/wizard"
NEXT = ("action", "next")


@pytest.fixture
def ends(context: Context) -> Iterator[Ends]:
    """Both ends and the workers that reach them."""
    options = PhoneSystemOptions(extensions=3, max_extensions=50)
    with running_ends(PEOPLE, options) as running, workers(context):
        yield running


@pytest.fixture
def mary(browser: Open) -> Browser:
    """A manager."""
    return browser("mary")


def _settings(context: Context) -> SiteSettings:
    return context.site_settings("default").settings


def _account(ends: Ends) -> dict[str, Any]:
    """What the first step asks for."""
    account = {name: value for name, value in ends.settings()["directory"].items() if name != "units"}
    return {**account, "servers": account["servers"][0]}


def _client(ends: Ends) -> dict[str, Any]:
    """What the step of the phone system asks for."""
    return {
        name: ends.settings()["phone_system"][name] for name in ("base_url", "client_id", "client_secret")
    }


def _step(page: Page) -> str:
    """The step that the page shows."""
    return page.response.url.path.removeprefix(f"{WIZARD}/")


def _wait_for_run(context: Context, states: set[RunState]) -> Run:
    def _newest() -> Run | None:
        with context.database.read() as session:
            return session.scalar(select(Run).order_by(Run.id.desc()).limit(1))

    wait_until(f"the run in {states}", lambda: (run := _newest()) is not None and run.state in states, 30)
    found = _newest()
    assert found is not None
    return found


def test_from_nothing_to_the_first_finished_run_and_its_schedule(
    context: Context, mary: Browser, ends: Ends
) -> None:
    page = mary.get("/console/")
    assert "Set-up required" in page.text
    assert WIZARD in page.links
    page = mary.get(WIZARD)
    assert _step(page) == "directory"
    page = mary.send(page, "/directory", _account(ends), NEXT)

    assert _step(page) == "units"
    assert page.mistakes == []
    assert f"{PEOPLE} people" in page.text
    page = mary.send(page, "/units", {}, ("action", f"browse:{ends.staff_unit}"))
    page = mary.send(page, "/units", {}, ("action", f"take:{ends.directory.units[0]}"))
    # The tree stays open where it was, and tells what was taken.
    assert "Added" in page.text
    page = mary.send(page, "/units", {}, ("action", f"take:{ends.directory.units[1]}"))
    page = mary.send(page, "/units", {}, ("action", "test"))
    assert "Connection successful" in page.text
    assert not _settings(context).directory.units
    page = mary.send(page, "/units", {}, NEXT)

    assert _step(page) == "number"
    assert page.mistakes == []
    assert page.fields["attributes.number"]["type"] == "radio"
    assert re.search(r"telephoneNumber gives [1-9]\d* of \d+ people a number of their own", page.text)
    page = mary.send(page, "/number", {"number_rule.max_digits": "6"}, NEXT)
    assert _settings(context).directory.number_rule.max_digits == 6

    assert _step(page) == "phone-system"
    page = mary.send(page, "/phone-system", _client(ends), ("action", "test"))
    assert ends.phone_system.options.version in page.text
    assert "3 in use, licensed 50, 47 free" in page.text
    page = mary.send(page, "/phone-system", {}, NEXT)

    assert _step(page) == "templates"
    assert page.mistakes == []
    assert '<option value="100">100 ' in page.response.text
    page = mary.send(page, "/templates", {"units.1.template_extension": "100"}, NEXT)
    assert [unit.template_extension for unit in _settings(context).directory.units] == [None, "100"]
    assert _step(page) == "archive"
    page = mary.send(page, "/archive", {}, NEXT)
    # Saved as it was, it is done all the same for whoever goes on later.
    assert _step(mary.get(WIZARD)) == "rules"
    page = mary.send(page, "/rules", {"when_deleted": "disable"}, NEXT)

    # The preview has begun by itself.
    assert _step(page) == "preview"
    run = _wait_for_run(context, {RunState.PLANNED, RunState.HELD})
    page = mary.get(f"{WIZARD}/preview")
    assert page.mistakes == []
    assert f"create {run.counts['create_extension']}" in page.text
    kinds = re.findall(r'class="of-kind".*?</section>', page.response.text, re.DOTALL)
    # Of each kind its number and some of its rows.
    created = next(kind for kind in kinds if f">{run.counts['create_extension']}</span> Create" in kind)
    assert created.count("<li>") == 3
    assert f"/console/runs/{run.id}/plan" in page.links
    assert "The settings have changed since this preview" not in page.text
    replace_section(context, "default", Section.LIMITS, {"removals": 3}, "somebody")
    page = mary.get(f"{WIZARD}/preview")
    assert "The settings have changed since this preview" in page.text
    approving = next(form for form in page.forms if ("action", "approve") in form.buttons)
    answer = mary.http.post(approving.action, data=approving.filled({"action": "approve"}))
    assert answer.url.path == f"{WIZARD}/schedule"
    assert _wait_for_run(context, {RunState.DONE, RunState.FAILED}).state == RunState.DONE
    assert len(ends.phone_system.state.users) == 3 + run.counts["create_extension"]

    page = mary.get(WIZARD)
    assert _step(page) == "schedule"
    # Whoever comes here wants runs to start by themselves.
    page = mary.send(page, "/schedule", {}, NEXT)
    assert page.response.url.path == "/console/"
    assert _settings(context).schedule.is_enabled
    assert "Everything is in sync" in page.text
    assert mary.get(WIZARD).response.url.path == "/console/"


def test_what_fails_its_test_is_saved_only_when_the_administrator_says_so(
    context: Context, mary: Browser, ends: Ends
) -> None:
    page = mary.get(f"{WIZARD}/phone-system")
    assert ("action", "anyway") not in page.form("/phone-system").buttons
    wrong = {**_client(ends), "client_secret": "wrong"}
    page = mary.send(page, "/phone-system", wrong, NEXT)
    assert page.status == 422
    assert "the test failed" in page.text
    assert "client" in page.response.text.partition('id="answer"')[2]
    assert not _settings(context).phone_system.base_url
    page = mary.send(page, "/phone-system", {}, ("action", "anyway"))
    assert _step(page) == "templates"
    assert _settings(context).phone_system.client_secret.get_secret_value() == "wrong"
    # What this step cannot offer is said, and the step stands all the same.
    assert page.status == 200
    assert "The list of choices could not be loaded." in page.text


def test_what_is_needed_is_not_saved_empty_even_on_purpose(
    context: Context, mary: Browser, ends: Ends
) -> None:
    page = mary.send(mary.get(f"{WIZARD}/directory"), "/directory", {"user": ends.directory.user}, NEXT)
    assert page.status == 422
    assert 'id="e-servers">This field is required.' in page.response.text
    apply_settings(context, "default", {"directory": {**ends.settings()["directory"], "units": []}}, "test")
    page = mary.send(mary.get(f"{WIZARD}/units"), "/units", {}, NEXT)
    assert "Select at least one OU." in page.text
    assert _step(mary.get(WIZARD)) == "units"


def test_the_last_digits_are_taken_as_they_are_proposed(context: Context, mary: Browser, ends: Ends) -> None:
    unit = ends.directory.directory.add_unit("Call centre")
    for index, first in enumerate(("Ada", "Bob", "Eve")):
        ends.directory.directory.add(
            f"CN={first},{unit}",
            {"objectClass": "user", "userAccountControl": 512, "displayName": first, "sAMAccountName": f"svc-{first}",
             "adminCount": index, "telephoneNumber": f"+49 30 123420{index}"},
        )  # fmt: skip
    settings = ends.settings()
    apply_settings(
        context, "default", {"directory": {**settings["directory"], "units": [{"dn": unit}]}}, "test"
    )
    page = mary.get(f"{WIZARD}/number")
    assert "(last 3 digits) gives 3 of 3 people a number of their own" in page.text
    assert "Ada +49 30 1234200 → 200" in page.text
    assert f"Administrator accounts in {unit}: svc-Bob." in page.text
    assert f"Service accounts in {unit}: svc-Ada, svc-Eve." in page.text
    page = mary.send(page, "/number", {}, NEXT)
    assert _step(page) == "phone-system"
    stored = _settings(context).directory
    assert (stored.attributes.number, stored.number_rule.last_digits) == ("telephoneNumber", 3)


def test_a_template_that_the_phone_system_does_not_have_is_refused(
    context: Context, mary: Browser, ends: Ends
) -> None:
    apply_settings(context, "default", ends.settings(), "test")
    page = mary.get(f"{WIZARD}/templates")
    page = mary.send(page, "/templates", {"units.0.template_extension": "4711"}, NEXT)
    assert "The phone system has no extension 4711. Similar: 101" in page.text
    assert "4711 (not there)" in page.text
    assert ("action", "anyway") not in page.form("/templates").buttons
    assert _settings(context).directory.units[0].template_extension is None


def test_the_set_up_is_taken_up_again_where_it_was_left_by_whoever_comes(
    context: Context, mary: Browser
) -> None:
    units = [{"dn": "OU=Sales,DC=corp,DC=example"}]
    directory = {"servers": ["dc1.corp.example"], "user": "rollcall@corp.example"}
    phone_system = {"base_url": "https://pbx.example.test", "client_id": "rollcall"}
    for settings, step in (
        ({"directory": directory}, "units"),
        ({"directory": {**directory, "units": units}}, "number"),
        ({"phone_system": phone_system}, "templates"),
        ({"rules": {"when_deleted": "disable"}}, "preview"),
        # What was set elsewhere does not lead past what is missing.
        ({"schedule": {"is_enabled": True}}, "preview"),
        ({"directory": directory}, "units"),
    ):
        apply_settings(context, "default", settings, "somebody")
        assert mary.http.get(WIZARD, follow_redirects=False).headers["location"] == f"{WIZARD}/{step}"


def test_an_attribute_that_gives_nobody_a_number_is_taken_only_when_the_administrator_says_so(
    context: Context, mary: Browser, ends: Ends
) -> None:
    apply_settings(context, "default", ends.settings(), "test")
    page = mary.get(f"{WIZARD}/number")
    page = mary.send(page, "/number", {"other_attribute": "extensionAttribute7"}, NEXT)
    assert f"extensionAttribute7 gives none of {PEOPLE} people an extension number" in page.text
    assert _settings(context).directory.attributes.number == "telephoneNumber"
    page = mary.send(page, "/number", {}, ("action", "anyway"))
    assert _step(page) == "phone-system"
    assert _settings(context).directory.attributes.number == "extensionAttribute7"
    page = mary.get(f"{WIZARD}/number")
    assert dict(page.form("/number").values)["attributes.number"] == "extensionAttribute7"
    page = mary.send(page, "/number", {"other_attribute": "no such thing"}, NEXT)
    assert "e.g. ipPhone" in page.text


@pytest.mark.parametrize("name", ["vera", "oscar"])
def test_only_managers_set_up(context: Context, browser: Open, name: str) -> None:
    somebody = browser(name)
    page = somebody.get(WIZARD)
    assert page.status == 403
    assert WIZARD not in somebody.get("/console/").links
    token = dict(somebody.get("/console/").forms[0].values)["form_token"]
    for path in ("/schedule", "/preview"):
        answer = somebody.http.post(
            WIZARD + path, data={"form_token": token, "action": "anyway", "is_enabled": "yes"}
        )
        assert answer.status_code == 403
    assert not _settings(context).schedule.is_enabled


def test_a_step_that_does_not_exist_is_said(mary: Browser) -> None:
    assert mary.get(f"{WIZARD}/nothing").status == 404
    page = mary.get(f"{WIZARD}/preview")
    assert "Set-up is incomplete" in page.text


def test_a_unit_of_another_domain_proposes_the_domain_which_goes_through_the_same_steps(
    context: Context, mary: Browser, ends: Ends
) -> None:
    first, second = ({"dn": dn} for dn in ends.directory.units[:2])
    sections = ends.settings()
    apply_settings(
        context, "default", sections | {"directory": {**sections["directory"], "units": [first]}}, "test"
    )
    page = mary.send(mary.get(f"{WIZARD}/units"), "/units", {}, ("action", "add:units"))
    page = mary.send(page, "/units", {"units.1.dn": "OU=Vertrieb,DC=emea,DC=example"}, NEXT)
    assert "is in the domain emea.example" in page.text
    of = "?directory=emea.example"
    assert f"{WIZARD}/directory{of}" in page.links
    page = mary.get(f"{WIZARD}/directory{of}")
    assert page.mistakes == []
    assert ends.directory.user not in page.response.text
    page = mary.send(page, "#settings", _account(ends), NEXT)
    assert (_step(page), page.response.url.query) == ("units", b"directory=emea.example")
    page = mary.send(page, "#settings", {}, ("action", f"browse:{ends.staff_unit}"))
    page = mary.send(page, "#settings", {}, ("action", f"take:{second['dn']}"))
    page = mary.send(page, "#settings", {}, NEXT)
    assert (_step(page), page.response.url.query) == ("number", b"directory=emea.example")
    page = mary.send(page, "#settings", {"number_rule.max_digits": "6"}, NEXT)
    # On to whatever the set-up of the site still needs.
    assert (_step(page), page.response.url.query) == ("templates", b"")
    stored = _settings(context)
    (other,) = stored.directories.others
    assert ([unit.dn for unit in other.units], other.number_rule.max_digits) == ([second["dn"]], 6)
    assert [unit.dn for unit in stored.directory.units] == [first["dn"]]
    assert f"{WIZARD}/templates{of}" in mary.get(f"{WIZARD}/templates").links
