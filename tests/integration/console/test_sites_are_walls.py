"""Nobody of one site sees or touches another's: every page with every role, from the console's own list of pages."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from sqlalchemy import select

from services.api.access.bearer import check_operations
from services.api.access.site_roles import SiteRoles, store
from services.api.console.request import FORM_FIELD
from services.api.console.scope import Gate, Scope, check_pages
from services.api.console_app import PAGES
from services.api.log.use_cases.log import LogFilter, read_log
from services.api.runs import following
from services.api.runs.use_cases import runs
from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases.sites import create_site
from shared.database import events
from shared.database.tables import Account, AccountRole, Run, SettingsVersion
from shared.worker.context import Context
from tests.integration.api.builders import make_plan
from tests.integration.api.conftest import READY
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import Open
from tests.integration.console.test_access import _form_token, _rows

pytestmark = pytest.mark.usefixtures("people", "ready")

MARK = "Quasar Ltd."
_FILLED = {"slug": "schedule", "account_id": "1", "factor_id": "1", "token_id": "1"}


def _pages(scope: Scope) -> list[tuple[str, str]]:
    """Method and path of every page of this scope."""
    found = []
    for module in PAGES:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            gates = [need.call for need in route.dependant.dependencies if isinstance(need.call, Gate)]
            if [gate.scope for gate in gates] == [scope]:
                found += [(method, route.path) for method in sorted(route.methods or ())]
    assert len(found) > 5
    return found


def _address(path: str, run_id: int) -> str:
    return re.sub(r"{(\w+)}", lambda found: {**_FILLED, "run_id": str(run_id)}[found[1]], path)


@pytest.fixture
def oslo(context: Context) -> int:
    """A second site with settings, a Log, and a plan that waits, whose id this is; all of it carries the mark."""
    create_site(context, "oslo", "test", f"Oslo {MARK}")
    settings.apply_settings(context, "oslo", READY, f"account:{MARK}")
    run_id, _ = make_plan(context)
    with context.database.begin() as session:
        session.get_one(Run, run_id).site_id = "oslo"
        session.get_one(Run, run_id).actor = MARK
        events.record(session, "oslo", events.LogEntry("run.held", f"A plan of {MARK} waits.", run_id=run_id))
    return run_id


@pytest.fixture
def local(context: Context, oslo: int, browser: Open) -> Iterator[dict[AccountRole, Browser]]:
    """Somebody of each role at site default alone, signed in."""
    with context.database.begin() as session:
        for account in session.scalars(select(Account)):
            store(account, SiteRoles(at={"default": AccountRole(account.role)}))
    with ExitStack():
        yield {role: browser(name) for name, role in zip(("vera", "oscar", "mary"), AccountRole, strict=True)}


def test_no_page_of_a_site_is_there_for_those_of_another(
    context: Context, oslo: int, local: dict[AccountRole, Browser]
) -> None:
    before = _rows(context)
    for role, somebody in local.items():
        token = _form_token(somebody.get("/console/").response.text)
        for method, path in _pages(Scope.SITE):
            # Under the other site's address; and under one's own, what belongs to the other.
            below = ["/sites/oslo", "/sites/nowhere", *(["", "/sites/default"] if "run_id" in path else [])]
            for prefix in below:
                address = f"/console{prefix}{_address(path, oslo)}"
                answer = somebody.http.request(
                    method, address, data={FORM_FIELD: token} if method == "POST" else None
                )
                assert answer.status_code == 404, (role, method, address, answer.status_code)
                assert MARK not in answer.text, (role, method, address)
    assert _rows(context) == before


def test_nothing_of_another_site_is_on_any_page_of_ones_own(
    context: Context, oslo: int, local: dict[AccountRole, Browser]
) -> None:
    manager = local[AccountRole.MANAGER]
    for method, path in _pages(Scope.SITE):
        if method == "GET" and "run_id" not in path and "choices" not in path:
            answer = manager.http.get(f"/console{_address(path, oslo)}")
            assert answer.status_code < 404, path
            assert MARK not in answer.text, path
    for asked in (f"/log?run={oslo}", f"/log/export?run={oslo}", "/people?q=100", f"/log?text={MARK}"):
        answer = manager.http.get(f"/console{asked}")
        assert f"of {MARK} waits" not in answer.text, asked


def test_what_belongs_to_all_sites_is_for_those_of_all_sites(
    context: Context, local: dict[AccountRole, Browser]
) -> None:
    before = _rows(context)
    for somebody in local.values():
        token = _form_token(somebody.get("/console/").response.text)
        for method, path in _pages(Scope.ALL_SITES):
            answer = somebody.http.request(
                method, f"/console{_address(path, 1)}", data={FORM_FIELD: token} if method == "POST" else None
            )
            assert answer.status_code == 403, (method, path)
        for slug in ("password", "ad-accounts", "single-sign-on", "second-factor"):
            assert somebody.http.get(f"/console/settings/{slug}").status_code == 403
            assert f"/console/settings/{slug}" not in somebody.get("/console/settings/limits").links
        for path in ("/accounts", "/tokens"):
            assert f"/console{path}" not in somebody.get("/console/").links
    assert _rows(context) == before


def test_the_approval_that_a_form_of_the_wizard_holds_is_of_its_site(
    context: Context, oslo: int, local: dict[AccountRole, Browser]
) -> None:
    manager = local[AccountRole.MANAGER]
    with context.database.read() as session:
        plan_hash = session.get_one(Run, oslo).plan_hash
    token = _form_token(manager.get("/console/").response.text)
    form = {FORM_FIELD: token, "action": "approve", "run": str(oslo), "plan_hash": plan_hash}
    assert manager.http.post("/console/wizard/preview", data=form).status_code == 404
    with context.database.read() as session:
        assert session.get_one(Run, oslo).state == "held"


def test_the_diagnostics_of_ones_own_site_do_not_say_who_may_sign_in_at_another(
    context: Context, local: dict[AccountRole, Browser], browser: Open
) -> None:
    rule = {"group": f"CN={MARK}", "role": "manager", "site": "oslo"}
    settings.apply_settings(context, "default", {"directory_groups": {"groups": [rule]}}, "test")
    manager = local[AccountRole.MANAGER]

    def _settings() -> str:
        token = _form_token(manager.get("/console/").response.text)
        answer = manager.http.post("/console/support/diagnostics", data={FORM_FIELD: token})
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return archive.read("sites/default/settings.json").decode()

    assert MARK not in _settings()
    with context.database.begin() as session:
        mary = session.scalars(select(Account).where(Account.name == "mary")).one()
        store(mary, SiteRoles(AccountRole.MANAGER))
    assert MARK in _settings()


@pytest.mark.parametrize("asked", ["", "?check=1"])
def test_what_is_wrong_with_the_settings_of_another_site_is_not_on_ones_own_support_page(
    context: Context, oslo: int, local: dict[AccountRole, Browser], asked: str
) -> None:
    with context.database.begin() as session:
        newest = session.scalars(
            select(SettingsVersion).where(
                SettingsVersion.site_id == "oslo", SettingsVersion.section == "phone_system"
            )
        ).one()
        newest.document = {**newest.document, "base_url": MARK}
    text = local[AccountRole.VIEWER].get(f"/console/support{asked}").text
    assert "another version" not in text
    assert "The key opens every stored secret." in text


def test_no_other_spelling_of_an_address_leads_to_another_site(
    context: Context, oslo: int, local: dict[AccountRole, Browser]
) -> None:
    create_site(context, "osl", "test")
    before = _rows(context)
    manager = local[AccountRole.MANAGER]
    token = _form_token(manager.get("/console/").response.text)
    spelled = ("/sites/OSLO", "/sites/%6fslo", "/sites/%256fslo", "/sites/oslo%2F", "/sites/oslo%20", "//sites/oslo", "/sites/osl",
               "/sites/default/%2e%2e/oslo", "/sites/default%2f..%2foslo", "/sites/default%0a", "/sites/*")  # fmt: skip
    for method in ("GET", "HEAD", "POST"):
        for prefix in spelled:
            for page in ("/log", f"/runs/{oslo}"):
                answer = manager.http.request(
                    method,
                    f"/console{prefix}{page}",
                    data={FORM_FIELD: token} if method == "POST" else None,
                    follow_redirects=False,
                )
                # A method that a page does not have says nothing of whose it is.
                assert answer.status_code in ((404,) if method == "GET" else (404, 405)), (method, prefix)
                assert MARK not in answer.text
    assert _rows(context) == before


def test_a_stream_of_another_site_ends_with_the_role_there_whatever_else_is_followed(
    context: Context, oslo: int, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "CHECK_SECONDS", 0.2)
    vera = browser("vera")
    with context.database.begin() as session:
        account = session.scalars(select(Account).where(Account.name == "vera")).one()
        store(account, SiteRoles(at={"default": AccountRole.VIEWER, "oslo": AccountRole.VIEWER}))
    mine, _ = make_plan(context)
    with (
        vera.http.stream("GET", f"/console/runs/{mine}/events") as kept,
        vera.http.stream("GET", f"/console/sites/oslo/runs/{oslo}/events") as lost,
    ):
        here, there = kept.iter_lines(), lost.iter_lines()
        assert next(here)
        assert next(there)
        with context.database.begin() as session:
            account = session.scalars(select(Account).where(Account.name == "vera")).one()
            store(account, SiteRoles(at={"default": AccountRole.VIEWER}))
        # It ends without having been told the end of the run.
        assert "event: end" not in [*there]
        runs.cancel(context, mine, "test")
        assert "event: end" in [*here]


def test_somebody_of_all_sites_works_at_each_under_its_address(
    context: Context, oslo: int, browser: Open
) -> None:
    mary = browser("mary")
    page = mary.get("/console/sites/oslo/")
    assert page.status == 200
    assert f"Oslo {MARK}" in page.response.text
    # The links of a site's page lead to pages of the same site.
    assert {"/console/sites/oslo/runs", "/console/sites/oslo/settings"} <= set(page.links)
    assert mary.get(f"/console/sites/oslo/runs/{oslo}/plan").status == 200
    moved = mary.get(f"/console/runs/{oslo}/plan?kind=CreateExtension")
    assert moved.response.url.path == f"/console/sites/oslo/runs/{oslo}/plan"
    assert moved.response.url.query == b"kind=CreateExtension"
    token = _form_token(page.response.text)
    confirmed = mary.http.post("/console/sites/oslo/log/clear", data={FORM_FIELD: token, "confirm": "clear"})
    assert confirmed.url.path == "/console/sites/oslo/log"
    assert not list(read_log(context, "oslo", LogFilter(text="waits")).entries)


def test_somebody_of_one_site_lands_there(context: Context, oslo: int, browser: Open) -> None:
    with context.database.begin() as session:
        vera = session.scalars(select(Account).where(Account.name == "vera")).one()
        store(vera, SiteRoles(at={"oslo": AccountRole.VIEWER}))
    somebody = browser()
    page = somebody.sign_in("vera", "quiet river stone")
    assert page.response.url.path == "/console/sites/oslo/"
    assert page.status == 200
    assert somebody.get(f"/console/sites/oslo/runs/{oslo}").status == 200
    answer = somebody.http.post(
        f"/console/sites/oslo/runs/{oslo}/cancel", data={FORM_FIELD: _form_token(page.response.text)}
    )
    assert answer.status_code == 403


def test_a_sign_in_under_the_address_of_a_site_is_not_there(browser: Open) -> None:
    nobody = browser()
    assert nobody.http.get("/console/sites/oslo/sign-in").status_code == 404


def test_a_page_that_does_not_say_whose_it_is_lets_no_console_start() -> None:
    router = APIRouter()
    router.add_api_route("/planted", lambda: None)
    with pytest.raises(LookupError, match="/planted must say"):
        check_pages(router.routes)


def test_a_page_asked_for_by_an_id_whose_site_nobody_knows_lets_no_console_start() -> None:
    def _planted(event_id: int) -> None:
        """A page of one event."""

    router = APIRouter()
    router.add_api_route("/events/{event_id}", _planted, dependencies=[Depends(Gate(Scope.SITE))])
    with pytest.raises(LookupError, match="whose the event_id"):
        check_pages(router.routes)


@pytest.mark.parametrize(
    ("path", "operation"), [("/planted", "listSites2"), ("/events/{event_id}", "readRun")]
)
def test_an_operation_that_does_not_say_whose_it_is_lets_no_api_start(path: str, operation: str) -> None:
    router = APIRouter()
    router.add_api_route(path, lambda: None, operation_id=operation)
    with pytest.raises(LookupError, match=operation):
        check_operations(router.routes)


def test_a_manager_of_all_sites_gives_an_account_its_role_at_one_site(
    context: Context, oslo: int, browser: Open
) -> None:
    mary = browser("mary")
    with context.database.read() as session:
        vera, manager = (
            session.scalars(select(Account.id).where(Account.name == name)).one() for name in ("vera", "mary")
        )
    page = mary.get("/console/accounts")
    assert page.mistakes == []
    mary.send(page, f"/accounts/{vera}/role", {"role": "manager", "site": "oslo"})
    page = mary.get("/console/accounts")
    assert "manager at oslo, viewer at all sites" in page.text
    page = mary.send(page, f"/accounts/{vera}/role", {"role": "none", "site": ""})
    assert "manager at oslo" in page.text
    assert "viewer at all sites" not in page.text
    # Nobody without a role, and always a manager of all sites.
    refused = mary.send(page, f"/accounts/{vera}/role", {"role": "none", "site": "oslo"})
    assert "would have no role" in refused.text
    refused = mary.send(page, f"/accounts/{manager}/role", {"role": "viewer", "site": ""})
    assert "Give another account the manager role" in refused.text
    assert mary.send(page, f"/accounts/{vera}/role", {"role": "viewer", "site": "rome"}).status == 404
