"""Questions to both ends, asked over HTTP and answered by a real worker from the sandboxes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.api.connections.schemas.questions import (
    AttributeChoice,
    DirectoryAnswer,
    MappingAnswer,
    PhoneSystemAnswer,
    UnitChoice,
)
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import open_deployment, workers
from services.sandbox.directory import Company, RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from tests.integration.api.conftest import SITE, serving
from tests.support.databases import deployment_settings
from tests.support.phone_system import phone_system_settings

PATH = f"/api/v1/sites/{SITE}"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends, how to reach them, and the API that asks them."""

    api: httpx.Client
    directory: RunningDirectory
    phone_system: RunningPhoneSystem
    settings: dict[str, Json]

    def ask(self, question: str, section: str | None = None, **values: Any) -> httpx.Response:
        """Ask with the stored settings, or with those of the section changed by ``values``."""
        body: Json = {} if section is None else {"values": self.settings[section] | values}
        return self.api.post(f"{PATH}/{question}", json=body)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """One deployment with its own workers for all questions of this module; nothing here changes it."""
    company: Company = build_company(40)
    context = open_deployment(deployment_settings(tmp_path_factory.mktemp("data"), question_seconds=20.0))
    with (
        RunningDirectory(company) as directory,
        RunningPhoneSystem(PhoneSystemOptions(extensions=12, max_extensions=12)) as phone_system,
        workers(context),
        serving(context) as api,
    ):
        stored: dict[str, Json] = {
            "directory": {
                "servers": [f"127.0.0.1:{directory.port}"],
                "ca_certificate": directory.ca_certificate,
                "tls_name": directory.tls_name,
                "user": directory.user,
                "password": directory.password,
                "units": [{"dn": unit} for unit in directory.units],
            },
            "phone_system": phone_system_settings(phone_system),
        }
        settings.apply_settings(context, SITE, stored, "test")
        yield Ends(api, directory, phone_system, stored)
    context.database.close()


def _refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")
    return answer.status_code, answer.json()["code"]


def test_the_stored_directory_is_tested(ends: Ends) -> None:
    answer = ends.ask("directory/test")
    assert answer.status_code == 200, answer.text
    found = DirectoryAnswer.model_validate(answer.json())
    assert [unit.dn for unit in found.units] == ends.directory.units
    assert sum(unit.people for unit in found.units) == 40
    assert found.base_dn == ends.directory.base_dn
    assert set(answer.json()) == set(DirectoryAnswer.model_fields)


def test_a_directory_is_tested_before_it_is_saved(ends: Ends) -> None:
    values = {key: value for key, value in ends.settings["directory"].items() if key != "password"}
    one = {"dn": ends.directory.units[0]}
    answer = ends.api.post(f"{PATH}/directory/test", json={"values": values | {"units": [one]}})
    assert [unit["dn"] for unit in answer.json()["units"]] == [ends.directory.units[0]]
    stored = ends.api.get(f"{PATH}/settings/directory").json()
    assert (stored["version"], len(stored["values"]["units"])) == (1, 4)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"password": "not it"}, (422, "bad_credentials")),
        ({"user": "nobody@corp.example"}, (422, "bad_credentials")),
        ({"ca_certificate": ""}, (422, "certificate_rejected")),
        ({"tls_name": "other.example.test"}, (422, "certificate_rejected")),
        ({"servers": ["127.0.0.1:1"]}, (503, "directory_unavailable")),
        ({"servers": ["dc1.nowhere.invalid"]}, (422, "address_unknown")),
        ({"servers": []}, (422, "settings_invalid")),
        ({"units": [{"dn": "OU=Nowhere,DC=corp,DC=example"}]}, (422, "unknown_base_dn")),
        ({"attributes": {"number": "ipFone"}}, (422, "unknown_attribute")),
        ({"security": "plain"}, (422, "settings_invalid")),
        ({"servers": "dc1"}, (422, "settings_invalid")),
    ],
)
def test_a_directory_that_does_not_work_says_exactly_why(
    ends: Ends, changes: Json, wanted: tuple[int, str]
) -> None:
    answer = ends.ask("directory/test", "directory", **changes)
    assert _refusal(answer) == wanted
    assert ends.directory.password not in answer.text
    assert ("Retry-After" in answer.headers) == (wanted[0] == 503)


def test_the_units_of_the_domain_are_browsed_level_by_level(ends: Ends) -> None:
    top = ends.ask("directory/organizational-units/browse").json()["items"]
    staff = next(UnitChoice.model_validate(unit) for unit in top if unit["name"] == "Staff")
    assert (staff.people, staff.units) == (40, 4)
    below = ends.api.post(f"{PATH}/directory/organizational-units/browse", json={"base": staff.dn}).json()
    assert sorted(unit["dn"] for unit in below["items"]) == sorted(ends.directory.units)
    assert set(below["items"][0]) == set(UnitChoice.model_fields)


def test_units_below_nothing_are_not_found(ends: Ends) -> None:
    base = {"base": "OU=Nowhere," + ends.directory.base_dn}
    answer = ends.api.post(f"{PATH}/directory/organizational-units/browse", json=base)
    assert _refusal(answer) == (422, "unknown_base_dn")


def test_an_expression_is_tried_on_real_people_and_nothing_is_saved(ends: Ends) -> None:
    body = {"field": "number", "expression": 'replace(telephoneNumber, "2", "3")'}
    answer = ends.api.post(f"{PATH}/directory/mapping/try", json=body)
    assert answer.status_code == 200, answer.text
    found = MappingAnswer.model_validate(answer.json())
    assert (found.people, found.is_all, len(found.rows)) == (40, True, 40)
    assert 0 < found.changed <= 40
    assert set(answer.json()) == set(MappingAnswer.model_fields)
    assert ends.api.get(f"{PATH}/settings/directory").json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"field": "number", "expression": "lst(ipPhone, 2)"}, "settings_invalid", "lst(ipPhone, 2)\n^"),
        ({"field": "numbre", "expression": "ipPhone"}, "settings_invalid", "There is no field 'numbre'."),
        ({"field": "email", "expression": "first(mail, mial)"}, "unknown_attribute", "no attribute 'mial'"),
    ],
)
def test_an_expression_that_cannot_be_tried_says_why(ends: Ends, body: Json, code: str, said: str) -> None:
    answer = ends.api.post(f"{PATH}/directory/mapping/try", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert said in answer.json()["detail"]


def test_the_attribute_with_most_numbers_comes_first(ends: Ends) -> None:
    items = ends.ask("directory/attributes").json()["items"]
    first = AttributeChoice.model_validate(items[0])
    assert (first.name, first.numbers, first.people) == ("telephoneNumber", 40, 40)
    assert set(items[0]) == set(AttributeChoice.model_fields)


def test_the_stored_phone_system_is_tested(ends: Ends) -> None:
    answer = ends.ask("phone-system/test")
    assert answer.status_code == 200, answer.text
    found = PhoneSystemAnswer.model_validate(answer.json())
    assert (found.version, found.used_extensions, found.max_extensions) == ("20.0.10.100", 12, 12)
    assert "in use" in found.warnings[0]
    assert set(answer.json()) == set(PhoneSystemAnswer.model_fields)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"client_secret": "not it"}, (422, "bad_credentials")),
        ({"client_id": "somebody"}, (422, "bad_credentials")),
        ({"base_url": "http://127.0.0.1:1"}, (503, "phone_system_unavailable")),
        ({"base_url": "https://pbx.nowhere.invalid"}, (422, "address_unknown")),
        ({"base_url": "http://pbx.example.test"}, (422, "settings_invalid")),
        ({"base_url": "pbx.nowhere.invalid"}, (422, "address_unknown")),
        ({"base_url": "ftp://pbx.example.test"}, (422, "settings_invalid")),
        ({"base_url": ""}, (422, "settings_invalid")),
    ],
)
def test_a_phone_system_that_does_not_work_says_exactly_why(
    ends: Ends, changes: Json, wanted: tuple[int, str]
) -> None:
    answer = ends.ask("phone-system/test", "phone_system", **changes)
    assert _refusal(answer) == wanted
    assert ends.phone_system.client_secret not in answer.text


def test_an_api_client_without_rights_is_told_so(ends: Ends) -> None:
    with RunningPhoneSystem(PhoneSystemOptions(role="users")) as weak:
        answer = ends.ask("phone-system/test", "phone_system", base_url=weak.base_url)
    assert _refusal(answer) == (422, "insufficient_rights")


@pytest.mark.parametrize(("status", "code"), [(429, "phone_system_busy"), (502, "phone_system_unavailable")])
def test_a_phone_system_that_is_not_well_may_be_asked_again_later(ends: Ends, status: int, code: str) -> None:
    ends.phone_system.faults.add({"kind": "status", "status": status, "times": 20})
    answer = ends.ask("phone-system/test")
    ends.phone_system.faults.switched_on.clear()
    assert _refusal(answer) == (503, code)
    assert int(answer.headers["Retry-After"]) > 0
    assert "<html" not in answer.text
    assert ends.ask("phone-system/test").status_code == 200


def test_extensions_are_listed_by_number(ends: Ends) -> None:
    items = ends.api.get(f"{PATH}/phone-system/extensions").json()["items"]
    assert [item["number"] for item in items] == [str(number) for number in range(100, 112)]
    assert all(item["name"] for item in items)


@pytest.mark.parametrize("question", ["directory/test", "phone-system/test"])
def test_a_site_that_is_none_is_not_asked(ends: Ends, question: str) -> None:
    assert _refusal(ends.api.post(f"/api/v1/sites/oslo/{question}", json={})) == (404, "not_found")
