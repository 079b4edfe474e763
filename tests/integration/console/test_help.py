"""The help within the console."""

import pytest

from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_whoever_is_signed_in_reads_and_searches_the_help(browser: Open) -> None:
    vera = browser("vera")
    contents = vera.get("/console/help")
    assert contents.mistakes == []
    assert 'href="/console/help/quick-start"' in contents.response.text
    found = vera.get("/console/help?q=certificate_rejected")
    assert found.mistakes == []
    assert "/console/help/troubleshooting#" in found.response.text
    page = vera.get("/console/help/quick-start")
    assert page.status == 200
    assert "Start set-up" in page.text
    picture = vera.http.get("/console/help/images/console-plan-1440.png")
    assert picture.headers["Content-Type"] == "image/png"


def test_whoever_reads_german_is_shown_the_german_pages_and_the_others_in_english(browser: Open) -> None:
    vera = browser("vera")
    vera.http.headers["Accept-Language"] = "de-DE, en;q=0.5"
    contents = vera.get("/console/help")
    assert '<li lang="de"><a href="/console/help/faq">Fragen und Antworten</a></li>' in contents.response.text
    assert '<li lang="en"><a href="/console/help/rules">' in contents.response.text
    page = vera.get("/console/help/quick-start").response.text
    assert '<article class="card document" lang="de"><h1 id="quick-start">Schnellstart</h1>' in page
    assert '<li lang="de"><span aria-current="page">Schnellstart</span></li>' in page
    assert '<article class="card document" lang="en">' in vera.get("/console/help/rules").response.text
    for address in ("/console/help?q=mehrere+standorte", "/console/search?q=mehrere+standorte"):
        found = vera.get(address)
        assert found.mistakes == []
        assert '<li lang="de"><a href="/console/help/console#several-sites">' in found.response.text


@pytest.mark.parametrize("path", ["style", "images/no.png", "images/..%2finstall.md", "..%2f..%2fpages.py"])
def test_nothing_else_is_served(browser: Open, path: str) -> None:
    assert browser("vera").get(f"/console/help/{path}").status == 404


def test_nobody_else_sees_it(browser: Open) -> None:
    assert browser().get("/console/help/faq").response.url.path == "/console/sign-in"
