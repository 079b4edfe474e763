"""A raw entry becomes a person."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collector.mapping import PersonMapping, Sources, UnusableEntry, clean, filetime
from services.collector.numbers import NumberOptions
from shared.domain.person import AccountState, Person

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
UNIT = "OU=Sales,DC=corp,DC=example"
NEVER = "9223372036854775807"


def _person(names: Sources | None = None, **attributes: Any) -> Person:
    """The person of an entry that has a GUID and these attributes, each a text or a list of values."""
    mapping = PersonMapping(UNIT, names or Sources(), NumberOptions(), NOW)
    raw: dict[str, list[bytes]] = {"objectguid": [GUID.bytes_le]}
    for name, value in attributes.items():
        listed = value if isinstance(value, list) else [value]
        raw[name.lower()] = [item if isinstance(item, bytes) else item.encode() for item in listed]
    return mapping.person(f"CN=Ada,{UNIT}".encode(), raw)


def test_an_entry_becomes_a_person() -> None:
    assert _person(
        givenName="Ada", sn="Lovelace", displayName="Countess", mail="ada@corp.example", mobile="+44 7",
        telephoneNumber="+44 20 x204", department="Sales", userAccountControl="512", accountExpires=NEVER,
        sAMAccountName="ada", uSNChanged="4711",
    ) == Person(
        str(GUID), f"CN=Ada,{UNIT}", UNIT, "Ada", "Lovelace", "Countess", "ada@corp.example", "+447", "204",
        "+44 20 x204", None, ("Sales",), AccountState.ENABLED, "ada", 4711,
    )  # fmt: skip


def test_an_entry_with_nothing_but_its_guid_is_still_a_person() -> None:
    person = _person()
    assert (person.guid, person.number, person.number_problem, person.name) == (
        str(GUID), None, None, f"CN=Ada,{UNIT}",
    )  # fmt: skip


@pytest.mark.parametrize("values", [None, [], [b""], [b"short"], [GUID.bytes_le, GUID.bytes_le]])
def test_an_entry_without_one_guid_is_never_a_person(values: list[bytes] | None) -> None:
    mapping = PersonMapping(UNIT, Sources(), NumberOptions(), NOW)
    with pytest.raises(UnusableEntry, match="objectGUID"):
        mapping.person(b"CN=Ada", {} if values is None else {"objectguid": values})


def test_someone_without_first_and_last_name_is_called_by_the_display_name_or_the_common_name() -> None:
    assert _person(displayName="Reception", cn="rec").last_name == "Reception"
    assert _person(cn="rec").last_name == "rec"
    assert _person(givenName="Ada", displayName="Reception").last_name == ""


def test_the_attributes_chosen_by_the_administrator_are_read_whatever_their_case() -> None:
    names = Sources(number="IPPHONE", first_name="initials", department=None)
    person = _person(names, ipPhone="204", telephoneNumber="999", initials="A", department="Sales")
    assert (person.number, person.first_name, person.departments) == ("204", "A", ())


def test_each_attribute_is_asked_for_once() -> None:
    asked = Sources(number="TELEPHONENUMBER", mobile="telephoneNumber", department=None).requested()
    assert len(asked) == len({name.lower() for name in asked})
    assert {"objectguid", "useraccountcontrol", "accountexpires"} <= {name.lower() for name in asked}


@pytest.mark.parametrize(
    ("control", "expires", "state"),
    [
        ("512", NEVER, AccountState.ENABLED),
        ("512", "0", AccountState.ENABLED),
        ("66048", NEVER, AccountState.ENABLED),
        ("514", NEVER, AccountState.DISABLED),
        ("546", "0", AccountState.DISABLED),
        ("66050", NEVER, AccountState.DISABLED),
        ("512", str(filetime(NOW)), AccountState.EXPIRED),
        ("512", str(filetime(NOW + timedelta(seconds=1))), AccountState.ENABLED),
        ("512", str(filetime(NOW - timedelta(days=1))), AccountState.EXPIRED),
        ("514", str(filetime(NOW - timedelta(days=1))), AccountState.DISABLED),
    ],
)
def test_the_account_state_follows_flags_and_expiry(control: str, expires: str, state: AccountState) -> None:
    assert _person(userAccountControl=control, accountExpires=expires).account_state is state


def test_time_is_counted_as_active_directory_does() -> None:
    # 116444736000000000 is 1 January 1970 (Microsoft, "File Times").
    assert filetime(datetime(1970, 1, 1, tzinfo=UTC)) == 116444736000000000


def test_the_primary_mail_address_of_several_is_the_one_in_capitals() -> None:
    names = Sources(email="proxyAddresses")
    values = ["smtp:a@corp.example", "SMTP:ada@corp.example", "sip:ada@corp.example"]
    assert _person(names, proxyAddresses=values).email == "ada@corp.example"


def test_addresses_without_a_primary_one_are_no_address() -> None:
    names = Sources(email="PROXYADDRESSES")
    person = _person(
        names, proxyAddresses=["smtp:b@corp.example", "smtp:a@corp.example", "sip:c@corp.example"]
    )
    assert person.email == "smtp:a@corp.example; smtp:b@corp.example"


@pytest.mark.parametrize("mark", ["\u200b", "\u202a", "\u2069", "\u00ad", "\ufeff"])
def test_invisible_marks_are_taken_out_of_every_value(mark: str) -> None:
    person = _person(
        givenName=f"A{mark}da", sn=f"{mark}Lovelace", displayName=f"Ada{mark}", mail=f"mailto:ada{mark}@corp.example",
        mobile=f"{mark}+49 (0)171/1234567{mark}", telephoneNumber=f"2{mark}04", department=f"Sa{mark}les",
    )  # fmt: skip
    assert (person.first_name, person.last_name, person.display_name) == ("Ada", "Lovelace", "Ada")
    assert (person.email, person.mobile) == ("ada@corp.example", "+491711234567")
    assert (person.number, person.departments) == ("204", ("Sales",))


def test_mobile_numbers_get_their_country_when_one_is_set_and_stay_when_they_cannot_be_dialled() -> None:
    def _mobile(said: str, country: str) -> str:
        mapping = PersonMapping(UNIT, Sources(), NumberOptions(), NOW, country)
        return mapping.person(b"CN=Ada", {"objectguid": [GUID.bytes_le], "mobile": [said.encode()]}).mobile

    assert _mobile("0171/1234567", "DE") == "+491711234567"
    assert _mobile("0171/1234567", "") == "01711234567"
    # No number of the plan, which may be newer than what libphonenumber knows.
    assert _mobile("0171 1", "DE") == "01711"
    assert _mobile("0171 or 0172", "DE") == "0171 or 0172"


def test_values_of_megabytes_leave_little_behind() -> None:
    big = "ä" * 3_000_000
    person = _person(givenName=big, sn=[big, "b" * 5_000_000], mail=big, mobile="1" * 5_000_000, telephoneNumber=big,
                     department=[f"{index}" for index in range(200_000)])  # fmt: skip
    texts = [person.first_name, person.last_name, person.email, person.mobile, person.number_text]
    assert max(map(len, texts)) <= 2048
    assert len(person.departments) <= 1000


@given(st.permutations(["b", "a", "c"]), st.permutations(["Sales", "SALES", " IT "]))
def test_the_order_in_which_values_come_does_not_matter(names: list[str], departments: list[str]) -> None:
    person = _person(givenName=names, department=departments)
    assert person.first_name == "a"
    assert [name.casefold() for name in person.departments] == ["it", "sales"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"  Ada   Lovelace ", "Ada Lovelace"),
        (b"Ada\nLovelace\t", "Ada Lovelace"),
        (b"Ad\x00a\x07", "Ada"),
        ("Zoë O’Connor 👩‍💻".encode(), "Zoë O’Connor 👩‍💻"),
        ("Ada\u00a0Lovelace".encode(), "Ada Lovelace"),
        (b"\xff\xfeda", "\ufffd\ufffdda"),
        (b"", ""),
    ],
)
def test_a_value_becomes_one_line_of_text(raw: bytes, text: str) -> None:
    assert clean(raw) == text


@given(st.binary(max_size=80))
def test_any_bytes_become_one_line_without_control_characters(raw: bytes) -> None:
    text = clean(raw)
    assert clean(text.encode()) == text
    assert len(text.splitlines()) <= 1
    assert "\0" not in text


@given(
    st.dictionaries(
        st.sampled_from(["givenname", "sn", "mail", "mobile", "telephonenumber", "useraccountcontrol",
                         "accountexpires", "usnchanged", "department", "samaccountname", "cn"]),
        st.lists(st.binary(max_size=30), max_size=3),
    )
)  # fmt: skip
def test_whatever_the_attributes_hold_there_is_a_person(attributes: dict[str, list[bytes]]) -> None:
    mapping = PersonMapping(UNIT, Sources(), NumberOptions(), NOW)
    assert mapping.person(b"CN=x", {"objectguid": [GUID.bytes_le], **attributes}).guid == str(GUID)


def test_a_field_may_be_an_expression_over_attributes() -> None:
    sources = Sources(
        number="first(ipPhone, last(telephoneNumber, 3))",
        first_name="title(givenName)",
        email="first(mail, primary(proxyAddresses))",
        mobile='e164(mobile, "DE")',
        department='table(department, {"IT": "Support"})',
    )
    person = _person(
        sources, telephoneNumber="+49 30 123 204", givenName="ADA", sn="Lovelace", mobile="0171/1234567",
        department=["it", "Sales"], proxyAddresses=["SMTP:ada@corp.example", "smtp:a@corp.example"],
    )  # fmt: skip
    assert (person.number, person.first_name, person.last_name) == ("204", "Ada", "Lovelace")
    assert (person.email, person.mobile) == ("ada@corp.example", "+491711234567")
    assert person.departments == ("Sales", "Support")
    assert person.unmapped == ()


def test_an_expression_reads_exactly_the_attributes_it_names() -> None:
    sources = Sources(
        number='company == "x" ? ipPhone : ""', mobile="first(mobile, IPPHONE)", department=None
    )
    assert set(sources.configured()) == {
        "company", "ipPhone", "mobile", "givenName", "sn", "displayName", "mail",
    }  # fmt: skip


def test_an_expression_that_does_not_work_for_somebody_is_a_problem_of_that_field_only() -> None:
    sources = Sources(number='"1" + ipPhone', mobile='mobile + "0"', department='l + " " + department')
    person = _person(sources, ipPhone="04", mobile=["1", "2"], l="Bonn", department="Sales", sn="Lovelace")
    assert (person.number, person.mobile, person.departments) == ("104", "", ("Bonn Sales",))
    assert [name for name, _ in person.unmapped] == ["mobile"]
    assert "There are 2 values here ('1', '2'), and '+' takes one." in person.unmapped[0][1]


def test_a_number_whose_expression_does_not_work_is_no_number_and_no_absence() -> None:
    person = _person(Sources(number='"1" + ipPhone'), ipPhone=["04", "05"])
    assert person.number is None
    assert "There are 2 values here" in str(person.number_problem)
