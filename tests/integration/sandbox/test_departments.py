"""Departments, and who belongs to them with which rights."""

import httpx
import pytest

from tests.integration.sandbox.conftest import Json, refusal, values

EXPANDED = "$select=Id,PrimaryGroupId&$expand=Groups($expand=Rights)"


def _memberships(client: httpx.Client, user_id: int) -> dict[int, str]:
    rows = client.get(f"Users({user_id})?{EXPANDED}").json()["Groups"]
    return {row["GroupId"]: row["Rights"]["RoleName"] for row in rows}


def _primary(client: httpx.Client, user_id: int) -> int | None:
    primary: int | None = client.get(f"Users({user_id})?{EXPANDED}").json()["PrimaryGroupId"]
    return primary


def _member(group_id: int, role: str = "users") -> Json:
    return {"GroupId": group_id, "Rights": {"RoleName": role}}


@pytest.fixture
def sales(xapi: httpx.Client) -> int:
    """A second department."""
    made: int = xapi.post("Groups", json={"Name": "Sales"}).json()["Id"]
    return made


def test_a_department_is_made_from_a_name_alone(xapi: httpx.Client) -> None:
    answer = xapi.post("Groups", json={"Name": "Sales"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"https://sandbox.example.test:5001/xapi/v1/Groups({made['Id']})"
    assert (made["Name"], made["Number"], made["IsDefault"]) == ("Sales", "GRP0001", False)


def test_departments_are_found_by_name_and_the_default_one_by_its_mark(
    xapi: httpx.Client, sales: int
) -> None:
    found = values(xapi.get("Groups?$filter=Name eq 'Sales'&$select=Id"))
    assert found == [{"Id": sales}]
    (default,) = values(xapi.get("Groups?$filter=IsDefault eq true&$select=Name,Number"))
    assert default == {"Name": "DEFAULT", "Number": "GRP0000"}


@pytest.mark.parametrize("name", ["Sales", "sALES"])
def test_a_name_is_given_once(xapi: httpx.Client, sales: int, name: str) -> None:
    duplicate = (400, "Name", "WARNINGS.XAPI.DUPLICATE")
    assert refusal(xapi.post("Groups", json={"Name": name})) == duplicate
    assert refusal(xapi.patch("Groups(1)", json={"Name": name})) == duplicate
    assert xapi.patch(f"Groups({sales})", json={"Name": name}).status_code == 204


def test_a_name_must_be_there_and_fit(xapi: httpx.Client, sales: int) -> None:
    for answer in (xapi.post("Groups", json={}), xapi.patch(f"Groups({sales})", json={"Name": ""})):
        assert refusal(answer) == (400, "Name", "WARNINGS.XAPI.REQUIRED")
    assert refusal(xapi.post("Groups", json={"Name": "x" * 51}))[2] == "WARNINGS.LENGTH_NOT_MORE_50_CHARS"


@pytest.mark.parametrize(
    "body", [{"Name": "X", "Nonsense": 1}, {"group": {"Name": "X"}}, {"Name": 1}, [], None]
)
def test_a_body_that_is_no_department_is_refused(xapi: httpx.Client, sales: int, body: object) -> None:
    for answer in (xapi.post("Groups", json=body), xapi.patch(f"Groups({sales})", json=body)):
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("The input was not valid.")


def test_an_unknown_department_is_404_with_a_text(xapi: httpx.Client) -> None:
    answers = [
        xapi.get("Groups(99)"),
        xapi.get("Groups(99)/Members"),
        xapi.patch("Groups(99)", json={"Name": "X"}),
        xapi.delete("Groups(99)"),
        xapi.post("Groups/Pbx.DeleteCompanyById", json={"id": 99}),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert all(answer.json() == {"error": "Department not found"} for answer in answers)


def test_the_departments_of_a_user_are_written_as_a_whole(
    xapi: httpx.Client, ids: dict[str, int], sales: int
) -> None:
    path = f"Users({ids['100']})"
    body = {"Groups": [_member(1), _member(sales, "managers")]}
    assert xapi.patch(path, json=body).status_code == 204
    assert _memberships(xapi, ids["100"]) == {1: "users", sales: "managers"}
    assert xapi.patch(path, json={"Groups": [_member(sales)]}).status_code == 204
    assert _memberships(xapi, ids["100"]) == {sales: "users"}
    assert _primary(xapi, ids["100"]) == sales
    assert xapi.patch(path, json={"Groups": []}).status_code == 204
    assert (_memberships(xapi, ids["100"]), _primary(xapi, ids["100"])) == ({}, None)


def test_rows_may_be_written_back_as_they_were_read(
    xapi: httpx.Client, ids: dict[str, int], sales: int
) -> None:
    path = f"Users({ids['100']})"
    rows = xapi.get(f"{path}?{EXPANDED}").json()["Groups"]
    assert xapi.patch(path, json={"Groups": [*rows, _member(sales)]}).status_code == 204
    assert _memberships(xapi, ids["100"]) == {1: "users", sales: "users"}


def test_the_rights_of_a_group_are_accepted_and_silently_ignored(
    xapi: httpx.Client, ids: dict[str, int]
) -> None:
    body = {"Groups": [{"GroupId": 1, "GroupRights": {"RoleName": "system_owners"}}]}
    assert xapi.patch(f"Users({ids['100']})", json=body).status_code == 204
    assert _memberships(xapi, ids["100"]) == {1: "users"}


def test_a_primary_department_must_be_one_of_the_users_own(
    xapi: httpx.Client, ids: dict[str, int], sales: int
) -> None:
    path = f"Users({ids['100']})"
    refused = xapi.patch(path, json={"PrimaryGroupId": sales})
    assert refusal(refused) == (400, "PrimaryGroupId", "WARNINGS.XAPI.NOT_FOUND")
    assert xapi.patch(path, json={"Groups": [_member(1), _member(sales)]}).status_code == 204
    assert _primary(xapi, ids["100"]) == 1
    assert xapi.patch(path, json={"PrimaryGroupId": sales}).status_code == 204
    assert _primary(xapi, ids["100"]) == sales


@pytest.mark.parametrize("role", ["owners", "departmentadmins", "system", "observers", "", None])
def test_a_role_that_nobody_can_have_is_refused(xapi: httpx.Client, ids: dict[str, int], role: str) -> None:
    path = f"Users({ids['100']})"
    refused = xapi.patch(path, json={"Groups": [_member(1, role)]})
    assert refusal(refused) == (400, "Groups", "WARNINGS.INVALID")
    assert _memberships(xapi, ids["100"]) == {1: "users"}


def test_the_roles_can_be_asked_for(xapi: httpx.Client, ids: dict[str, int]) -> None:
    roles = [row["RoleName"] for row in values(xapi.get("Groups(1)/Rights?$select=RoleName"))]
    assert {"users", "managers", "group_owners", "system_admins", "system_owners", "system"} <= set(roles)
    (group,) = values(xapi.get("Groups?$expand=Rights&$filter=Id eq 1"))
    assert [row["RoleName"] for row in group["Rights"]] == roles


def test_members_are_of_any_kind_and_are_written_as_a_whole(xapi: httpx.Client, ids: dict[str, int]) -> None:
    rows = values(xapi.get("Groups(1)/Members"))
    assert [(row["Number"], row["Type"]) for row in rows][:2] == [("SP0", "Parking"), ("100", "Extension")]
    expanded = xapi.get("Groups(1)?$expand=Members($expand=Rights)").json()["Members"]
    assert {row["Rights"]["RoleName"] for row in expanded} == {"users"}
    body = {"Members": [{"Number": "101", "Rights": {"RoleName": "managers"}}]}
    assert xapi.patch("Groups(1)", json=body).status_code == 204
    assert [row["Number"] for row in values(xapi.get("Groups(1)/Members"))] == ["101"]
    assert _memberships(xapi, ids["101"]) == {1: "managers"}
    assert _memberships(xapi, ids["100"]) == {}
    refused = xapi.patch("Groups(1)", json={"Members": [{"Number": "4711"}]})
    assert refusal(refused) == (400, "Members", "WARNINGS.XAPI.NON_EXISTENT_EXT_NUMBER")


def test_a_department_is_deleted_when_nobody_is_in_it(
    xapi: httpx.Client, ids: dict[str, int], sales: int
) -> None:
    xapi.patch(f"Users({ids['100']})", json={"Groups": [_member(1), _member(sales)]})
    occupied = (400, "Number", "WARNINGS.GROUP_WITH_MEMBERS_CANNOT_BE_DELETED")
    assert refusal(xapi.delete(f"Groups({sales})")) == occupied
    xapi.patch(f"Users({ids['100']})", json={"Groups": [_member(1)]})
    assert xapi.delete(f"Groups({sales})").status_code == 204
    other = xapi.post("Groups", json={"Name": "Other"}).json()["Id"]
    assert xapi.post("Groups/Pbx.DeleteCompanyById", json={"id": other}).status_code == 204
    assert [row["Id"] for row in values(xapi.get("Groups"))] == [1]
    assert refusal(xapi.delete("Groups(1)")) == (400, "Number", "WARNINGS.GROUP_CANNOT_BE_DELETED")


def test_the_number_of_a_department_cannot_be_changed(xapi: httpx.Client, sales: int) -> None:
    refused = xapi.patch(f"Groups({sales})", json={"Number": "GRP0009"})
    assert refusal(refused) == (400, "Number", "WARNINGS.XAPI.FORBIDDEN_CHANGE")


def test_a_department_says_what_its_licence_allows(xapi: httpx.Client) -> None:
    allowed = xapi.get("Groups(1)/Pbx.GetRestrictions()").json()
    assert allowed["Users"] == {"Allowed": 100_000, "Used": 5, "Unlimited": False}
