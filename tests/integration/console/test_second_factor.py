"""Second factors: set up, asked for after the password, required by role, lost and reset."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyotp.totp import TOTP
from sqlalchemy import select, update

from services.api.access import accounts, lockout, sessions
from services.api.access.factors import apps, owned
from services.api.access.sessions import is_open
from services.api.operations.use_cases import key_rotation
from services.api.settings.use_cases import sections as settings
from services.cli.main import main
from shared.database.tables import Account, AuditEntry, FactorKind, SecondFactor, SignInAttempt
from shared.encryption import Encryption, new_key
from shared.worker.context import Context
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import PASSWORD, Open
from tests.support.tables import everything_in

pytestmark = pytest.mark.usefixtures("people")
SECOND_STEP = "/console/sign-in/second-factor"


def _account(context: Context, name: str) -> Account:
    return accounts.account_named(context, name)


def _give(context: Context, name: str = "mary") -> tuple[str, list[str]]:
    """An app for the account, as of long ago, and its recovery codes."""
    secret = apps.new_secret()
    account = _account(context, name)
    codes = owned.add_app(context, account.id, secret, TOTP(secret).now(), "Phone", "test")
    assert codes
    with context.database.begin() as session:
        session.execute(update(SecondFactor).values(counter=0))
    return secret, codes


def _code(secret: str) -> str:
    return TOTP(secret).now()


def _require(context: Context, role: str) -> None:
    settings.apply_settings(context, "default", {"second_factor": {"required_for": role}}, "test")


def _at_second_step(browser: Browser, name: str = "mary") -> Page:
    page = browser.sign_in(name, PASSWORD)
    assert page.response.url.path == SECOND_STEP
    # The password alone is no way in.
    assert browser.get("/console/accounts").response.url.path == "/console/sign-in"
    return browser.get(SECOND_STEP)


def _actions(context: Context) -> list[str]:
    with context.database.read() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_somebody_sets_up_an_app_and_signs_in_with_it(context: Context, browser: Open) -> None:
    mary = browser("mary")
    page = mary.get("/console/account/security")
    refused = mary.send(page, "/security/app", {"password": "wrong horse battery"})
    assert "is wrong" in refused.text
    page = mary.send(page, "/security/app", {"password": PASSWORD})
    secret = re.search(r"Key: (\w{32})", page.text)
    assert secret is not None
    drawn = mary.http.get("/console/account/security/app.svg")
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert "wrong" in mary.send(page, "/app/confirm", {"code": "000000"}).text
    page = mary.send(page, "/app/confirm", {"code": _code(secret[1]), "label": "My phone"})
    codes = re.findall(r"\w{4}-\w{4}-\w{4}-\w{4}", page.text)
    assert len(codes) == 10
    assert "My phone" in mary.get("/console/account/security").text
    # Neither the key nor a code can be read in the database.
    everything = everything_in(context.database)
    assert not [
        text for text in (secret[1], *codes) if text in everything or text.replace("-", "") in everything
    ]
    with context.database.begin() as session:
        session.execute(update(SecondFactor).values(counter=0))
    other = browser()
    page = other.send(_at_second_step(other), "/second-factor", {"code": _code(secret[1])})
    assert page.response.url.path == "/console/"
    assert "Mary" in page.text


def test_a_code_and_a_recovery_code_each_count_once_also_at_the_same_moment(context: Context) -> None:
    secret, codes = _give(context)
    account = _account(context, "mary")
    for code, kind in ((_code(secret), FactorKind.APP), (codes[0], FactorKind.RECOVERY_CODE)):
        with ThreadPoolExecutor(4) as pool:
            at_once = [pool.submit(owned.use_code, context, account.id, code) for _ in range(4)]
            found = [one.result() for one in at_once]
        assert sorted(found, key=lambda one: one is not None) == [None, None, None, kind]
    assert owned.factors_of(context, account.id).recovery_codes == 9


def test_a_recovery_code_signs_in_and_guessing_is_slowed_down(context: Context, browser: Open) -> None:
    _, codes = _give(context)
    anybody = browser()
    page = _at_second_step(anybody)
    for _ in range(lockout.FREE_FOR_A_NAME):
        assert anybody.send(page, "/second-factor", {"code": "000000"}).status == 401
    locked = anybody.send(page, "/second-factor", {"code": codes[0]})
    assert locked.status == 429
    assert "Wait 15 seconds" in locked.text
    assert "Retry-After" in locked.response.headers
    assert "sign_in.locked" in _actions(context)
    with context.database.begin() as session:
        session.execute(update(SignInAttempt).values(locked_until=None))
    assert anybody.send(page, "/second-factor", {"code": codes[0].upper()}).response.url.path == "/console/"
    assert "second_factor.recovery_code_used" in _actions(context)


def test_a_second_step_is_good_once_in_one_browser_and_not_for_a_disabled_account(
    context: Context, browser: Open
) -> None:
    secret, codes = _give(context, "vera")
    one, other = browser(), browser()
    page = _at_second_step(one, "vera")
    assert other.get(SECOND_STEP).response.url.path == "/console/sign-in"
    form = page.form("/second-factor").filled({"code": codes[0]})
    other.get("/console/sign-in")
    foreign = other.http.post(SECOND_STEP, data=form)
    assert foreign.status_code == 403
    step = one.http.cookies["rollcall_step"]
    assert one.send(page, "/second-factor", {"code": _code(secret)}).response.url.path == "/console/"
    again = browser()
    page = again.get("/console/sign-in")
    again.http.cookies.set("rollcall_step", step, path="/console")
    assert again.get(SECOND_STEP).response.url.path == "/console/sign-in"
    again = browser()
    page = _at_second_step(again, "vera")
    accounts.disable(context, _account(context, "vera").id, "test")
    assert again.send(page, "/second-factor", {"code": codes[1]}).response.url.path != "/console/"


def test_a_role_that_requires_one_sets_it_up_at_the_next_sign_in(context: Context, browser: Open) -> None:
    before = browser("mary")
    session = before.http.cookies["rollcall_session"]
    assert is_open(context, session)
    _require(context, "managers")
    # An event stream looks every few seconds.
    assert not is_open(context, session)
    # Counts from the next click, and for no other role.
    assert before.get("/console/").response.url.path == "/console/sign-in"
    assert browser("oscar").get("/console/").status == 200
    mary = browser()
    page = mary.sign_in("mary", PASSWORD)
    secret = re.search(r"Key: (\w{32})", page.text)
    assert secret is not None
    assert mary.http.get(f"{SECOND_STEP}/app.svg").status_code == 200
    page = mary.send(page, "/second-factor/app", {"code": _code(secret[1])})
    assert len(re.findall(r"\w{4}-\w{4}-\w{4}-\w{4}", page.text)) == 10
    assert mary.get("/console/").response.url.path == "/console/"
    # The last one cannot be removed while the role needs it.
    page = mary.get("/console/account/security")
    assert "Your role requires" in mary.send(page, "/remove", {"password": PASSWORD}).text
    _require(context, "nobody")
    mary.send(mary.get("/console/account/security"), "/remove", {"password": PASSWORD})
    assert not owned.factors_of(context, _account(context, "mary").id).any
    assert not owned.factors_of(context, _account(context, "mary").id).recovery_codes


def test_whoever_has_one_cannot_set_up_another_with_the_password_alone(
    context: Context, browser: Open
) -> None:
    _require(context, "managers")
    anybody = browser()
    page = anybody.sign_in("mary", PASSWORD)
    secret = re.search(r"Key: (\w{32})", page.text)
    assert secret is not None
    _give(context)
    page = anybody.send(page, "/second-factor/app", {"code": _code(secret[1])})
    assert page.response.url.path != "/console/"
    assert len(owned.factors_of(context, _account(context, "mary").id).apps) == 1
    assert anybody.http.get(f"{SECOND_STEP}/app.svg").status_code == 404


def test_changing_the_password_keeps_this_browser_past_its_second_step(
    context: Context, browser: Open
) -> None:
    secret, _ = _give(context)
    _require(context, "managers")
    mary = browser()
    mary.send(_at_second_step(mary), "/second-factor", {"code": _code(secret)})
    another = "seven quiet rivers"
    values: dict[str, Any] = {"password_now": PASSWORD, "password": another, "password_again": another}
    assert "Password changed" in mary.send(mary.get("/console/account"), "/account/password", values).text
    assert mary.get("/console/").response.url.path == "/console/"


def test_another_manager_resets_what_was_lost_and_shows_their_password_for_it(
    context: Context, browser: Open
) -> None:
    _give(context, "oscar")
    oscar = _account(context, "oscar").id
    token = sessions.open_session(context, _account(context, "oscar"), "10.0.0.7", "app")
    mary = browser("mary")
    page = mary.get("/console/accounts")
    assert "wrong" in mary.send(page, f"/{oscar}/second-factor/reset", {"own_password": "wrong horse"}).text
    assert owned.factors_of(context, oscar).any
    mary.send(page, f"/{oscar}/second-factor/reset", {"own_password": PASSWORD})
    assert not owned.factors_of(context, oscar).any
    assert sessions.visitor_of(context, token) is None
    assert "second_factor.reset" in _actions(context)
    own = _account(context, "mary").id
    answer = mary.http.post(f"/console/accounts/{own}/second-factor/reset", data={
        "form_token": page.forms[0].filled({})["form_token"][0], "own_password": PASSWORD})  # fmt: skip
    assert answer.status_code == 409


def test_the_host_resets_one_and_makes_a_way_in_whatever_is_required(
    context: Context, browser: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    _give(context)
    _require(context, "everyone")
    data = ["--data", str(Path(context.settings.data))]
    assert main([*data, "console", "reset-second-factor", "Mary"]) == 0
    assert not owned.factors_of(context, _account(context, "mary").id).any
    assert main([*data, "console", "reset-second-factor", "nobody"]) != 0
    capsys.readouterr()
    assert main([*data, "console", "setup-link"]) == 0
    _, _, code = capsys.readouterr().out.split()
    new = browser()
    page = new.get("/console/set-up")
    values: dict[str, Any] = {"code": code, "name": "hana", "password": PASSWORD}
    page = new.send(page, "/set-up", values)
    secret = re.search(r"Key: (\w{32})", page.text)
    assert secret is not None
    new.send(page, "/second-factor/app", {"code": _code(secret[1])})
    assert new.get("/console/accounts").status == 200


def test_another_key_reads_the_secrets_of_apps_too(context: Context) -> None:
    secret, _ = _give(context)
    old = context.encryption.keys[0]
    both = replace(context, encryption=Encryption(new_key(), old))
    assert key_rotation.key_state(both).older >= 1
    key_rotation.encrypt_anew(both)
    assert key_rotation.key_state(both).older == 0
    account = _account(context, "mary")
    later = datetime.now(UTC) + timedelta(seconds=60)
    code = TOTP(secret).at(later)
    assert owned.use_code(both, account.id, code, later) is FactorKind.APP
