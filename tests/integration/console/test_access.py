"""Who may do what: every form of the console is tried by those who may not send it."""

import re

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import MetaData

from services.api.console.request import FORM_FIELD
from services.api.console_app import PAGES
from shared.worker.context import Context
from tests.integration.api.builders import make_plan
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")

# What everybody may do who is signed in, or nobody is.
_ONES_OWN = {
    "/sign-in",
    "/sign-out",
    "/sign-out-everywhere",
    "/set-up",
    "/account/password",
    "/account/dates",
    "/account/look",
    "/account/menu",
    "/sign-in/second-factor",
    "/sign-in/second-factor/app",
    "/account/security/app",
    "/account/security/app/confirm",
    "/sign-in/second-factor/passkey",
    "/account/security/passkey",
    "/account/security/passkey/confirm",
    "/account/security/recovery-codes",
    "/account/security/{factor_id}/remove",
}
# What the page for signing in needs.
_OPEN = {
    "/sign-in",
    "/sign-in/second-factor",
    "/sign-in/second-factor/app",
    "/sign-in/second-factor/app.svg",
    "/sign-in/second-factor/passkey",
    "/sign-in/openid",
    "/sign-in/openid/back",
    "/sign-in/openid/leave",
    "/set-up",
    "/branding.css",
    "/branding/logo/{name}",
}
_OPERATORS = {
    "/people/release",
    "/leaving/decide",
    "/owed/decide",
    "/notifications/decide",
    "/people/welcome",
    "/templates/write-again",
    "/runs",
    "/runs/{run_id}/approve",
    "/runs/{run_id}/reject",
    "/runs/{run_id}/cancel",
    "/runs/{run_id}/apply-now",
    "/runs/{run_id}/undo",
    "/hold",
}
_FILLED = {
    "name": "faq",
    "run_id": "1",
    "slug": "limits",
    "account_id": "1",
    "factor_id": "1",
    "token_id": "1",
}


def _routes(method: str) -> set[str]:
    found = {
        route.path
        for module in PAGES
        for route in module.router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ())
    }
    assert len(found) > 12
    return found


def _address(path: str) -> str:
    return "/console" + re.sub(r"{(\w+)}", lambda found: _FILLED[found[1]], path)


def _rows(context: Context) -> dict[str, int]:
    """How much every table holds, but for what each visit leaves."""
    metadata = MetaData()
    metadata.reflect(context.database.engine)
    with context.database.read() as session:
        return {
            table.name: len(session.execute(table.select()).all())
            for table in metadata.sorted_tables
            if table.name not in ("console_sessions", "sign_in_attempts")
        }


def _form_token(text: str) -> str:
    found = re.search(f'name="{FORM_FIELD}" value="([0-9a-f]+)"', text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("name", "allowed"), [("vera", _ONES_OWN), ("oscar", _ONES_OWN | _OPERATORS)])
def test_nobody_does_by_direct_post_what_their_role_may_not(
    context: Context, browser: Open, name: str, allowed: set[str]
) -> None:
    make_plan(context)
    paths = _routes("POST")
    assert paths >= allowed
    forbidden = sorted(paths - allowed)
    assert len(forbidden) >= 9
    somebody = browser(name)
    values = {FORM_FIELD: _form_token(somebody.get("/console/").response.text)}
    before = _rows(context)
    for path in forbidden:
        answer = somebody.http.post(_address(path), data=values)
        assert answer.status_code == 403, path
        assert "Not allowed" in answer.text, path
    assert _rows(context) == before


def test_without_signing_in_no_page_is_shown_and_no_form_taken(context: Context, browser: Open) -> None:
    make_plan(context)
    nobody = browser()
    values = {FORM_FIELD: _form_token(nobody.get("/console/sign-in").response.text)}
    before = _rows(context)
    for path in sorted(_routes("GET") - _OPEN):
        answer = nobody.http.get(_address(path), follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith("/console/sign-in?next=%2Fconsole"), path
    for path in sorted(_routes("POST") - _OPEN):
        answer = nobody.http.post(_address(path), data=values, follow_redirects=False)
        assert (answer.status_code, answer.headers.get("Location")) == (303, "/console/sign-in"), path
    assert _rows(context) == before


def test_every_form_refuses_a_missing_or_foreign_token(context: Context, browser: Open) -> None:
    make_plan(context)
    mary = browser("mary")
    foreign = _form_token(browser("oscar").get("/console/").response.text)
    before = _rows(context)
    for path in sorted(_routes("POST") - {"/set-up"}):
        for values in ({}, {FORM_FIELD: foreign}):
            answer = mary.http.post(_address(path), data=values)
            assert answer.status_code == 403, path
            assert "has expired" in answer.text, path
    assert _rows(context) == before


def test_a_viewer_sees_the_settings_but_no_button_that_changes_anything(
    context: Context, browser: Open
) -> None:
    run_id, _ = make_plan(context)
    vera = browser("vera")
    for path in ("/", "/runs", f"/runs/{run_id}", f"/runs/{run_id}/plan", "/log", "/settings/directory",
                 "/settings/units", "/settings/limits/history", "/people?q=100"):  # fmt: skip
        page = vera.get(f"/console{path}")
        assert page.status == 200 or path.startswith("/people")
        changing = [form.action for form in page.forms if form.method == "post"]
        # The form of the settings is there to be read; it has no button. The menu is one's own.
        own = ("sign-out", "/account/menu", "/settings/")
        assert all(any(part in action for part in own) for action in changing), path
        assert all(not form.buttons for form in page.forms if "/settings/" in form.action), path
    for path in ("/accounts", "/tokens", "/log/clear"):
        assert vera.get(f"/console{path}").status == 403
    assert not {"/console/accounts", "/console/tokens"} & set(vera.get("/console/").links)
