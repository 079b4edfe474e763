"""Single sign-on at a real OpenID Connect provider."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select, update

from services.api.access import accounts, sessions
from services.api.access import external_accounts as external_accounts
from services.api.access.external_identity import CannotAsk
from services.api.access.openid import people as openid
from services.api.access.openid import provider as provider_module
from services.api.settings.use_cases import sections as settings
from shared.database.tables import Account, ConsoleSession, Event, Lease
from shared.work import leases
from shared.worker.context import Context
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import PASSWORD, Open
from tests.support.openid import SECRET, RunningProvider, running_provider
from tests.support.tables import everything_in

LATER = external_accounts.AGAIN_AFTER + timedelta(seconds=1)
ANNA = {"roles": ["admins"], "preferred_username": "Anna@corp.example", "name": "Anna Adler"}


@pytest.fixture(scope="module")
def started() -> Iterator[RunningProvider]:
    """The provider of this file's tests."""
    with running_provider() as made:
        yield made


@pytest.fixture
def provider(started: RunningProvider, context: Context, address: str, people: None) -> RunningProvider:
    """The provider, with Anna in front of it, in the settings."""
    provider_module.clear_cache()
    started.set(
        current="anna", people={"anna": ANNA}, refuses=False, noRefresh=False,
        redirects=[f"{address}/console/sign-in/openid/back", f"{address}/console/sign-in"],
    )  # fmt: skip
    _allow(context, started)
    return started


def _allow(context: Context, provider: RunningProvider, **changes: Any) -> None:
    section = {
        "is_enabled": True, "name": "Corp account", "issuer": provider.issuer, "client_id": "rollcall",
        "client_secret": SECRET, "scopes": "openid profile email", "roles": [{"value": "admins", "role": "manager"}],
    }  # fmt: skip
    settings.apply_settings(context, "default", {"single_sign_on": section | changes}, "test")


def _enter(browser: Browser, target: str = "") -> Page:
    page = browser.get("/console/sign-in" + (f"?next={target}" if target else ""))
    (away,) = [link for link in page.links if "/sign-in/openid" in link]
    return browser.get(away)


def _token(browser: Browser) -> str:
    return browser.http.cookies["rollcall_session"]


def test_somebody_signs_in_there_and_comes_back_to_the_page_they_wanted(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    anna = browser()
    page = _enter(anna, "/console/log")
    assert page.response.url.path == "/console/log"
    assert "Anna Adler" in page.text
    assert "anna@corp.example" in page.text
    account = accounts.account_named(context, "anna@corp.example")
    assert (account.role, account.source) == ("manager", "openid")
    # Neither secret nor token can be read in the database.
    assert SECRET not in everything_in(context.database)
    with context.database.read() as session:
        proof = session.scalars(select(ConsoleSession.proof)).one()
    assert proof is not None
    assert '"refresh"' in context.encryption.decrypt(proof)
    assert '"refresh"' not in proof


def test_the_browser_is_sent_with_state_nonce_and_pkce(provider: RunningProvider, browser: Open) -> None:
    anna = browser()
    sent = anna.http.get("/console/sign-in/openid", follow_redirects=False).headers["Location"]
    asked = parse_qs(urlsplit(sent).query)
    assert sent.startswith(provider.issuer)
    assert asked["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name][0]) >= 43
    again = parse_qs(
        urlsplit(anna.http.get("/console/sign-in/openid", follow_redirects=False).headers["Location"]).query
    )
    assert not {asked[name][0] for name in ("state", "nonce")} & {
        again[name][0] for name in ("state", "nonce")
    }


def _answer(browser: Browser, address: str) -> str:
    """The address with which the provider sends the browser back, not followed."""
    with httpx.Client(follow_redirects=False) as http:
        at = browser.http.get("/console/sign-in/openid", follow_redirects=False).headers["Location"]
        while not at.startswith(address):
            response = http.get(at)
            at = str(response.url.join(response.headers["Location"]))
    return at


def test_an_answer_of_another_browser_another_sign_in_or_used_before_is_refused(
    provider: RunningProvider, browser: Open, address: str
) -> None:
    eve, victim = browser(), browser()
    stolen = _answer(eve, address)
    # Nobody is signed in as Eve by a link of hers, with a sign-in of their own begun or not.
    assert victim.get(stolen).status == 401
    victim.http.get("/console/sign-in/openid", follow_redirects=False)
    assert "started in another browser" in victim.get(stolen).text
    for spoilt in (stolen.replace("state=", "state=x"), stolen.replace("iss=http", "iss=https")):
        assert eve.get(spoilt).status == 401
    assert eve.get(stolen).response.url.path == "/console/"
    eve.http.cookies.delete("rollcall_session")
    assert eve.get(stolen).status == 401


def test_a_code_of_another_sign_in_proves_nothing(
    provider: RunningProvider, browser: Open, address: str
) -> None:
    code = parse_qs(urlsplit(_answer(browser(), address)).query)["code"][0]
    victim = browser()
    sent = victim.http.get("/console/sign-in/openid", follow_redirects=False).headers["Location"]
    state = parse_qs(urlsplit(sent).query)["state"][0]
    page = victim.get(f"/console/sign-in/openid/back?code={code}&state={state}")
    assert page.status == 401
    assert "does not prove who you are" in page.text


def test_whoever_has_no_role_is_known_but_not_let_in(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    provider.set(people={"anna": ANNA | {"roles": ["users"]}})
    page = _enter(browser())
    assert page.status == 401
    assert "The identity provider knows you, but the settings give them no rights" in page.text
    with context.database.read() as session:
        told = session.scalars(select(Event.message).where(Event.code == "sign_in.refused")).one()
        assert session.scalar(select(Account.id).where(Account.source == "openid")) is None
    assert "Anna Adler" in told


def test_a_name_of_an_own_account_is_not_taken_over(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    provider.set(people={"anna": ANNA | {"preferred_username": "Mary"}})
    page = _enter(browser())
    assert page.status == 401
    assert "'mary' is a Rollcall account" in page.text
    assert accounts.account_named(context, "mary").source == "own"


def test_a_refusal_there_is_said_here(provider: RunningProvider, browser: Open) -> None:
    provider.set(refuses=True)
    page = _enter(browser())
    assert page.status == 401
    assert "Corp account did not sign you in" in page.text


def test_while_signed_in_the_provider_is_asked_again_for_the_roles(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    anna = browser()
    _enter(anna)
    now, token = datetime.now(UTC), _token(anna)
    _allow(
        context,
        provider,
        roles=[{"value": "admins", "role": "operator"}, {"value": "bosses", "role": "manager"}],
    )
    # Rules that changed count from the next click.
    for held, after, role in ((["admins"], timedelta(0), "operator"), (["bosses"], LATER, "manager")):
        provider.set(people={"anna": ANNA | {"roles": held}})
        visitor = sessions.visitor_of(context, token, now + after)
        assert visitor is not None
        assert visitor.role == role
        _in_time(context)
    provider.set(people={"anna": ANNA | {"roles": []}})
    assert sessions.visitor_of(context, token, now + 2 * LATER) is None
    assert sessions.visitor_of(context, token, now) is None


def _in_time(context: Context) -> None:
    """As if somebody had used the sessions just now."""
    with context.database.begin() as session:
        session.execute(update(ConsoleSession).values(last_seen_at=datetime.now(UTC) - timedelta(minutes=2)))


def test_somebody_gone_there_is_signed_out(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    anna = browser()
    _enter(anna)
    token = _token(anna)
    provider.set(people={})
    assert sessions.visitor_of(context, token, datetime.now(UTC) + LATER) is None
    assert sessions.visitor_of(context, token) is None


def test_an_outage_there_ends_no_session_for_a_while(
    context: Context, provider: RunningProvider, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = browser()
    _enter(anna)
    now, token = datetime.now(UTC), _token(anna)
    provider_module.clear_cache()
    with monkeypatch.context() as patched:
        patched.setattr(provider_module, "_trusting", _unreachable)
        for minutes in (11, 20, 29):
            _in_time(context)
            assert sessions.visitor_of(context, token, now + timedelta(minutes=minutes)) is not None
        assert sessions.visitor_of(context, token, now + timedelta(minutes=31)) is None
    # Nothing is known against them, so that they go on when it is back.
    assert sessions.visitor_of(context, token, now + timedelta(minutes=32)) is not None


def test_of_requests_at_once_one_asks_and_one_that_died_meanwhile_is_not_waited_for(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    anna = browser()
    _enter(anna)
    now, token = datetime.now(UTC), _token(anna)
    # The provider takes a refresh token that comes twice for stolen, and ends everything.
    _in_time(context)
    with ThreadPoolExecutor(4) as pool:
        at_once = [pool.submit(sessions.visitor_of, context, token, now + LATER) for _ in range(4)]
        assert all(one.result() for one in at_once)
    with context.database.read() as session:
        stale, account = session.execute(select(ConsoleSession, Account).join(Account)).one()
    assert sessions.visitor_of(context, token, now + 2 * LATER)
    with pytest.raises(CannotAsk):
        # It was read before somebody else had asked: its refresh token is used up.
        openid.source().look_again(context, stale, account, now + 2 * LATER)
    with context.database.read() as session:
        row = session.scalars(select(ConsoleSession)).one()
    name = f"openid session {row.id}"
    assert leases.take(context.database, name, "a process that was killed", 60)
    _in_time(context)
    late = now + 3 * LATER + external_accounts.GRACE
    assert sessions.visitor_of(context, token, late) is None
    with context.database.begin() as session:
        session.execute(update(Lease).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert sessions.visitor_of(context, token, late) is not None
    assert not leases.is_held(context.database, name)


def _unreachable(_: str) -> Any:
    raise OSError("no route")


def test_without_a_refresh_token_a_session_ends_with_the_id_token(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    provider.set(noRefresh=True)
    anna = browser()
    _enter(anna)
    now, token = datetime.now(UTC), _token(anna)
    assert sessions.visitor_of(context, token, now + LATER) is not None
    assert sessions.visitor_of(context, token, now + timedelta(minutes=59)) is not None
    assert sessions.visitor_of(context, token, now + timedelta(minutes=61)) is None


def test_signing_out_offers_to_sign_out_there_too(provider: RunningProvider, browser: Open) -> None:
    anna = browser()
    page = _enter(anna)
    page = anna.send(page, "/sign-out")
    assert "You may still be signed in at Corp account" in page.text
    there = anna.http.get("/console/sign-in/openid/leave", follow_redirects=False).headers["Location"]
    assert there.startswith(f"{provider.issuer}/session/end?client_id=rollcall")


def test_a_provider_that_is_away_or_somebody_else_is_in_nobodys_way(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    for issuer in ("http://127.0.0.1:9", provider.issuer.replace("127.0.0.1", "localhost")):
        _allow(context, provider, issuer=issuer)
        page = _enter(browser())
        assert page.status == 401
        assert "Corp account cannot be reached" in page.text
    assert browser().sign_in("mary", PASSWORD).response.url.path == "/console/"
    _allow(context, provider, is_enabled=False)
    assert "This sign-in method is turned off" in browser().get("/console/sign-in/openid").text


def test_what_needs_the_password_again_needs_a_sign_in_of_just_now(
    context: Context, provider: RunningProvider, browser: Open
) -> None:
    anna = browser()
    _enter(anna)
    vera = accounts.account_named(context, "vera").id
    page = anna.get("/console/accounts")
    values: dict[str, Any] = {"password": "seven quiet rivers", "own_password": "-"}
    assert anna.send(page, f"/{vera}/password", values).status == 200
    with context.database.begin() as session:
        session.execute(update(ConsoleSession).values(created_at=datetime.now(UTC) - timedelta(minutes=11)))
    assert "requires a recent sign-in" in anna.send(page, f"/{vera}/password", values).text
