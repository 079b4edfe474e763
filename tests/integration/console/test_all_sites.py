"""The page over all sites: who sees which, those in trouble first, and what it costs."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select

from services.api.access.site_roles import SiteRoles, store
from services.api.operations.use_cases.doctor import diagnose
from services.api.overview.all_sites import read_sites
from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.sites import create_site
from shared.database.tables import (
    Account,
    AccountRole,
    PartKind,
    PartState,
    RunKind,
    RunState,
    Site,
    SnapshotPart,
)
from shared.worker.context import Context
from tests.integration.api.builders import complete_units, make_plan, make_run, set_state
from tests.integration.api.conftest import READY
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")
ALL = SiteRoles(AccountRole.VIEWER)


def _add_sites(context: Context, count: int) -> None:
    for number in range(count):
        create_site(context, f"site-{number}", "test")
        apply_settings(
            context,
            f"site-{number}",
            {
                "directory": READY["directory"],
                "phone_system": {**READY["phone_system"], "base_url": f"https://pbx{number}.example.test"},
            },
            "test",
        )


def _statements(context: Context) -> int:
    counted: list[str] = []
    engine = context.database.engine

    def _note(*arguments: object) -> None:
        counted.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", _note)
    try:
        read_sites(context, ALL)
    finally:
        event.remove(engine, "before_cursor_execute", _note)
    return len(counted)


def test_as_many_queries_for_many_sites_as_for_one(context: Context) -> None:
    before = _statements(context)
    _add_sites(context, 4)
    assert _statements(context) == before


def test_sites_in_trouble_come_first_with_what_is_known_of_them(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context)
    with context.database.begin() as session:
        part = session.scalars(
            select(SnapshotPart).where(
                SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.EXTENSIONS.value
            )
        ).one()
        part.state, part.proof = (
            PartState.COMPLETE.value,
            {"version": "20.0.9", "used_extensions": 40, "max_extensions": 50},
        )
    create_site(context, "blank", "test", "Blank")
    create_site(context, "broken", "test", "Broken")
    apply_settings(context, "broken", READY, "test")
    failed = make_run(context)
    set_state(context, failed, RunState.FAILED, site_id="broken", error_message="3CX is away.")
    rows = read_sites(context, ALL)
    assert [(row.id, row.verdict.tone) for row in rows] == [
        ("broken", "bad"),
        ("default", "warn"),
        ("blank", "warn"),
    ]
    default = rows[1]
    assert (default.waiting, default.free, default.version) == (4, 10, "20.0.9")
    page = browser("mary").get("/console/sites")
    assert page.mistakes == []
    assert {"/console/", "/console/sites/blank/", "/console/sites/broken/"} <= set(page.links)
    assert "Manages the same phone system as default" in page.text


def test_somebody_of_one_site_sees_that_one(context: Context, browser: Open) -> None:
    create_site(context, "oslo", "test", "Oslo")
    create_site(context, "paris", "test", "Paris")
    with context.database.begin() as session:
        vera = session.scalars(select(Account).where(Account.name == "vera")).one()
        store(vera, SiteRoles(at={"oslo": AccountRole.VIEWER}))
    page = browser().sign_in("vera", "quiet river stone")
    assert page.status == 200
    text = "".join(row.name for row in read_sites(context, SiteRoles(at={"oslo": AccountRole.VIEWER})))
    assert text == "Oslo"
    assert "/console/sites" not in page.links


def test_a_site_is_created_set_up_and_removed_here(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get("/console/sites"), "/sites", {"id": "Not an ID", "name": ""})
    assert page.status == 422
    assert "cannot be a site's id" in page.text
    page = mary.send(page, "/sites", {"id": "oslo", "name": "Oslo"})
    assert page.response.url.path == "/console/sites/oslo/wizard/directory"
    page = mary.send(mary.get("/console/sites"), "/sites/remove", {"site": "oslo", "confirm": "olso"})
    assert page.status == 422
    page = mary.send(page, "/sites/remove", {"site": "oslo", "confirm": "oslo"})
    assert page.response.url.path == "/console/sites"
    with context.database.read() as session:
        assert session.scalars(select(Site.id)).all() == ["default"]


def test_two_sites_with_one_phone_system_are_told_where_it_is_saved_and_by_doctor(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    create_site(context, "oslo", "test", "Oslo")
    assert "also managed" not in mary.get("/console/settings/phone-system").text
    phone_system = {**READY["phone_system"], "base_url": "https://PBX.example.test:5001/"}
    apply_settings(context, "oslo", {"phone_system": phone_system}, "test")
    assert "also managed by oslo" in mary.get("/console/settings/phone-system").text
    assert "also managed by default" in mary.get("/console/sites/oslo/settings/phone-system").text
    told = {check.name: check.message for check in diagnose(context)}
    assert "managed by 'oslo'" in told["shared phone system of default"]
    told = {check.name: check.message for check in diagnose(context, ["oslo"])}
    assert "another site" in told["shared phone system of oslo"]
    assert "shared phone system of default" not in told


def test_the_last_time_in_sync_is_that_of_no_preview(context: Context) -> None:
    run = make_run(context, RunKind.PREVIEW)
    complete_units(context, run, [])
    set_state(context, run, RunState.IN_STEP, finished_at=datetime.now(UTC))
    (row,) = read_sites(context, ALL)
    assert row.last_good_at is None
    set_state(context, run, RunState.DONE, approved_at=datetime.now(UTC))
    (row,) = read_sites(context, ALL)
    assert row.last_good_at is not None
