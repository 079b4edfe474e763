"""Actions on many users at once, and the header that breaks them."""

from typing import Any

import httpx
import pytest

from services.sandbox.phone_system import RunningPhoneSystem
from tests.integration.sandbox.conftest import Json, PhoneSystems, refusal, values

SECRETS = ("AuthID", "AuthPassword", "DeskphonePassword", "VMPIN", "AccessPassword")


def _numbers(client: httpx.Client) -> list[str]:
    return [row["Number"] for row in values(client.get("Users?$select=Number"))]


@pytest.mark.parametrize("name", ["Ids", "ids"])
def test_several_users_are_deleted_at_once(xapi: httpx.Client, ids: dict[str, int], name: str) -> None:
    answer = xapi.post("Users/Pbx.BatchDelete", json={name: [ids["100"], ids["103"]]})
    assert (answer.status_code, values(answer)) == (200, [])
    assert _numbers(xapi) == ["101", "102", "104"]
    assert values(xapi.post("Users/Pbx.BatchDelete", json={name: []})) == []


def test_what_cannot_be_deleted_is_named_in_a_success(phone_systems: PhoneSystems) -> None:
    system = phone_systems.start(operator_number="100", fax_server_number="101")
    client, ids = phone_systems.xapi(system), system.state.user_by_number
    owner = {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}]}
    assert client.patch(f"Users({ids['102']})", json=owner).status_code == 204
    wanted = [ids["100"], ids["101"], ids["102"], ids["103"], 4711]
    answer = client.post("Users/Pbx.BatchDelete", json={"Ids": wanted})
    assert answer.status_code == 200
    assert {row["ExtensionNumber"]: row["Error"] for row in values(answer)} == {
        "100": "WARNINGS.OPERATOR_CANNOT_BE_DELETED",
        "101": "WARNINGS.FAX_SERVER_CANNOT_BE_DELETED",
        "102": "WARNINGS.USER_EXTENSION_CANNOT_BE_DELETED",
        "4711": "WARNINGS.XAPI.NOT_FOUND",
    }
    assert _numbers(client) == ["100", "101", "102", "104"]
    assert refusal(client.delete(f"Users({ids['102']})"))[2] == "WARNINGS.USER_EXTENSION_CANNOT_BE_DELETED"
    assert client.get("Users(Number='101')?$select=Tags").json()["Tags"] == ["FaxServer"]


def test_a_system_owner_can_be_deleted_while_another_one_stays(
    xapi: httpx.Client, ids: dict[str, int]
) -> None:
    assert xapi.get("Defs/Pbx.HasSystemOwner()").json() == {"value": False}
    owner = {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}]}
    for number in ("100", "101"):
        xapi.patch(f"Users({ids[number]})", json=owner)
    assert xapi.get("Defs/Pbx.HasSystemOwner()").json() == {"value": True}
    answers = [xapi.delete(f"Users({ids[number]})").status_code for number in ("100", "101")]
    assert answers == [204, 400]


@pytest.mark.parametrize(
    "body", [{"userIds": [21]}, {"Ids": ["100"]}, {"Ids": 21}, {"Ids": [True]}, {}, [21], None]
)
def test_a_batch_in_any_other_shape_is_refused(xapi: httpx.Client, body: Any) -> None:
    assert xapi.post("Users/Pbx.BatchDelete", json=body).status_code == 400
    assert len(_numbers(xapi)) == 5


def _multi_user_update(client: httpx.Client, ids: list[int], user: Any) -> httpx.Response:
    return client.post("Users/Pbx.MultiUserUpdate", json={"ids": ids, "user": user})


def test_a_partial_object_for_many_users_fails_with_nothing_but_a_status(
    xapi: httpx.Client, ids: dict[str, int]
) -> None:
    answer = _multi_user_update(xapi, [ids["100"]], {"RecordCalls": True})
    assert (answer.status_code, answer.content) == (500, b"")
    assert xapi.get("Users(Number='100')?$select=RecordCalls").json()["RecordCalls"] is False


def test_an_object_with_complete_profiles_is_written_to_all(xapi: httpx.Client, ids: dict[str, int]) -> None:
    profiles: list[Json] = values(xapi.get(f"Users({ids['104']})/ForwardingProfiles"))
    user = {"RecordCalls": True, "ForwardingProfiles": profiles}
    assert _multi_user_update(xapi, [ids["100"], ids["101"]], user).status_code == 204
    found = values(xapi.get("Users?$filter=RecordCalls eq true&$select=Number&$expand=ForwardingProfiles"))
    assert [row["Number"] for row in found] == ["100", "101"]
    assert all(row["ForwardingProfiles"] == profiles for row in found)


@pytest.mark.parametrize("user", [{"FirstName": "Anna"}, {"VMPIN": "123456"}, "Anna", None])
def test_names_and_secrets_cannot_be_written_to_many(
    xapi: httpx.Client, ids: dict[str, int], user: Any
) -> None:
    assert _multi_user_update(xapi, [ids["100"]], user).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "Users/Pbx.BatchDelete",
        "Users/Pbx.MultiUserUpdate",
        "Users({id})/Pbx.SendWelcomeEmail",
        "Users({id})/Pbx.Regenerate",
        "Groups/Pbx.DeleteCompanyById",
        "Peers/Pbx.RetreivePeersByNumbers",
        "Recordings/Pbx.BulkRecordingsDelete",
    ],
)
def test_an_action_fails_on_a_prefer_header(xapi: httpx.Client, ids: dict[str, int], path: str) -> None:
    headers = {"Prefer": "return=minimal"}
    answer = xapi.post(path.format(id=ids["100"]), json={"ids": [ids["100"]]}, headers=headers)
    assert (answer.status_code, answer.content) == (500, b"")
    assert len(_numbers(xapi)) == 5


def test_a_prefer_header_does_no_harm_elsewhere(xapi: httpx.Client, ids: dict[str, int]) -> None:
    headers = {"Prefer": "return=representation", "OData-Version": "4.0"}
    assert xapi.post("Users", json={}, headers=headers).status_code == 201
    assert xapi.patch(f"Users({ids['100']})", json={"FirstName": "New"}, headers=headers).status_code == 204


def test_secrets_are_made_anew_as_asked(
    phone_system: RunningPhoneSystem, xapi: httpx.Client, ids: dict[str, int]
) -> None:
    path = f"Users({ids['100']})"

    def changed(options: Json) -> set[str]:
        before = xapi.get(path).json()
        assert xapi.post(f"{path}/Pbx.Regenerate", json={"opts": options}).status_code == 204
        after = xapi.get(path).json()
        return {name for name in after if after[name] != before[name]}

    assert changed({"SipAuth": True, "VoicemailPIN": False}) == {"AuthID", "AuthPassword"}
    every = {"SipAuth": True, "VoicemailPIN": True, "DeskphonePassword": True, "WebclientPassword": True}
    assert changed(every) == set(SECRETS)
    assert len(phone_system.state.calls["regenerate_user"]["100"]) == 2
    assert xapi.post(f"{path}/Pbx.Regenerate", json={}).status_code == 400


def test_a_welcome_is_sent_and_counted(
    phone_system: RunningPhoneSystem, xapi: httpx.Client, ids: dict[str, int]
) -> None:
    assert xapi.post(f"Users({ids['100']})/Pbx.SendWelcomeEmail").status_code == 204
    assert xapi.post("Users(4711)/Pbx.SendWelcomeEmail").status_code == 404
    assert {key: len(sent) for key, sent in phone_system.state.calls["send_welcome_email"].items()} == {
        "100": 1
    }


def test_no_mail_address_is_ever_had_twice(xapi: httpx.Client, ids: dict[str, int]) -> None:
    assert xapi.get(f"Users({ids['100']})/Pbx.HasDuplicatedEmail()").json() == {"value": False}


def test_several_users_are_changed_at_once_or_none_of_them(xapi: httpx.Client, ids: dict[str, int]) -> None:
    chosen = [ids["100"], ids["101"]]
    assert xapi.post(
        "Users/Pbx.BulkUpdate", json={"ids": [*chosen, 4711], "user": {"RecordCalls": True}}
    ).is_error
    assert [row["RecordCalls"] for row in values(xapi.get("Users?$select=RecordCalls"))] == [False] * 5
    assert (
        xapi.post("Users/Pbx.BulkUpdate", json={"ids": chosen, "user": {"RecordCalls": True}}).status_code
        == 204
    )
    assert [row["RecordCalls"] for row in values(xapi.get("Users?$select=RecordCalls"))] == [True] * 2 + [
        False
    ] * 3


def test_addresses_that_somebody_has_are_named_whatever_their_case(xapi: httpx.Client) -> None:
    given = ["EXISTING0@sandbox.example.test", "nobody@sandbox.example.test"]
    found: list[object] = [*values(xapi.post("Users/Pbx.GetDuplicatedEmails", json={"emails": given}))]
    assert found == given[:1]
    assert xapi.post("Users/Pbx.GetDuplicatedEmails", json={"emails": [1]}).status_code == 400


def test_secrets_of_several_users_are_made_anew_and_their_welcome_messages_counted(
    xapi: httpx.Client, sandbox: httpx.Client, ids: dict[str, int]
) -> None:
    before = {row["Number"]: row["VMPIN"] for row in values(xapi.get("Users?$select=Number,VMPIN"))}
    opts = {"VoicemailPIN": True, "SendWelcomeEmail": True}
    body = {"Ids": [ids["100"], ids["101"]], "opts": opts}
    assert xapi.post("Users/Pbx.RegeneratePasswords", json=body).status_code == 204
    after = {row["Number"]: row["VMPIN"] for row in values(xapi.get("Users?$select=Number,VMPIN"))}
    assert {number for number in before if before[number] != after[number]} == {"100", "101"}
    assert set(sandbox.get("/sandbox/calls").json()["send_welcome_email"]) == {"100", "101"}


def test_a_queue_and_a_ring_group_hold_their_number_until_they_are_deleted(xapi: httpx.Client) -> None:
    for collection, people in (("Queues", "Agents"), ("RingGroups", "Members")):
        made = xapi.post(collection, json={"Number": "810", "Name": "Support", people: [{"Number": "101"}]})
        assert made.status_code == 201, made.text
        address = f"{collection}({made.json()['Id']})"
        found = xapi.get(f"{address}?$expand={people}").json()
        assert (found["Name"], [row["Number"] for row in found[people]]) == ("Support", ["101"])
        assert refusal(xapi.post("Users", json={"Number": "810"}))[2] == "WARNINGS.XAPI.ALREADY_IN_USE"
        ordered = [row["Id"] for row in values(xapi.get("Peers?$orderby=Id&$top=100&$select=Id"))]
        assert ordered == sorted(ordered)
        assert xapi.delete(address).status_code == 204
        assert xapi.get("Peers(Number='810')").status_code == 404
