"""Creating, changing and deleting users, one at a time."""

from typing import Any

import httpx
import pytest

from services.sandbox.phone_system import RunningPhoneSystem
from tests.integration.sandbox.conftest import Json, PhoneSystems, refusal, values

IN_USE = "WARNINGS.XAPI.ALREADY_IN_USE"
FORBIDDEN = "WARNINGS.XAPI.FORBIDDEN_CHANGE"
ANNA = {"Number": "200", "FirstName": "Anna", "LastName": "Berg", "EmailAddress": "Anna.Berg@x.test"}


def _user(client: httpx.Client, user_id: int) -> Json:
    row: Json = client.get(
        f"Users({user_id})?$expand=Groups($expand=Rights),ForwardingProfiles,Phones"
    ).json()
    return row


def test_an_empty_body_makes_a_user_with_everything_generated(xapi: httpx.Client) -> None:
    answer = xapi.post("Users", json={})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"https://sandbox.example.test:5001/xapi/v1/Users({made['Id']})"
    assert made["Number"] == "105"
    assert all(made[name] for name in ("AuthID", "AuthPassword", "SIPID", "VMPIN", "PromptSet", "Language"))
    user = _user(xapi, made["Id"])
    assert [(row["Name"], row["Rights"]["RoleName"]) for row in user["Groups"]] == [("DEFAULT", "users")]
    assert (user["PrimaryGroupId"], len(user["ForwardingProfiles"]), user["Enabled"]) == (1, 5, True)


def test_a_user_is_made_as_it_was_described(xapi: httpx.Client) -> None:
    made = xapi.post("Users", json=ANNA | {"Enabled": False, "Mobile": "+1 801 555 0100"}).json()
    user = _user(xapi, made["Id"])
    assert {name: user[name] for name in ANNA} == ANNA
    assert (user["Enabled"], user["Mobile"], user["DisplayName"]) == (False, "+1 801 555 0100", "Anna Berg")
    assert user["Groups"][0]["MemberName"] == "Berg, Anna"


def test_changing_and_deleting_answer_204_with_nothing_in_it(
    phone_system: RunningPhoneSystem, xapi: httpx.Client, ids: dict[str, int]
) -> None:
    changed = xapi.patch(f"Users({ids['100']})", json={"FirstName": "New", "Enabled": False})
    deleted = xapi.delete(f"Users({ids['101']})")
    assert [(answer.status_code, answer.content) for answer in (changed, deleted)] == [(204, b"")] * 2
    user = _user(xapi, ids["100"])
    assert (user["FirstName"], user["Enabled"], user["DisplayName"]) == ("New", False, "New Extension")
    assert sorted(phone_system.state.user_by_number) == ["100", "102", "103", "104"]


def test_put_is_not_allowed(xapi: httpx.Client, ids: dict[str, int]) -> None:
    assert xapi.put(f"Users({ids['100']})", json={"FirstName": "New"}).status_code == 405
    assert _user(xapi, ids["100"])["FirstName"] == "Existing0"


@pytest.mark.parametrize(
    "body",
    [
        {"Nonsense": 1},
        {"user": {"FirstName": "Anna"}},
        {"delta": {"FirstName": "Anna"}},
        {"Email": "anna@x.test"},
        {"@odata.context": "x", "FirstName": "Anna"},
        {"Enabled": "yes"},
        {"FirstName": 7},
        {"PrimaryGroupId": True},
        {"VMEmailOptions": "Sometimes"},
        {"Groups": {"GroupId": 1}},
        {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "users", "Nonsense": True}}]},
        {"Groups": ["DEFAULT"]},
        {"ForwardingProfiles": [{"Name": "Away", "AwayRoute": {"Internal": {"To": "Nowhere"}}}]},
        [],
        "Anna",
        None,
    ],
)
def test_a_body_with_an_unknown_property_or_of_the_wrong_shape_is_refused(
    xapi: httpx.Client, ids: dict[str, int], body: Any
) -> None:
    before = _user(xapi, ids["100"])
    for answer in (xapi.patch(f"Users({ids['100']})", json=body), xapi.post("Users", json=body)):
        assert answer.status_code == 400
        assert (
            answer.json()["error"]["message"]
            == "The input was not valid.\n\ndelta:\nThe delta field is required."
        )
    assert _user(xapi, ids["100"]) == before
    assert len(values(xapi.get("Users"))) == 5


def test_a_body_that_is_no_json_is_refused(xapi: httpx.Client) -> None:
    for content in (b"", b"{", b"\xff", b"[" * 100_000):
        assert xapi.post("Users", content=content).status_code == 400


@pytest.mark.parametrize("number", ["100", "800", "801", "802", "888", "SP0", "GRP0000", "rollcall"])
def test_a_number_is_given_once_among_everything_that_has_one(xapi: httpx.Client, number: str) -> None:
    assert number in {peer["Number"] for peer in values(xapi.get("Peers"))}
    assert refusal(xapi.post("Users", json={"Number": number})) == (400, "Number", IN_USE)


@pytest.mark.parametrize("number", ["12a", "1 2", "+12", "١٢٣"])
def test_a_number_consists_of_digits(xapi: httpx.Client, number: str) -> None:
    assert refusal(xapi.post("Users", json={"Number": number})) == (400, "Number", "WARNINGS.INVALID")


def test_a_mail_address_is_given_once_whatever_its_case(xapi: httpx.Client, ids: dict[str, int]) -> None:
    anna = xapi.post("Users", json=ANNA).json()["Id"]
    taken = (400, "EmailAddress", IN_USE)
    assert refusal(xapi.post("Users", json={"EmailAddress": "anna.berg@X.TEST"})) == taken
    assert refusal(xapi.patch(f"Users({ids['100']})", json={"EmailAddress": "ANNA.BERG@x.test"})) == taken
    assert xapi.patch(f"Users({anna})", json={"EmailAddress": "anna.berg@x.test"}).status_code == 204
    assert xapi.patch(f"Users({anna})", json={"EmailAddress": None}).status_code == 204
    assert xapi.patch(f"Users({ids['100']})", json={"EmailAddress": "anna.berg@x.test"}).status_code == 204


def test_the_same_mobile_number_may_be_had_by_two(xapi: httpx.Client, ids: dict[str, int]) -> None:
    answers = [xapi.patch(f"Users({ids[number]})", json={"Mobile": "555"}) for number in ("100", "101")]
    assert [answer.status_code for answer in answers] == [204, 204]


def test_a_number_cannot_be_changed(xapi: httpx.Client, ids: dict[str, int]) -> None:
    path = f"Users({ids['100']})"
    assert refusal(xapi.patch(path, json={"Number": "150", "FirstName": "New"})) == (400, "Number", FORBIDDEN)
    assert _user(xapi, ids["100"])["FirstName"] == "Existing0"
    assert xapi.patch(path, json={"Number": "100", "FirstName": "New"}).status_code == 204
    assert _user(xapi, ids["100"])["FirstName"] == "New"


def test_an_id_in_the_body_must_be_the_right_one(xapi: httpx.Client, ids: dict[str, int]) -> None:
    path = f"Users({ids['100']})"
    assert xapi.patch(path, json={"Id": ids["100"], "FirstName": "New"}).status_code == 204
    assert refusal(xapi.patch(path, json={"Id": ids["101"]})) == (400, "Id", FORBIDDEN)


def test_what_the_phone_system_works_out_itself_is_accepted_and_ignored(
    xapi: httpx.Client, ids: dict[str, int]
) -> None:
    body = {"DisplayName": "Somebody Else", "IsRegistered": True, "Tags": ["AI"]}
    assert xapi.patch(f"Users({ids['100']})", json=body).status_code == 204
    user = _user(xapi, ids["100"])
    assert (user["DisplayName"], user["IsRegistered"], user["Tags"]) == ("Existing0 Extension", False, [])


@pytest.mark.parametrize(
    ("field", "limit", "said"),
    [
        ("FirstName", 50, "LENGTH_NOT_MORE_50_CHARS"),
        ("LastName", 50, "LENGTH_NOT_MORE_50_CHARS"),
        ("EmailAddress", 255, "LENGTH_NOT_MORE_255_CHARS"),
        ("Mobile", 255, "LENGTH_NOT_MORE_255_CHARS"),
        ("Blfs", 20_480, "STRING_TOO_LONG"),
    ],
)
def test_a_text_has_an_end(
    xapi: httpx.Client, ids: dict[str, int], field: str, limit: int, said: str
) -> None:
    path = f"Users({ids['100']})"
    assert refusal(xapi.patch(path, json={field: "x" * (limit + 1)})) == (400, field, f"WARNINGS.{said}")
    assert xapi.patch(path, json={field: "x" * limit}).status_code == 204


def test_the_lengths_are_options(phone_systems: PhoneSystems) -> None:
    client = phone_systems.xapi(phone_systems.start(extensions=0, name_limit=255, text_limit=10))
    assert client.post("Users", json={"FirstName": "x" * 200}).status_code == 201
    assert refusal(client.post("Users", json={"Mobile": "5" * 11}))[2] == "WARNINGS.STRING_TOO_LONG"


def test_the_licence_has_a_limit_and_says_how_much_is_used(phone_systems: PhoneSystems) -> None:
    client = phone_systems.xapi(phone_systems.start(extensions=2, max_extensions=3))

    def used() -> Json:
        row: Json = client.get("SystemStatus?$select=UserExtensions,MaxUserExtensions").json()
        return {name: row[name] for name in ("UserExtensions", "MaxUserExtensions")}

    assert used() == {"UserExtensions": 2, "MaxUserExtensions": 3}
    assert client.post("Users", json={}).status_code == 201
    assert refusal(client.post("Users", json={})) == (400, "Number", "WARNINGS.LIMIT_REACHED")
    assert used() == {"UserExtensions": 3, "MaxUserExtensions": 3}


def test_a_range_of_numbers_has_an_end(phone_systems: PhoneSystems) -> None:
    client = phone_systems.xapi(phone_systems.start(extensions=2, last_number=102))
    first = "Users/Pbx.GetFirstAvailableExtensionNumber()"
    assert client.get(first).json() == {"Number": "102"}
    assert client.post("Users", json={}).json()["Number"] == "102"
    exhausted = (400, "Number", "WARNINGS.NO_MORE_NUMBERS_AVAILABLE")
    assert refusal(client.get(first)) == exhausted
    assert refusal(client.post("Users", json={})) == exhausted
    assert client.post("Users", json={"Number": "500"}).status_code == 201


def test_a_refused_creation_leaves_nothing_behind(xapi: httpx.Client) -> None:
    body = ANNA | {"Groups": [{"GroupId": 99, "Rights": {"RoleName": "users"}}]}
    assert refusal(xapi.post("Users", json=body)) == (400, "Groups", "WARNINGS.XAPI.NOT_FOUND")
    assert xapi.get("Users(Number='200')").status_code == 404
    assert xapi.post("Users", json=ANNA).status_code == 201
