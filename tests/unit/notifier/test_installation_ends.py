"""Until when the console's certificate and the client secret are good, which no run reads."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.api.web.tls import VALID_FOR, own_certificate
from services.notifier.facts import installation_ends
from shared.settings.documents import SingleSignOnSettings

NOW = datetime(2026, 5, 4, 3, 2, tzinfo=UTC)
SIGN_ON = {
    "is_enabled": True,
    "issuer": "https://idp.example/realms/corp",
    "client_id": "rollcall",
    "roles": [{"value": "admins", "role": "manager"}],
    "client_secret_ends_on": " 2027-03-01 ",
}
OFF = SingleSignOnSettings()


def test_the_certificate_of_the_console_ends_when_its_file_says(tmp_path: Path) -> None:
    made = own_certificate(tmp_path, "127.0.0.1", NOW)
    assert installation_ends(made.certificate, OFF) == [("The certificate of the console", NOW + VALID_FOR)]


@pytest.mark.parametrize("content", [None, b"", b"half of a certificate"])
def test_a_certificate_that_is_not_there_or_half_written_ends_never(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_bytes(content)
    assert installation_ends(file, OFF) == []
    assert installation_ends(None, OFF) == []


def test_the_client_secret_ends_on_the_day_that_was_entered_while_it_is_used() -> None:
    settings = SingleSignOnSettings.model_validate(SIGN_ON)
    assert installation_ends(None, settings) == [
        ("The client secret of single sign-on", datetime(2027, 3, 1, tzinfo=UTC))
    ]
    assert installation_ends(None, settings.model_copy(update={"is_enabled": False})) == []


@pytest.mark.parametrize("day", ["01.03.2027", "2027-02-30", "soon"])
def test_what_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(ValidationError, match=r"Enter a day, e\.g\. 2027-03-01\."):
        SingleSignOnSettings.model_validate({**SIGN_ON, "client_secret_ends_on": day})
