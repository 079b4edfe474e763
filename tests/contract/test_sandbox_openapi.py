"""The sandbox phone system against 3CX's own descriptions of the API, one for each release.

The variable XAPI_SPEC names their files. They may not be copied, so they are no part of this repository and nothing of
their text stands here. What is not at hand is left out, and said.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.relay_client.xapi import warnings
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem, routing
from services.sandbox.phone_system.releases import NEWEST, VERSIONS, entities
from services.sandbox.phone_system.schema import ENTITIES

Json = dict[str, Any]

# Every description of OData is at this address; the official ones do not list it.
_ROUTES = [route for route in routing.templates() if route != ("GET", "/$metadata")]
_SCHEMAS = "#/components/schemas/"
_AGENTS = [{"Number": "100", "SkillGroup": "1"}]
_MEMBERSHIP = {"GroupId": 1, "Rights": {"RoleName": "users"}}

# For every route of the sandbox: address and body of a request that succeeds. Run in this order on one system.
REQUESTS: dict[tuple[str, str], tuple[str, Any]] = {
    ("GET", "/Users"): ("/Users?$top=100&$count=true&$expand=Groups($expand=Rights),ForwardingProfiles,Greetings", None),
    ("POST", "/Users"): ("/Users", {"Number": "200", "FirstName": "Anna", "EmailAddress": "anna@x.test"}),
    ("GET", "/Users({id})"): ("/Users(21)?$expand=Groups($expand=Rights),ForwardingProfiles,Phones", None),
    ("GET", "/Users(Number='{number}')"): ("/Users(Number='200')?$select=Id,Number", None),
    ("PATCH", "/Users({id})"): (
        "/Users(21)",
        {"Groups": [_MEMBERSHIP], "Enabled": False, "Phones": [{"MacAddress": "00:15:65:00:00:01"}]},
    ),
    ("GET", "/Users({id})/Groups"): ("/Users(21)/Groups?$expand=Rights", None),
    ("GET", "/Users({id})/ForwardingProfiles"): ("/Users(21)/ForwardingProfiles", None),
    ("GET", "/Users({id})/Greetings"): ("/Users(21)/Greetings", None),
    ("GET", "/Users/Pbx.GetFirstAvailableExtensionNumber()"): ("/Users/Pbx.GetFirstAvailableExtensionNumber()", None),
    ("GET", "/Users({id})/Pbx.HasDuplicatedEmail()"): ("/Users(21)/Pbx.HasDuplicatedEmail()", None),
    ("POST", "/Users({id})/Pbx.SendWelcomeEmail"): ("/Users(21)/Pbx.SendWelcomeEmail", None),
    ("POST", "/Users({id})/Pbx.Regenerate"): ("/Users(21)/Pbx.Regenerate", {"opts": {"SipAuth": True}}),
    ("POST", "/Users/Pbx.MultiUserUpdate"): (
        "/Users/Pbx.MultiUserUpdate",
        {
            "ids": [21],
            "user": {
                "ForwardingProfiles": [
                    {"Name": name} for name in ("Available", "Away", "Out of office", "Custom 1", "Custom 2")
                ]
            },
        },
    ),
    ("POST", "/Users/Pbx.RegeneratePasswords"): (
        "/Users/Pbx.RegeneratePasswords",
        {"Ids": [21, 22], "opts": {"VoicemailPIN": True}},
    ),
    ("POST", "/Users/Pbx.ReprovisionPhone"): ("/Users/Pbx.ReprovisionPhone", {"mac": "00:15:65:00:00:01"}),
    ("GET", "/Users({id})/Pbx.GenerateProvLink()"): ("/Users(21)/Pbx.GenerateProvLink()", None),
    ("POST", "/Users/Pbx.GetDuplicatedEmails"): ("/Users/Pbx.GetDuplicatedEmails", {"emails": ["anna@x.test"]}),
    ("GET", "/Users/Pbx.ExportExtensions()"): ("/Users/Pbx.ExportExtensions()?$top=2", None),
    ("POST", "/Users/Pbx.BulkUpdate"): (
        "/Users/Pbx.BulkUpdate",
        {"ids": [21, 22], "user": {"RecordCalls": True, "Hours": {"Type": "OfficeHours", "Periods": []}}},
    ),
    ("GET", "/Groups"): ("/Groups?$expand=Members($expand=Rights),Rights", None),
    ("POST", "/Groups"): ("/Groups", {"Name": "Sales"}),
    ("GET", "/Groups({id})"): ("/Groups(1)?$expand=Members", None),
    ("PATCH", "/Groups({id})"): ("/Groups(2)", {"Name": "Sales and more", "OfficeRoute": {"Route": {"To": "None"}}}),
    ("GET", "/Groups({id})/Members"): ("/Groups(1)/Members", None),
    ("GET", "/Groups({id})/Rights"): ("/Groups(1)/Rights?$select=RoleName", None),
    ("GET", "/Groups({id})/Pbx.GetRestrictions()"): ("/Groups(1)/Pbx.GetRestrictions()", None),
    ("DELETE", "/Groups({id})"): ("/Groups(2)", None),
    ("POST", "/Groups/Pbx.DeleteCompanyById"): ("/Groups/Pbx.DeleteCompanyById", {"id": 3}),
    ("GET", "/Peers"): ("/Peers?$top=100&$orderby=Id", None),
    ("GET", "/Peers(Number='{number}')"): ("/Peers(Number='800')", None),
    ("POST", "/Peers/Pbx.RetreivePeersByNumbers"): (
        "/Peers/Pbx.RetreivePeersByNumbers",
        {"peersRequest": {"DnNumbers": ["100", "800"]}},
    ),
    ("GET", "/Queues"): ("/Queues?$expand=Agents", None),
    ("GET", "/Queues({id})"): ("/Queues(2)?$expand=Agents", None),
    ("PATCH", "/Queues({id})"): ("/Queues(2)", {"Agents": _AGENTS}),
    ("GET", "/RingGroups"): ("/RingGroups?$expand=Members", None),
    ("GET", "/RingGroups({id})"): ("/RingGroups(3)?$expand=Members", None),
    ("PATCH", "/RingGroups({id})"): ("/RingGroups(3)", {"Members": [{"Number": "100"}]}),
    ("POST", "/Queues"): ("/Queues", {"Number": "810", "Name": "Support", "Agents": _AGENTS}),
    ("POST", "/RingGroups"): ("/RingGroups", {"Number": "811", "Name": "Doors", "Members": [{"Number": "100"}]}),
    ("DELETE", "/Queues({id})"): ("/Queues(200000001)", None),
    ("DELETE", "/RingGroups({id})"): ("/RingGroups(200000002)", None),
    ("GET", "/Receptionists"): ("/Receptionists?$expand=Forwards", None),
    ("GET", "/Receptionists({id})"): ("/Receptionists(4)?$expand=Forwards", None),
    ("PATCH", "/Receptionists({id})"): ("/Receptionists(4)", {"TimeoutForwardDN": "100"}),
    ("GET", "/InboundRules"): ("/InboundRules", None),
    ("GET", "/InboundRules({id})"): ("/InboundRules(1)", None),
    ("PATCH", "/InboundRules({id})"): ("/InboundRules(1)", {"RuleName": "Main"}),
    ("GET", "/Recordings"): ("/Recordings?$count=true", None),
    ("GET", "/Recordings/Pbx.DownloadRecording(recId={id})"): ("/Recordings/Pbx.DownloadRecording(recId=1)", None),
    ("POST", "/Recordings/Pbx.BulkRecordingsArchive"): ("/Recordings/Pbx.BulkRecordingsArchive", {"ids": [1]}),
    ("POST", "/Recordings/Pbx.BulkRecordingsDelete"): ("/Recordings/Pbx.BulkRecordingsDelete", {"ids": [1]}),
    ("GET", "/Defs"): ("/Defs?$select=Id", None),
    ("GET", "/Defs/Pbx.GetSystemParameters()"): ("/Defs/Pbx.GetSystemParameters()", None),
    ("GET", "/Defs/Pbx.HasSystemOwner()"): ("/Defs/Pbx.HasSystemOwner()", None),
    ("GET", "/ReportAuditLog/Pbx.GetAuditLogData()"): (
        "/ReportAuditLog/Pbx.GetAuditLogData()?$select=Id,Timestamp,UserName,ObjectName&$orderby=Id desc&$top=100",
        None,
    ),
    ("GET", "/SystemStatus"): ("/SystemStatus", None),
    ("GET", "/LicenseStatus"): ("/LicenseStatus", None),
    ("GET", "/DialCodeSettings"): ("/DialCodeSettings", None),
    ("GET", "/OutboundRules/Pbx.GetEmergencyOutboundRules()"): (
        "/OutboundRules/Pbx.GetEmergencyOutboundRules()",
        None,
    ),
    ("GET", "/SystemStatus/Pbx.SystemHealthStatus()"): ("/SystemStatus/Pbx.SystemHealthStatus()", None),
    ("GET", "/MailSettings"): ("/MailSettings", None),
    ("GET", "/PromptSets"): ("/PromptSets", None),
    ("GET", "/ServicePrincipals"): ("/ServicePrincipals", None),
    ("GET", "/VoicemailSettings"): ("/VoicemailSettings", None),
    ("GET", "/EventLogs"): ("/EventLogs", None),
    ("DELETE", "/Users({id})"): ("/Users(25)", None),
    ("POST", "/Users/Pbx.BatchDelete"): ("/Users/Pbx.BatchDelete", {"ids": [24, 4711]}),
}  # fmt: skip

REFUSALS = {
    "a number in use": ("POST", "/Users", "/Users", {"Number": "100"}),
    "an unknown property": ("PATCH", "/Users({id})", "/Users(21)", {"Nonsense": 1}),
    "an unknown field in a filter": ("GET", "/Users", "/Users?$filter=Nonsense eq 1", None),
    "too many rows": ("GET", "/Users", "/Users?$top=101", None),
    "a name in use": ("POST", "/Groups", "/Groups", {"Name": "DEFAULT"}),
    "an unknown role": (
        "PATCH",
        "/Users({id})",
        "/Users(21)",
        {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "directors"}}]},
    ),
    "too long a text": ("PATCH", "/Users({id})", "/Users(21)", {"Blfs": "x" * 20_481}),
    "hours that are none": ("PATCH", "/Users({id})", "/Users(21)", {"Hours": {"Type": "Whenever"}}),
    "a time that is none": (
        "PATCH",
        "/Users({id})",
        "/Users(21)",
        {"Hours": {"Type": "SpecificHours", "Periods": [{"DayOfWeek": "Monday", "Start": "25:00:00"}]}},
    ),
    "a number in use as a queue's": ("POST", "/Queues", "/Queues", {"Number": "100"}),
    "an agent who is nobody": (
        "POST",
        "/Queues",
        "/Queues",
        {"Number": "820", "Agents": [{"Number": "999"}]},
    ),
    "the phone of somebody else": (
        "PATCH",
        "/Users({id})",
        "/Users(22)",
        {"Phones": [{"MacAddress": "00:15:65:00:00:02"}]},
    ),
    "a greeting without a file": (
        "PATCH",
        "/Users({id})",
        "/Users(22)",
        {"Greetings": [{"Type": "Away", "Filename": "away.wav"}]},
    ),
    "a missing recording": (
        "GET",
        "/Recordings/Pbx.DownloadRecording(recId={id})",
        "/Recordings/Pbx.DownloadRecording(recId=99)",
        None,
    ),
}


class Description:
    """The official description: which operations there are, and what their answers look like."""

    def __init__(self, document: Json) -> None:
        self._paths: dict[str, Json] = {_shape(path): item for path, item in document["paths"].items()}
        self._responses: Json = document["components"]["responses"]
        self._schemas: Json = document["components"]["schemas"]
        self._root = {"components": {"schemas": _as_json_schema(self._schemas)}}

    def operation(self, method: str, template: str) -> Json | None:
        """The operation behind one of the sandbox's templates, or None."""
        operation: Json | None = self._paths.get(_shape(template), {}).get(method.lower())
        return operation

    def problems(self, operation: Json, status: int, body: Any) -> list[str]:
        """What is wrong with an answer: its status, its shape, and properties that nobody knows."""
        # Its import takes seconds.
        from jsonschema import Draft202012Validator

        response = (
            operation["responses"].get(str(status)) if status < 400 else operation["responses"]["default"]
        )
        if response is None:
            return [f"the status {status} is not one of {sorted(operation['responses'])}"]
        if "$ref" in response:
            response = self._responses[response["$ref"].rpartition("/")[2]]
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return [] if body is None else ["a body where none belongs"]
        validator = Draft202012Validator(self._root | _as_json_schema(schema))
        wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
        return wrong + list(self._unknown(body, schema, "$"))

    def properties(self, entity: str) -> set[str]:
        """The names of an entity's properties."""
        return set(self._parts({"$ref": f"{_SCHEMAS}Pbx.{entity}"})[0])

    def values(self, entity: str, name: str) -> set[str]:
        """The values that a property of an entity may have."""
        schema = self._parts({"$ref": f"{_SCHEMAS}Pbx.{entity}"})[0][name]
        return set(self._enum(schema.get("items", schema)))

    def warnings(self) -> set[str]:
        """The names of the warnings that an answer may hold."""
        return set(self._schemas["Pbx.Warnings"]["enum"])

    def _unknown(self, value: Any, schema: Json, where: str) -> Iterator[str]:
        properties, items = self._parts(schema)
        if isinstance(value, list) and items:
            for index, item in enumerate(value):
                yield from self._unknown(item, items, f"{where}[{index}]")
        elif isinstance(value, dict) and properties:
            for name, item in value.items():
                if name in properties:
                    yield from self._unknown(item, properties[name], f"{where}.{name}")
                elif not name.startswith("@odata."):
                    yield f"{where}.{name} is not known"

    def _enum(self, schema: Json) -> Iterator[str]:
        if "$ref" in schema:
            yield from self._enum(self._schemas[schema["$ref"].removeprefix(_SCHEMAS)])
        for part in schema.get("allOf", []):
            yield from self._enum(part)
        yield from schema.get("enum", [])

    def _parts(self, schema: Json) -> tuple[Json, Json]:
        """All properties of a schema, those it refers to included, and what its items are."""
        if "$ref" in schema:
            return self._parts(self._schemas[schema["$ref"].removeprefix(_SCHEMAS)])
        properties, items = dict(schema.get("properties", {})), schema.get("items", {})
        for part in schema.get("allOf", []):
            more, other = self._parts(part)
            properties, items = properties | more, items or other
        return properties, items


def _shape(path: str) -> str:
    """A path without the names of its parameters; OpenAPI leaves out the quotes around text."""
    return re.sub(r"'?\{[^}]*\}'?", "{}", path)


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 says "nullable" where JSON Schema has one more type, also beside a reference."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: _as_json_schema(value) for name, value in node.items() if name != "nullable"}
    return {"anyOf": [{"type": "null"}, made]} if node.get("nullable") is True else made


def _descriptions() -> dict[str, Path]:
    """The file of each release that XAPI_SPEC names; a file without a release in its name is the newest's."""
    files = [Path(name) for name in os.environ.get("XAPI_SPEC", "").split(os.pathsep) if name]
    return {
        next((release for release in VERSIONS if f"v{release}." in file.name), NEWEST): file for file in files
    }


@pytest.fixture(scope="module", params=VERSIONS)
def release(request: pytest.FixtureRequest) -> str:
    """A release that the sandbox can be, and that is described."""
    name: str = request.param
    if name not in _descriptions():
        pytest.skip(f"set XAPI_SPEC to 3CX's description of {name} (docs/sandbox.md) to compare with it")
    return name


@pytest.fixture(scope="module")
def description(release: str) -> Description:
    """The official description of that release, read once."""
    return Description(yaml.load(_descriptions()[release].read_bytes(), Loader=yaml.CSafeLoader))


@pytest.fixture(scope="module")
def client(release: str) -> Iterator[httpx.Client]:
    """A client of one phone system for all requests, which come in their order."""
    with RunningPhoneSystem(PhoneSystemOptions(extensions=5, release=release)) as system:
        system.state.change_user(23, {"Phones": [{"MacAddress": "00:15:65:00:00:02"}]})
        system.state.add_group({"Name": "First"})
        system.state.add_group({"Name": "Second"})
        with httpx.Client(base_url=f"{system.base_url}/xapi/v1", verify=False) as made:
            form = {"client_id": system.client_id, "client_secret": system.client_secret}
            token = made.post(
                f"{system.base_url}/connect/token", data=form | {"grant_type": "client_credentials"}
            )
            made.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            yield made


def _json(answer: httpx.Response) -> Any:
    return answer.json() if answer.content else None


def test_every_route_of_the_sandbox_has_a_request_here() -> None:
    assert set(_ROUTES) == set(REQUESTS)


def test_every_route_of_the_sandbox_is_a_route_of_3cx(description: Description) -> None:
    assert [route for route in _ROUTES if description.operation(*route) is None] == []


def test_the_sandbox_knows_exactly_the_properties_of_the_release(
    description: Description, release: str
) -> None:
    """Of those that any release has: what is described and left out would be refused where 3CX takes it."""
    kept = entities(release)
    for name, ever in ENTITIES.items():
        described = description.properties(name)
        assert {field for field in ever if field in described} == set(kept[name]), name


def test_the_sandbox_knows_exactly_the_values_of_the_release(description: Description, release: str) -> None:
    for name, properties in entities(release).items():
        for field, known in properties.items():
            if known.values:
                assert set(known.values) <= description.values(name, field), f"{name}.{field}"


@pytest.mark.xdist_group("sandbox openapi")
def test_every_answer_looks_as_3cx_describes_it(description: Description, client: httpx.Client) -> None:
    wrong: dict[str, list[str]] = {}
    for (method, template), (path, body) in REQUESTS.items():
        answer = client.request(method, path, json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        if answer.headers.get("Content-Type") == "audio/x-wav":
            # Described as some object; live systems send the sound itself.
            continue
        operation = description.operation(method, template)
        assert operation is not None
        problems = description.problems(operation, answer.status_code, _json(answer))
        if problems:
            wrong[f"{method} {path}"] = problems[:10]
    assert not wrong


@pytest.mark.parametrize("case", REFUSALS)
def test_every_refusal_looks_as_3cx_describes_it(
    description: Description, client: httpx.Client, case: str
) -> None:
    method, template, path, body = REFUSALS[case]
    answer = client.request(method, path, json=body)
    operation = description.operation(method, template)
    assert operation is not None
    assert answer.status_code == 400
    assert description.problems(operation, 400, _json(answer)) == []
    given = {detail["message"] for detail in answer.json()["error"]["details"]}
    assert given <= description.warnings()


def test_every_warning_of_3cx_has_plain_words_or_is_known_to_be_out_of_reach(
    description: Description,
) -> None:
    names = {warnings.name_of(name) for name in description.warnings()}
    assert names - warnings.IN_REACH - warnings.OUT_OF_REACH == set()


def test_no_warning_is_both_in_and_out_of_reach() -> None:
    assert set() == warnings.IN_REACH & warnings.OUT_OF_REACH


def test_a_wrong_answer_would_be_noticed(description: Description) -> None:
    operation = description.operation("GET", "/Users")
    assert operation is not None
    for row, said in (
        ({"Id": "21"}, "is not of type 'integer'"),
        ({"Id": 21, "Nonsense": 1}, "Nonsense is not known"),
    ):
        assert any(said in problem for problem in description.problems(operation, 200, {"value": [row]}))
    assert description.problems(operation, 204, None)
    assert description.problems(operation, 200, {"value": [{"Id": 21, "FirstName": None}]}) == []
