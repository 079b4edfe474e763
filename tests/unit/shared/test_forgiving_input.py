"""What people paste into settings is understood where it can only mean one thing."""

import pytest

from shared.settings.documents import DirectorySettings, PhoneSystemSettings


@pytest.mark.parametrize(
    "pasted",
    [
        "pbx.example.com:5001",
        "  https://pbx.example.com:5001/  ",
        "https://pbx.example.com:5001/#/office/users",
        "https://pbx.example.com:5001/webclient?lang=en#top",
        "https://pbx.example.com:5001/xapi/v1",
    ],
)
def test_an_address_from_the_browser_is_the_address_of_the_phone_system(pasted: str) -> None:
    assert PhoneSystemSettings(base_url=pasted).base_url == "https://pbx.example.com:5001"


def test_a_secret_loses_the_blanks_it_was_pasted_with() -> None:
    given = PhoneSystemSettings.model_validate({"client_id": " rollcall ", "client_secret": "s3cret \n"})
    assert given.client_id == "rollcall"
    assert given.client_secret.get_secret_value() == "s3cret"


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        ("ldaps://dc1.corp.example/", "dc1.corp.example"),
        ("LDAP://dc1:389", "dc1:389"),
        (" https://dc1 ", "dc1"),
        ("ldaps://[2001:db8::1]:636", "[2001:db8::1]:636"),
        ("dc1", "dc1"),
    ],
)
def test_the_address_of_a_controller_is_taken_without_what_stands_around_it(
    pasted: str, expected: str
) -> None:
    assert DirectorySettings(servers=(pasted,)).servers == (expected,)
