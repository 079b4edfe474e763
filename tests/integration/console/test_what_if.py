"""What if: the plan of settings that are not saved. Nothing but that plan is left behind, and nobody can apply it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from services.cli.deployment import workers
from services.sandbox.directory import change_company
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import Base, RunKind, RunState
from shared.worker.context import Context
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import Open
from tests.support.ends import Ends, running_ends
from tests.support.site import ENDED, Site

pytestmark = pytest.mark.usefixtures("people")

PEOPLE = 8
LEAVING = ("when_deleted", "when_moved_out", "when_disabled", "when_number_cleared")
# What any run writes: what it read, its plan, the Log, and who is working.
_OF_A_RUN = {
    "runs", "snapshot_parts", "snapshot_pages", "commands", "findings", "events", "leases", "phone_system_tokens",
    "console_sessions",
}  # fmt: skip


@pytest.fixture
def ends(context: Context) -> Iterator[Ends]:
    """A directory, a phone system, and the workers that reach them."""
    with running_ends(PEOPLE, PhoneSystemOptions(extensions=3)) as made, workers(context):
        yield made


@pytest.fixture
def site(context: Context, ends: Ends) -> Site:
    """The site of the test."""
    made = Site(context)
    made.configure(ends.settings())
    return made


def _everything_else(context: Context) -> dict[str, list[str]]:
    with context.database.read() as session:
        return {
            table.name: sorted(str(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name not in _OF_A_RUN
        }


def _ask(browser: Browser, tab: str, changes: dict[str, str | list[str] | None]) -> Page:
    page = browser.get(f"/console/settings/{tab}")
    return browser.send(page, f"/settings/{tab}", changes, ("action", "what-if"))


def test_the_plan_of_other_settings_is_shown_and_nothing_else_is_left(
    site: Site, ends: Ends, context: Context, browser: Open
) -> None:
    site.complete()
    change_company(ends.directory.directory)
    planned = site.plan(RunKind.PREVIEW)
    mary = browser("mary")
    before = _everything_else(context)
    page = _ask(mary, "rules", dict.fromkeys(LEAVING, "keep"))
    run_id = int(page.response.url.path.rpartition("/")[2])
    run = site.wait_for(run_id, ENDED)
    assert (run.kind, run.state) == ("what_if", RunState.DONE)
    kinds = {row.kind for row in site.commands(run_id)}
    assert "disable_extension" in {row.kind for row in site.commands(planned.id)}
    assert kinds.isdisjoint({"delete_extension", "disable_extension"})
    assert {row.state for row in site.commands(run_id)} <= {"skipped"}
    assert _everything_else(context) == before
    # The plan that waits still waits, and this one cannot be applied.
    assert site.run(planned.id).state == planned.state
    page = mary.get(f"/console/runs/{run_id}/plan")
    assert "This is the plan with settings that are not saved." in page.text
    assert [form.action for form in page.forms if form.action.endswith("/approve")] == []
    form = {"plan_hash": run.plan_hash, **mary.get("/console/").forms[0].filled({})}
    assert mary.http.post(f"/console/runs/{run_id}/approve", data=form).status_code == 409
    assert "What if" in mary.get("/console/runs").text


def test_what_is_read_goes_by_the_tried_settings_too(site: Site, ends: Ends, browser: Open) -> None:
    unit = f"OU=Nowhere,{ends.staff_unit}"
    page = _ask(browser("mary"), "units", {"units.0.dn": unit})
    run = site.wait_for(int(page.response.url.path.rpartition("/")[2]), ENDED)
    assert unit in {part.unit for part in site.parts(run.id)}
    assert ends.staff_unit not in {part.unit for part in site.parts(run.id)}
    assert site.plan().state == RunState.HELD


@pytest.mark.usefixtures("ready")
def test_wrong_values_and_new_passwords_are_refused_in_the_form(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = _ask(mary, "rules", {"deleted_grace_days": "-5"})
    assert page.status == 422
    assert "deleted_grace_days" in {name for name, given in page.fields.items() if given.get("aria-invalid")}
    page = _ask(mary, "directory", {"servers": "dc2.corp.example", "password": "new"})
    assert page.status == 422
    assert "Enter it again" in page.text
    with context.database.read() as session:
        assert session.execute(select(Base.metadata.tables["runs"])).all() == []
    assert "What if" not in browser("vera").get("/console/settings/rules").text
