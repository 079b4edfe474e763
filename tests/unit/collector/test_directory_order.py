"""Which directory of a site is asked about somebody."""

import pytest

from services.collector.directory_order import asked_about
from shared.settings.documents import DirectorySettings, UnitSettings

CORP = DirectorySettings(user="CORP\\rollcall", units=(UnitSettings(dn="OU=Sales,DC=corp,DC=example"),))
EMEA = DirectorySettings(
    name="emea.example", user="rollcall@emea.example", units=(UnitSettings(dn="OU=Sales,DC=emea,DC=example"),)
)
BOTH = {"": CORP, "emea.example": EMEA}


@pytest.mark.parametrize(
    ("name", "home", "asked"),
    [
        ("anna", None, ["", "emea.example"]),
        ("anna@emea.example", None, ["emea.example"]),
        ("anna@CORP.example", None, [""]),
        ("EMEA\\anna", None, ["emea.example"]),
        ("corp\\anna", None, [""]),
        # A suffix that is none of the domains.
        ("anna@brand.example", None, ["", "emea.example"]),
        ("204", "emea.example", ["emea.example"]),
        ("204", "removed", ["", "emea.example"]),
    ],
)
def test_a_login_names_its_domain_or_all_are_asked(name: str, home: str | None, asked: list[str]) -> None:
    assert list(asked_about(BOTH, name, home)) == asked
