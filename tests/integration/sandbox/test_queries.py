"""Reading users: pages, filters, selected and expanded properties, and what is refused."""

import httpx
import pytest

from services.sandbox.phone_system import RunningPhoneSystem
from services.sandbox.phone_system.user_fields import SECRETS
from tests.integration.sandbox.conftest import Json, PhoneSystems, query_refusal, values

PEOPLE: list[Json] = [
    {"Number": "210", "FirstName": "Seán", "LastName": "O'Brien", "EmailAddress": "Sean.OBrien@x.test"},
    {"Number": "211", "FirstName": "Ada", "LastName": "Berg", "EmailAddress": "ada@x.test", "Enabled": False},
    {"Number": "212", "FirstName": "Ada", "LastName": "Aas", "Mobile": "555", "EmailAddress": ""},
]


@pytest.fixture(scope="module")
def phone_system(shared_phone_systems: PhoneSystems) -> RunningPhoneSystem:
    """One with 100 to 104 and three people, 210 to 212; nothing here writes to it."""
    system = shared_phone_systems.start()
    shared_phone_systems.stranger(system).put("/sandbox/users", json=PEOPLE).raise_for_status()
    return system


@pytest.fixture(scope="module")
def people(shared_phone_systems: PhoneSystems, phone_system: RunningPhoneSystem) -> httpx.Client:
    """A client of it."""
    return shared_phone_systems.xapi(phone_system)


def _numbers(client: httpx.Client, query: str) -> list[str]:
    return [row["Number"] for row in values(client.get(f"Users?$select=Number&{query}"))]


def test_more_than_100_rows_at_once_are_refused_in_these_words(people: httpx.Client) -> None:
    answer = people.get("Users?$top=500")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "The query specified in the URI is not valid. The limit of '100' for Top query has been exceeded. "
        "The value from the incoming request is '500'."
    )


def test_pages_hold_everybody_once_and_name_no_next_page(phone_systems: PhoneSystems) -> None:
    client = phone_systems.client(phone_systems.start(extensions=230, first_number=1000))
    pages = [
        client.get(f"/xapi/v1/Users?$select=Number&$orderby=Id&$top=100&$skip={skip}&$count=true").json()
        for skip in (0, 100, 200, 300)
    ]
    assert [len(page["value"]) for page in pages] == [100, 100, 30, 0]
    assert {page["@odata.count"] for page in pages} == {230}
    assert [row["Number"] for page in pages for row in page["value"]] == [str(1000 + i) for i in range(230)]
    assert not any("@odata.nextLink" in page for page in pages)
    assert len(values(client.get("/xapi/v1/Users"))) == 100


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Number eq '210'", ["210"]),
        ("Number ne '210' and not startsWith(Number,'10')", ["211", "212"]),
        ("LastName eq 'O''Brien'", ["210"]),
        ("tolower(EmailAddress) eq 'sean.obrien@x.test'", ["210"]),
        ("EmailAddress eq 'sean.obrien@x.test'", []),
        ("EmailAddress eq '' or EmailAddress eq null", ["212"]),
        ("contains(LastName,'B') and contains(tolower(FirstName),'s')", ["210"]),
        ("startswith(LastName,'B') eq true", ["211"]),
        ("endswith(Number,'2') and startswith(Number,'2')", ["212"]),
        ("Enabled eq false", ["211"]),
        ("not Enabled", ["211"]),
        ("FirstName eq 'Ada' and (Number eq '211' or Mobile eq '555')", ["211", "212"]),
        ("Number eq '212' or Number eq '210' or Number eq 'none'", ["210", "212"]),
        ("VMEmailOptions eq 'Notification' and Number gt '211'", ["212"]),
        ("DisplayName eq 'Ada Berg'", ["211"]),
    ],
)
def test_a_filter_finds_whom_it_describes(people: httpx.Client, wanted: str, found: list[str]) -> None:
    answer = people.get("Users", params={"$filter": wanted, "$select": "Number", "$orderby": "Id"})
    assert [row["Number"] for row in values(answer)] == found


def test_a_filter_by_key_looks_at_nothing_but_the_index(people: httpx.Client, ids: dict[str, int]) -> None:
    wanted = " or ".join(f"Id eq {user_id}" for user_id in (ids["104"], ids["100"], 4711))
    assert _numbers(people, f"$filter={wanted}") == ["100", "104"]
    count = people.get("Users", params={"$filter": "Number eq '210'", "$count": "true", "$top": "0"}).json()
    assert (count["@odata.count"], count["value"]) == (1, [])


def test_rows_are_sorted_by_several_fields(people: httpx.Client) -> None:
    found = _numbers(people, "$filter=startswith(Number,'21')&$orderby=FirstName desc,LastName asc")
    assert found == ["210", "212", "211"]


def test_a_search_looks_into_names_numbers_and_addresses_only(people: httpx.Client) -> None:
    assert _numbers(people, "$search=berg") == ["211"]
    password = people.get("Users(Number='211')?$select=AuthPassword").json()["AuthPassword"]
    assert _numbers(people, f"$search={password}") == []


def test_only_selected_properties_are_answered(people: httpx.Client) -> None:
    (row, *_others) = values(people.get("Users?$select=Id,Number,Enabled&$top=1"))
    assert set(row) == {"Id", "Number", "Enabled"}


def test_without_a_selection_the_row_carries_every_secret(people: httpx.Client) -> None:
    row = people.get("Users(Number='210')").json()
    assert all(row[name] for name in SECRETS)
    assert "Groups" not in row
    listed = values(people.get("Users?$filter=Number eq '210'"))[0]
    assert {name: listed[name] for name in SECRETS} == {name: row[name] for name in SECRETS}


def test_secrets_differ_from_user_to_user(people: httpx.Client) -> None:
    rows = values(people.get("Users"))
    assert all(len({row[name] for row in rows}) == len(rows) for name in ("AuthPassword", "SIPID"))


def test_departments_are_expanded_with_the_rights_in_them(people: httpx.Client, ids: dict[str, int]) -> None:
    row = people.get(
        f"Users({ids['100']})?$select=Id&$expand=Groups($expand=Rights),ForwardingProfiles"
    ).json()
    (group,) = row["Groups"]
    assert {name: group[name] for name in ("GroupId", "Number", "Name", "MemberName", "Type")} == {
        "GroupId": 1,
        "Number": "100",
        "Name": "DEFAULT",
        "MemberName": "Extension, Existing0",
        "Type": "Extension",
    }
    assert group["Rights"] == {"RoleName": "users"}
    profiles = {profile["Name"]: profile for profile in row["ForwardingProfiles"]}
    assert list(profiles) == ["Available", "Away", "Out of office", "Custom 1", "Custom 2"]
    voicemail = profiles["Available"]["AvailableRoute"]["NoAnswerInternal"]
    assert (voicemail["To"], voicemail["Number"]) == ("VoiceMail", "100")


def test_an_expand_takes_options_of_its_own(people: httpx.Client, ids: dict[str, int]) -> None:
    query = "$select=Id&$expand=ForwardingProfiles($select=Name;$filter=contains(Name,';');$top=1)"
    assert people.get(f"Users({ids['100']})?{query}").json()["ForwardingProfiles"] == []
    query = "$select=Id&$expand=ForwardingProfiles($select=Name;$orderby=Name desc;$top=2),Groups"
    row = people.get(f"Users({ids['100']})?{query}").json()
    assert row["ForwardingProfiles"] == [{"Name": "Out of office"}, {"Name": "Custom 2"}]
    assert "Rights" not in row["Groups"][0]


@pytest.mark.parametrize("child", ["Groups", "ForwardingProfiles", "Greetings"])
def test_what_can_be_expanded_can_be_listed_too(
    people: httpx.Client, ids: dict[str, int], child: str
) -> None:
    expanded = people.get(f"Users({ids['101']})?$expand={child}").json()[child]
    assert expanded
    assert values(people.get(f"Users({ids['101']})/{child}")) == expanded


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"$select": "Id,Nonsense"}, "Could not find a property named 'Nonsense'."),
        ({"$filter": "Nonsense eq 1"}, "Could not find a property named 'Nonsense'."),
        ({"$filter": "Type eq 'Extension'"}, "Could not find a property named 'Type'."),
        ({"$orderby": "Nonsense"}, "Could not find a property named 'Nonsense'."),
        ({"$orderby": "Hours"}, "Could not find a property named 'Hours'."),
        ({"$expand": "Nonsense"}, "Could not find a property named 'Nonsense'."),
        ({"$expand": "FirstName"}, "Could not find a property named 'FirstName'."),
        ({"$expand": "Groups($expand=Nonsense)"}, "Could not find a property named 'Nonsense'."),
        ({"$expand": "Groups($select=Id"}, "The $expand of 'Groups' is not valid."),
        ({"$top": "-1"}, "Invalid value '-1' for $top query option found."),
        ({"$skip": "ten"}, "Invalid value 'ten' for $skip query option found."),
        ({"$count": "maybe"}, "Invalid value 'maybe' for $count query option found."),
        ({"$apply": "x"}, "The query parameter '$apply' is not supported."),
        ({"$filter": "length(Number) eq 3"}, "An unknown function with name 'length' was found."),
        ({"$filter": "Number eq"}, "Expression expected at the end."),
        ({"$filter": "Number is '1'"}, "Syntax error at 'is': an operator is expected."),
        ({"$filter": "Number"}, "Syntax error at '': an operator is expected."),
        ({"$filter": "(Number eq '1'"}, "')' expected."),
        ({"$filter": "Number eq '1' Number"}, "Syntax error at 'Number'."),
        ({"$filter": "Number eq 'O'Brien'"}, "Syntax error at 'Brien'."),
    ],
)
def test_a_query_that_is_not_understood_is_refused(
    people: httpx.Client, query: dict[str, str], reason: str
) -> None:
    answer = people.get("Users", params=query)
    if reason == "Syntax error at 'Brien'.":
        assert query_refusal(answer).startswith("Syntax error at ")
    else:
        assert query_refusal(answer) == reason


def test_a_number_is_text_and_compares_with_text_only(people: httpx.Client) -> None:
    reason = query_refusal(people.get("Users", params={"$filter": "Number eq 100"}))
    assert "incompatible types" in reason
    assert "'Edm.String' and 'Edm.Int32'" in reason


def test_an_unknown_user_is_404_with_nothing_in_it(
    phone_system: RunningPhoneSystem, people: httpx.Client
) -> None:
    for path in (
        "Users(4711)",
        "Users(Number='4711')",
        "Users(Number='a''b?')",
        "Users(4711)/Groups",
        "Nonsense",
    ):
        answer = people.get(path)
        assert (answer.status_code, answer.content) == (404, b""), path
    assert people.patch("Users(4711)", json={}).status_code == 404
    assert people.delete("Users(4711)").content == b""
