"""The page of the database: the one in use, and another one tested before it is given to Rollcall."""

import pytest

from tests.integration.console.conftest import Open
from tests.support.ports import free_port

pytestmark = pytest.mark.usefixtures("people", "ready")
PAGE = "/console/database"


def test_the_database_in_use_is_shown_to_managers_of_all_sites(browser: Open) -> None:
    page = browser("mary").get(PAGE)
    assert page.mistakes == []
    assert "Current" in page.text
    assert PAGE in browser("mary").get("/console/settings/rules").links
    vera = browser("vera")
    assert vera.get(PAGE).status == 403
    assert PAGE not in vera.get("/console/settings/rules").links


def test_another_database_is_tested_and_what_is_wrong_is_said_at_its_field(browser: Open) -> None:
    mary = browser("mary")
    wrong = {
        "kind": "postgresql",
        "host": "db server",
        "port": "70000",
        "database": "",
        "password": "swordfish",
    }
    page = mary.send(mary.get(PAGE), "/database", {**wrong})
    assert page.status == 422
    for name in ("host", "port", "database"):
        assert page.fields[name]["aria-describedby"] == f"e-{name}"
    assert "swordfish" not in page.response.text
    port = str(free_port())
    page = mary.send(
        page, "/database", {"host": "127.0.0.1", "port": port, "database": "rollcall", "user": "x"}
    )
    assert page.status == 422
    assert "Connection failed." in page.text
    assert page.fields["host"]["value"] == "127.0.0.1"
