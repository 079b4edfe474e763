"""What was corrected while it was saved is said."""

import pytest

from shared.worker.context import Context
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def test_an_address_that_was_pasted_with_its_path_is_corrected_and_that_is_said(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    page = mary.get("/console/settings/phone-system")
    typed: dict[str, str | list[str] | None] = {
        "base_url": "https://pbx2.example.com:5001/#/login",
        "client_secret": "s",
    }
    page = mary.send(page, "/phone-system", typed)
    assert "Corrected: Address is now https://pbx2.example.com:5001." in " ".join(page.text.split())
    assert context.site_settings("default").settings.phone_system.base_url == "https://pbx2.example.com:5001"


def test_what_was_saved_as_it_was_typed_is_not_called_corrected(browser: Open) -> None:
    mary = browser("mary")
    page = mary.send(mary.get("/console/settings/phone-system"), "/phone-system", {"timeout_seconds": "45"})
    assert "Saved (version" in page.text
    assert "Corrected" not in page.text
    page = mary.send(mary.get("/console/settings/directory"), "/directory", {"page_size": "400"})
    assert "Saved (version" in page.text
    assert "Corrected" not in page.text
