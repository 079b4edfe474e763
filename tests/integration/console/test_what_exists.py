"""What settings name must exist when they are saved: extensions in the phone system, attributes in the directory."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from services.api.settings.use_cases.existing import similar_extensions
from services.api.settings.use_cases.sections import apply_settings
from shared.database.tables import AuditEntry
from shared.errors import PhoneSystemUnavailable, RollcallError
from shared.settings.documents import SiteSettings
from shared.worker.context import Context
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")
SETTINGS = "/console/settings"
EXTENSIONS = [{"number": number, "name": f"Name {number}"} for number in ("100", "900", "955")]
SAVE = ("action", "save")
Answering = Callable[..., None]


@pytest.fixture
def phone_system(answering: Answering) -> None:
    """The phone system of the site has a few extensions."""
    answering("relay_client.list_extensions", lambda _: EXTENSIONS)


def _settings(context: Context) -> SiteSettings:
    return context.site_settings("default").settings


def test_the_extensions_most_like_a_wrong_number_are_named() -> None:
    assert similar_extensions("9555", EXTENSIONS) == ["955 (Name 955)", "900 (Name 900)", "100 (Name 100)"]
    odd = [{"number": "20*", "name": "Park"}, {"number": "", "name": ""}]
    assert similar_extensions("205", [{"number": "204", "name": ""}, *odd]) == ["204"]


@pytest.mark.usefixtures("phone_system")
@pytest.mark.parametrize(
    ("tab", "place"), [("archive", "extension"), ("units", "units.0.template_extension")]
)
def test_an_extension_that_the_phone_system_does_not_have_is_refused(
    context: Context, browser: Open, tab: str, place: str
) -> None:
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/{tab}"), f"/{tab}", {place: "9555"}, SAVE)
    assert page.status == 422
    assert "The phone system has no extension 9555. Similar: 955 (Name 955)" in page.text
    assert page.fields[place]["aria-invalid"] == "true"
    page = mary.send(page, f"/{tab}", {place: "955"}, SAVE)
    assert "Saved" in page.text
    stored = _settings(context)
    assert "955" in (stored.archive.extension, stored.directory.units[0].template_extension)


def test_a_department_that_the_phone_system_does_not_have_is_refused(
    context: Context, browser: Open, answering: Answering
) -> None:
    departments = [{"name": "DEFAULT"}, {"name": "Sales"}, {"name": "Support"}]
    answering("relay_client.list_departments", lambda _: departments)
    mary = browser("mary")
    offered = mary.get(f"{SETTINGS}/choices/departments").response.json()["items"]
    assert [item["value"] for item in offered] == ["DEFAULT", "Sales", "Support"]
    page = mary.get(f"{SETTINGS}/rules")
    assert page.fields["department_template"]["list"] == "known-departments"
    page = mary.send(page, "/rules", {"department_template": "Salse"}, SAVE)
    assert page.status == 422
    assert "The phone system has no department Salse. Similar: Sales" in page.text
    page = mary.send(page, "/rules", {"department_template": "sales"}, SAVE)
    assert "Saved" in page.text
    assert _settings(context).rules.department_template == "sales"


@pytest.mark.usefixtures("phone_system")
def test_what_disappeared_later_keeps_nobody_from_saving_the_rest(context: Context, browser: Open) -> None:
    apply_settings(context, "default", {"archive": {"extension": "777"}}, "test")
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/archive"), "/archive", {"recordings": None}, SAVE)
    assert "Saved" in page.text
    assert not _settings(context).archive.recordings


@pytest.mark.usefixtures("phone_system")
def test_an_attribute_that_the_schema_does_not_have_is_refused(
    context: Context, browser: Open, answering: Answering
) -> None:
    asked: list[list[str]] = []

    def _unknown(arguments: dict[str, Any]) -> dict[str, str]:
        asked.append(arguments["names"])
        return {"ipFone": "There is no attribute ipFone."} if "ipFone" in arguments["names"] else {}

    answering("collector.unknown_attributes", _unknown)
    mary = browser("mary")
    page = mary.get(f"{SETTINGS}/directory")
    page = mary.send(page, "/directory", {"attributes.number": "first(ipFone, telephoneNumber)"}, SAVE)
    assert page.status == 422
    assert 'id="e-attributes.number">There is no attribute ipFone.' in page.response.text
    page = mary.send(page, "/directory", {"attributes.number": "ipPhone"}, SAVE)
    assert "Saved" in page.text
    # Only what was changed is looked up.
    assert asked == [["ipFone", "telephoneNumber"], ["ipPhone"]]
    assert _settings(context).directory.attributes.number == "ipPhone"


def test_a_new_address_is_in_the_audit_before_it_is_asked(
    context: Context, browser: Open, answering: Answering
) -> None:
    audited: list[Any] = []

    def _unknown(_: dict[str, Any]) -> dict[str, str]:
        with context.database.read() as session:
            newest = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
            audited.append((newest.action, newest.details["question"], newest.details["to"]))
        return {}

    answering("collector.unknown_attributes", _unknown)
    mary = browser("mary")
    wanted: dict[str, str | list[str] | None] = {
        "attributes.number": "ipPhone",
        "servers": "other.corp.example",
        "password": "typed again",
    }
    mary.send(mary.get(f"{SETTINGS}/directory"), "/directory", wanted, SAVE)
    (entry,) = audited
    assert entry[:2] == ("connection.tested", "unknown_attributes")
    assert "other.corp.example" in entry[2]


def test_a_phone_system_that_does_not_answer_keeps_nobody_from_saving(
    context: Context, browser: Open, answering: Answering
) -> None:
    def _away(_: dict[str, Any]) -> Any:
        error: RollcallError = PhoneSystemUnavailable("3CX does not answer.")
        raise error

    answering("relay_client.list_extensions", _away)
    mary = browser("mary")
    page = mary.send(mary.get(f"{SETTINGS}/archive"), "/archive", {"extension": "9555"}, SAVE)
    assert "could not check whether the extensions and attributes exist" in page.text
    assert _settings(context).archive.extension == "9555"
