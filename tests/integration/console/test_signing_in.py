"""Signing in and out, lock-out, the set-up link, and what every answer of the console carries."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update

from services.api.access import accounts, lockout, sessions, setup_link
from services.api.access.passwords import hashing
from services.api.console.request import FORM_COOKIE, FORM_FIELD, SESSION_COOKIE
from shared.database.tables import Account, AccountRole, AuditEntry, ConsoleSession, SetupLink, SignInAttempt
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.worker.context import Context
from tests.integration.api.conftest import serving
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import PASSWORD, Open


@pytest.mark.usefixtures("people")
def test_somebody_signs_in_sees_their_name_and_signs_out(browser: Open) -> None:
    vera = browser()
    first = vera.get("/console/")
    assert first.response.url.path == "/console/sign-in"
    page = vera.sign_in(" Vera ", PASSWORD)
    assert page.response.url.path == "/console/"
    assert "Vera" in page.text
    assert "viewer" in page.text
    left = vera.send(page, "/sign-out")
    assert left.response.url.path == "/console/sign-in"
    assert SESSION_COOKIE not in vera.http.cookies
    assert vera.get("/console/").response.url.path == "/console/sign-in"


@pytest.mark.usefixtures("people")
def test_a_session_that_was_signed_out_is_good_no_more(browser: Open) -> None:
    vera = browser("vera")
    token = vera.http.cookies[SESSION_COOKIE]
    vera.send(vera.get("/console/"), "/sign-out")
    thief = browser()
    thief.http.cookies.set(SESSION_COOKIE, token, path="/console")
    assert thief.get("/console/").response.url.path == "/console/sign-in"


@pytest.mark.usefixtures("people")
def test_signing_in_leads_back_to_the_page_one_came_for_but_never_elsewhere(browser: Open) -> None:
    vera = browser()
    page = vera.get("/console/?x=1")
    arrived = vera.send(page, "/sign-in", {"name": "vera", "password": PASSWORD})
    assert str(arrived.response.url).endswith("/console/?x=1")
    for external in (
        "https://evil.example/console/",
        "//evil.example",
        "/\\evil.example",
        "/console\\@evil.example",
    ):
        other = browser()
        page = other.get("/console/sign-in?" + str(httpx.QueryParams(next=external)))
        arrived = other.send(page, "/sign-in", {"name": "vera", "password": PASSWORD})
        assert arrived.response.url.path == "/console/", external
        assert "evil" not in str(arrived.response.url.host)


@pytest.mark.usefixtures("people")
def test_a_refusal_does_not_tell_whether_the_name_exists(browser: Open) -> None:
    wrong = [browser().sign_in(name, "wrong horse battery") for name in ("mary", "nobody")]
    assert [page.status for page in wrong] == [401, 401]
    told = [re.search(r"The name or the password is wrong[^.]*\.", page.text) for page in wrong]
    assert told[0] is not None
    assert told[1] is not None
    assert told[0][0] == told[1][0]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ["mary", "nobody"])
def test_too_many_failures_lock_a_name_for_longer_and_longer(context: Context, name: str) -> None:
    now = datetime.now(UTC)
    waits = []
    for number in range(40):
        wait = lockout.count_attempt(context, name, f"10.0.0.{number}", now)
        if wait is not None:
            waits.append(wait)
            now += wait
    assert waits[:4] == [lockout.FIRST_LOCK * factor for factor in (1, 2, 4, 8)]
    assert waits[-1] == lockout.LONGEST_LOCK
    assert waits == sorted(waits)


@pytest.mark.usefixtures("people")
def test_a_locked_name_is_refused_even_with_the_right_password_and_told_how_long(browser: Open) -> None:
    guesser = browser()
    for _ in range(lockout.FREE_FOR_A_NAME):
        assert guesser.sign_in("mary", "wrong horse battery").status == 401
    page = guesser.sign_in("mary", PASSWORD)
    assert page.status == 429
    assert "Wait 1" in page.text
    assert 1 <= int(page.response.headers["Retry-After"]) <= 15
    assert guesser.get("/console/").response.url.path == "/console/sign-in"
    # Somebody else at the same address is not kept out.
    assert browser("vera").get("/console/").status == 200


def test_nobody_is_locked_out_by_others_where_they_signed_in_before(context: Context, browser: Open) -> None:
    accounts.create_account(context, "anna", "", AccountRole.MANAGER, PASSWORD, "test")
    home, external = "198.51.100.7", "203.0.113.9"
    sessions.sign_in(context, "anna", PASSWORD, home)
    for _ in range(lockout.FREE_FOR_A_NAME):
        with pytest.raises(sessions.SignInRefused):
            sessions.sign_in(context, "anna", "guessed", external)
    # Locked for everybody else, right or wrong, and not where anna is known.
    for address in (external, "192.0.2.1"):
        with pytest.raises(sessions.SignInRefused, match="Too many"):
            sessions.sign_in(context, "anna", PASSWORD, address)
    sessions.sign_in(context, "anna", PASSWORD, home)
    with pytest.raises(sessions.SignInRefused, match="Too many"):
        sessions.sign_in(context, "anna", PASSWORD, external)
    # Whoever guesses there is locked there too.
    for _ in range(lockout.FREE_FOR_A_NAME):
        with pytest.raises(sessions.SignInRefused, match="wrong"):
            sessions.sign_in(context, "anna", "guessed", home)
    with pytest.raises(sessions.SignInRefused, match="Too many"):
        sessions.sign_in(context, "anna", PASSWORD, home)


def test_an_address_is_known_for_thirty_days_after_the_last_sign_in(context: Context) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    lockout.forgive(context, {"anna"}, "198.51.100.7", remember_address=True)
    with context.database.begin() as session:
        session.execute(update(SignInAttempt).values(last_failed_at=now))

    def _wait(address: str, days: int) -> timedelta | None:
        return lockout.count_attempt(context, "anna", address, now + timedelta(days=days))

    for later, is_known in ((29, True), (60, False)):
        for _ in range(lockout.FREE_FOR_A_NAME):
            _wait("203.0.113.9", later)
        assert (_wait("198.51.100.7", later) is None) is is_known


def test_an_address_that_tries_many_names_is_locked(context: Context) -> None:
    waits = [
        lockout.count_attempt(context, f"name{number}", "10.0.0.1")
        for number in range(lockout.FREE_FOR_AN_ADDRESS + 1)
    ]
    assert waits[:-1] == [None] * lockout.FREE_FOR_AN_ADDRESS
    assert waits[-1] is not None
    assert lockout.count_attempt(context, "other", "10.0.0.2") is None


def test_one_network_of_ipv6_is_one_address(context: Context) -> None:
    for number in range(lockout.FREE_FOR_AN_ADDRESS):
        assert lockout.count_attempt(context, f"name{number}", f"2001:db8:1:2::{number + 1:x}") is None
    assert lockout.count_attempt(context, "another", "2001:db8:1:2:ffff::1") is not None
    assert lockout.count_attempt(context, "another", "2001:db8:1:3::1") is None


@pytest.mark.usefixtures("people")
def test_signing_in_forgives_the_failures_before_it(context: Context) -> None:
    for _ in range(3):
        for _ in range(lockout.FREE_FOR_A_NAME - 1):
            with pytest.raises(sessions.SignInRefused):
                sessions.sign_in(context, "mary", "wrong horse battery", "10.0.0.1")
        sessions.sign_in(context, "mary", PASSWORD, "10.0.0.1")


@pytest.mark.usefixtures("people")
def test_a_session_ends_when_idle_and_after_a_working_day(context: Context) -> None:
    token = sessions.sign_in(context, "vera", PASSWORD, "10.0.0.1")
    now = datetime.now(UTC)
    assert sessions.visitor_of(context, token, now + sessions.IDLE - timedelta(minutes=1)) is not None
    with context.database.read() as session:
        seen = session.scalars(select(ConsoleSession.last_seen_at)).one()
    assert sessions.visitor_of(context, token, seen + sessions.IDLE) is None
    with context.database.begin() as session:
        session.execute(update(ConsoleSession).values(last_seen_at=now + sessions.LONGEST))
    assert sessions.visitor_of(context, token, now + sessions.LONGEST) is None


@pytest.mark.usefixtures("people")
def test_signing_out_everywhere_ends_the_other_browsers_too(browser: Open) -> None:
    here, there = browser("oscar"), browser("oscar")
    here.send(here.get("/console/account"), "/sign-out-everywhere")
    assert there.get("/console/").response.url.path == "/console/sign-in"


@pytest.mark.usefixtures("people")
def test_a_disabled_account_is_out_at_once_and_cannot_come_back(context: Context, browser: Open) -> None:
    oscar = browser("oscar")
    account = next(item for item in accounts.list_accounts(context) if item.name == "oscar")
    accounts.disable(context, account.id, "test")
    assert oscar.get("/console/").response.url.path == "/console/sign-in"
    assert browser().sign_in("oscar", PASSWORD).status == 401
    accounts.enable(context, account.id, "test")
    assert browser("oscar").get("/console/").status == 200


@pytest.mark.usefixtures("people")
def test_the_last_manager_can_neither_be_disabled_nor_made_less(context: Context) -> None:
    mary = next(item for item in accounts.list_accounts(context) if item.name == "mary")
    with pytest.raises(Conflict, match="last manager"):
        accounts.disable(context, mary.id, "test")
    with pytest.raises(Conflict, match="last manager"):
        accounts.change_role(context, mary.id, AccountRole.VIEWER, "test")
    assert accounts.has_manager(context)


def test_the_code_of_the_set_up_link_makes_one_manager_and_signs_them_in(
    context: Context, browser: Open
) -> None:
    first = browser()
    assert "setup-link" in first.get("/console/sign-in").text
    path, code = "/console/set-up", setup_link.make_code(context, "test")
    values: dict[str, str | list[str] | None] = {
        "code": f" {code.lower().replace('-', ' ')} ", "name": "Anna", "display_name": "Anna Admin",
        "password": PASSWORD,
    }  # fmt: skip
    refused = first.send(first.get(path), path, values | {"password": "short"})
    assert refused.status == 422
    assert "12 to 200 characters" in refused.text
    page = first.send(refused, path, values)
    assert page.response.url.path == "/console/wizard/directory"
    assert "Anna Admin" in page.text
    other = browser()
    refused = other.send(other.get(path), path, values | {"name": "Bert"})
    assert refused.status == 422
    assert "This set-up code is wrong, was used already or is too old." in refused.text
    with context.database.read() as session:
        assert session.scalars(select(Account.role)).all() == ["manager"]
        assert session.scalars(select(AuditEntry.action)).all()[-3:] == [
            "setup_link.made", "account.created", "account.signed_in",
        ]  # fmt: skip
        # Nothing that one could sign in with is stored as it is.
        stored = [
            *session.scalars(select(SetupLink.token_hash)),
            *session.scalars(select(Account.password_hash)),
        ]
    assert PASSWORD not in str(stored)
    assert code not in str(stored)


def test_a_set_up_code_is_good_once_for_a_day_and_until_the_next_one(context: Context) -> None:
    first = setup_link.make_code(context, "test")
    second = setup_link.make_code(context, "test")
    with pytest.raises(NotFound, match="setup-link"):
        setup_link.use_code(context, first, "anna", "", PASSWORD)
    setup_link.use_code(context, second, "anna", "", PASSWORD)
    with pytest.raises(NotFound, match="setup-link"):
        setup_link.use_code(context, second, "bert", "", PASSWORD)
    third = setup_link.make_code(context, "test")
    with context.database.begin() as session:
        session.execute(update(SetupLink).values(expires_at=datetime.now(UTC)))
    with pytest.raises(NotFound):
        setup_link.use_code(context, third, "bert", "", PASSWORD)
    assert [account.name for account in accounts.list_accounts(context)] == ["anna"]


def test_a_code_is_looked_up_before_anything_is_done_with_what_was_typed(context: Context) -> None:
    # A name or password that cannot be one is not even told of: no hash is computed for a stranger.
    with pytest.raises(NotFound):
        setup_link.use_code(context, "guessed", "no name!", "", "short")
    made = setup_link.make_code(context, "test")
    with pytest.raises(SettingsInvalid):
        setup_link.use_code(context, made, "anna", "", "short")


@pytest.mark.usefixtures("people")
def test_while_many_passwords_are_checked_a_sign_in_is_told_so_and_not_counted(
    context: Context, browser: Open
) -> None:
    vera = browser()
    with ExitStack() as stack:
        for _ in range(hashing.AT_ONCE + hashing.IN_QUEUE):
            stack.enter_context(hashing.admitted())
        for _ in range(lockout.FREE_FOR_A_NAME + 1):
            page = vera.sign_in("vera", PASSWORD)
            assert page.status == 503
            assert page.response.headers["Retry-After"] == "3"
    assert "Many passwords" in page.text
    assert vera.sign_in("vera", PASSWORD).response.url.path == "/console/"


@pytest.mark.usefixtures("people")
def test_every_answer_forbids_scripts_of_others_framing_and_keeping(browser: Open) -> None:
    vera = browser("vera")
    for path in ("/console/", "/console/sign-in", "/console/nowhere", "/console/static/console.css"):
        headers = vera.get(path).response.headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
    assert vera.get("/console/").response.headers["Cache-Control"] == "no-store"


@pytest.fixture
def proxied(context: Context) -> Iterator[Browser]:
    """A browser that comes through the named proxy."""
    with serving(context, ["127.0.0.1"]) as client, Browser(str(client.base_url)) as made:
        yield made


@pytest.mark.usefixtures("people")
def test_cookies_are_for_http_alone_and_secure_behind_tls(proxied: Browser) -> None:
    mary = proxied
    for scheme in ("http", "https"):
        mary.http.headers["X-Forwarded-Proto"] = scheme
        mary.http.cookies.clear()
        page = mary.http.get("/console/sign-in")
        asked = [page.headers["Set-Cookie"]]
        token = re.search(f'name="{FORM_FIELD}" value="([0-9a-f]+)"', page.text)
        assert token is not None
        key = page.headers["Set-Cookie"].partition(";")[0]
        answer = mary.http.post(
            "/console/sign-in",
            data={"name": "mary", "password": PASSWORD, FORM_FIELD: token[1]},
            headers={"Cookie": key},
            follow_redirects=False,
        )
        assert answer.status_code == 303
        asked += [value for value in answer.headers.get_list("Set-Cookie") if SESSION_COOKIE in value]
        assert len(asked) == 2
        for cookie in asked:
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert ("Secure" in cookie) is (scheme == "https")


@pytest.mark.usefixtures("people")
def test_a_form_without_a_token_or_with_another_browsers_token_changes_nothing(
    context: Context, browser: Open
) -> None:
    mary, oscar = browser("mary"), browser("oscar")
    foreign = re.search(f'name="{FORM_FIELD}" value="([0-9a-f]+)"', oscar.get("/console/").response.text)
    assert foreign is not None
    for values in ({}, {FORM_FIELD: ""}, {FORM_FIELD: foreign[1]}, {FORM_FIELD: "ü"}):
        answer = mary.http.post("/console/sign-out", data=values)
        assert answer.status_code == 403
        assert "has expired" in answer.text
    assert mary.get("/console/").response.url.path == "/console/"
    # The form of signing in as well: nobody may be signed in to somebody else's account unawares.
    assert (
        browser().http.post("/console/sign-in", data={"name": "mary", "password": PASSWORD}).status_code
        == 403
    )
    other = browser()
    other.http.cookies.set(FORM_COOKIE, "chosen by others", path="/console")
    assert other.http.post("/console/sign-in", data={FORM_FIELD: "0" * 64}).status_code == 403
