"""The first set-up, from an empty database to the first finished run, in a browser without JavaScript."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from services.api.use_cases.settings import read_settings
from services.cli.deployment import workers
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import Run, RunState
from shared.settings.documents import SiteSettings
from shared.worker.context import Context
from tests.integration.console.conftest import Open
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("people")
PEOPLE = 12
WIZARD = "/console/wizard"


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends, running."""

    directory: RunningDirectory
    phone_system: RunningPhoneSystem


@pytest.fixture
def ends(context: Context) -> Iterator[Ends]:
    """Both ends and the workers that reach them."""
    with (
        RunningDirectory(build_company(PEOPLE)) as directory,
        RunningPhoneSystem(PhoneSystemOptions(extensions=3)) as phone_system,
        workers(context),
    ):
        yield Ends(directory, phone_system)


def _settings(context: Context) -> SiteSettings:
    return read_settings(context, "default").settings


def _run(context: Context, states: set[RunState]) -> Run:
    def _newest() -> Run | None:
        with context.database.read() as session:
            return session.scalar(select(Run).order_by(Run.id.desc()).limit(1))

    wait_until(f"the run in {states}", lambda: (run := _newest()) is not None and run.state in states, 30)
    found = _newest()
    assert found is not None
    return found


def test_from_nothing_to_the_first_finished_run(context: Context, browser: Open, ends: Ends) -> None:
    mary = browser("mary")
    page = mary.get("/console/")
    assert "Not set up yet" in page.text
    page = mary.get(WIZARD)
    assert page.response.url.path == f"{WIZARD}/directory"
    account = {
        "servers": ends.directory.url.partition("//")[2],
        "tls_name": ends.directory.tls_name,
        "ca_certificate": ends.directory.ca_certificate,
        "user": ends.directory.user,
        "password": "wrong",
    }
    page = mary.send(page, "/wizard/directory", account, ("action", "next"))
    assert page.response.url.path == f"{WIZARD}/directory"
    assert "password" in page.text
    assert "Save untested and go on" in page.text
    assert not _settings(context).directory.servers
    page = mary.send(page, "/wizard/directory", {"password": ends.directory.password}, ("action", "next"))

    assert page.response.url.path == f"{WIZARD}/units"
    assert f"{PEOPLE} people" in page.text
    refused = mary.send(page, "/wizard/units", {}, ("action", "next"))
    assert "Take one unit at least" in refused.text
    staff = next(unit.partition(",")[2] for unit in ends.directory.units)
    page = mary.send(page, "/wizard/units", {}, ("action", f"take:{staff}"))
    # Left here and taken up again, it is still this step.
    assert mary.get(WIZARD).response.url.path == f"{WIZARD}/units"
    page = mary.send(page, "/wizard/units", {}, ("action", "next"))

    assert page.response.url.path == f"{WIZARD}/number"
    assert "telephoneNumber" in page.response.text
    assert "For example" in page.text
    page = mary.send(page, "/wizard/number", {}, ("action", "next"))

    assert page.response.url.path == f"{WIZARD}/phone-system"
    client = {
        "base_url": ends.phone_system.base_url,
        "client_id": ends.phone_system.client_id,
        "client_secret": ends.phone_system.client_secret,
    }
    tested = mary.send(page, "/wizard/phone-system", client, ("action", "test"))
    assert ends.phone_system.options.version in tested.text
    page = mary.send(tested, "/wizard/phone-system", client, ("action", "next"))

    assert page.response.url.path == f"{WIZARD}/templates"
    assert '<option value="100">' in page.response.text
    page = mary.send(page, "/wizard/templates", {"units.0.template_extension": "100"}, ("action", "next"))
    assert page.response.url.path == f"{WIZARD}/rules"
    page = mary.send(page, "/wizard/rules", {"when_deleted": "disable"}, ("action", "next"))
    assert _settings(context).rules.when_deleted == "disable"
    assert _settings(context).directory.units[0].template_extension == "100"

    assert page.response.url.path == f"{WIZARD}/preview"
    mary.send(page, "/wizard/preview")
    run = _run(context, {RunState.PLANNED, RunState.HELD})
    page = mary.get(f"{WIZARD}/preview")
    assert f"The plan: create {PEOPLE}." in page.text
    plan = mary.get(f"/console/runs/{run.id}/plan")
    mary.send(plan, f"/runs/{run.id}/approve")
    assert _run(context, {RunState.DONE, RunState.FAILED}).state == RunState.DONE
    assert len(ends.phone_system.state.users) == 3 + PEOPLE

    page = mary.get(WIZARD)
    assert page.response.url.path == f"{WIZARD}/schedule"
    page = mary.send(page, "/wizard/schedule", {"is_enabled": "yes"}, ("action", "next"))
    assert page.response.url.path == "/console/"
    assert "Everything is in step" in page.text
    assert mary.get(WIZARD).response.url.path == "/console/"


def test_what_cannot_be_tested_may_be_saved_on_purpose(context: Context, browser: Open, ends: Ends) -> None:
    mary = browser("mary")
    page = mary.get(f"{WIZARD}/phone-system")
    wrong = {"base_url": ends.phone_system.base_url, "client_id": "rollcall", "client_secret": "wrong"}
    page = mary.send(page, "/wizard/phone-system", wrong, ("action", "next"))
    assert not _settings(context).phone_system.base_url
    page = mary.send(page, "/wizard/phone-system", wrong, ("action", "anyway"))
    assert page.response.url.path == f"{WIZARD}/templates"
    assert _settings(context).phone_system.base_url == ends.phone_system.base_url
    # What the next step cannot offer is said, and the step stands all the same.
    assert page.status == 422
    assert "template" in page.text.lower()


def test_only_managers_set_up(browser: Open) -> None:
    for name in ("vera", "oscar"):
        somebody = browser(name)
        assert somebody.get(WIZARD).status == 403
        assert "Set it up" not in somebody.get("/console/").text


def test_a_step_that_does_not_exist_is_said(browser: Open) -> None:
    assert browser("mary").get(f"{WIZARD}/nothing").status == 404
