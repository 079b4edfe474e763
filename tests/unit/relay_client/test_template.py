"""What a new extension takes over from its template, and what it never does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay_client.xapi import template
from services.relay_client.xapi.template import membership_rows
from services.sandbox.phone_system.schema import ENTITIES, USER
from shared.domain import carried

ROLES = ["users", "receptionists", "managers", "system_admins", "system_owners", "system", "observers"]
SECRETS = {"VMPIN", "AuthID", "AuthPassword", "AccessPassword", "DeskphonePassword", "SIPID"}
PERSONAL = {"Phones", "ContactImage", "EmailAddress", "Mobile", "AgentSettings", "Enable2FA", "ClickToCallId"}


def test_the_list_says_once_of_every_property_of_an_extension_what_becomes_of_it() -> None:
    listed = [each.field for each in carried.BELONGINGS if each.entity == "User" and each.field]
    assert sorted(listed) == sorted(USER)


def test_the_list_names_only_properties_that_there_are() -> None:
    for each in carried.BELONGINGS:
        if each.field:
            entity = carried.USER if each.entity == carried.OTHER_USER else each.entity
            assert each.field in ENTITIES[entity], each


def test_a_template_gives_no_secret_and_nothing_personal_away() -> None:
    everything: dict[str, Any] = dict.fromkeys(USER, "100") | {"Greetings": [], "Phones": []}
    given = template.settings_body(everything, "100", "201") | template.forwarding_body(
        everything, "100", "201"
    )
    assert not (SECRETS | PERSONAL | {"OutboundCallerID"}) & set(given)
    assert {"RecordCalls", "Require2FA", "EnableHotdesking", "EmergencyLocationId"} <= set(given)


def test_a_new_number_takes_the_pin_along_and_no_other_secret() -> None:
    everything: dict[str, Any] = dict.fromkeys(USER, "100") | {"Greetings": [], "Phones": []}
    given = set(template.settings_body(everything, "104", "204", is_own=True))
    assert given & SECRETS == {"VMPIN"}
    assert {"OutboundCallerID", "Enable2FA", "Require2FA", "ContactImage", "AgentSettings"} <= given


def test_greetings_go_along_where_they_are_the_system_s_own() -> None:
    own = {"Type": "Default", "Filename": "", "DisplayName": ""}
    recorded = {"Type": "Away", "Filename": "away.wav", "DisplayName": "Away"}
    assert template.settings_body({"Greetings": [own, recorded]}, "100", "201") == {"Greetings": [own]}
    assert template.settings_body({"Greetings": [recorded]}, "100", "201") == {}
    assert "recorded greetings (away.wav)" in template.lost({"Greetings": [own, recorded]})


@pytest.mark.parametrize(
    ("caller_id", "direct", "is_given"),
    [
        ("+1 801 555 0000", ["+18015550100"], True),
        ("+1 801 555 0100", ["+18015550100"], False),
        ("8015550100", ["+18015550100"], False),
        ("100", [], False),
        ("2100", ["100"], True),
        ("", [], False),
    ],
)
def test_the_caller_id_of_a_template_is_given_unless_it_leads_to_the_template(
    caller_id: str, direct: list[str], is_given: bool
) -> None:
    body = template.caller_id_body({"Number": "100", "OutboundCallerID": caller_id}, direct)
    assert body == ({"OutboundCallerID": caller_id} if is_given else {})


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("<BLF><Number>100</Number></BLF>", "<BLF><Number>201</Number></BLF>"),
        ('<BLF number="100" label="Call 100"/>', '<BLF number="201" label="Call 100"/>'),
        ("<BLF number='100'/>", "<BLF number='201'/>"),
        ('<BLF number="1001"/><BLF number="2100"/>', '<BLF number="1001"/><BLF number="2100"/>'),
    ],
)
def test_keys_that_show_the_template_itself_show_the_new_extension(keys: str, expected: str) -> None:
    assert template.settings_body({"Blfs": keys}, "100", "201") == {"Blfs": expected}


def test_destinations_of_the_template_s_own_number_are_re_pointed_at_any_depth() -> None:
    mailbox = {"To": "VoiceMail", "Number": "100", "External": ""}
    colleague = {"To": "Extension", "Number": "105", "External": ""}
    profile = {
        "@odata.type": "#Pbx.ForwardingProfile",
        "Id": 7,
        "Name": "Available",
        "NoAnswerTimeout": 100,
        "AvailableRoute": {"NoAnswerInternal": mailbox, "NoAnswerExternal": colleague},
    }
    exception = {"Id": 3, "CallerId": "100", "Destination": mailbox}
    body = template.forwarding_body(
        {"ForwardingProfiles": [profile], "ForwardingExceptions": [exception]}, "100", "201"
    )
    own = mailbox | {"Number": "201"}
    assert body == {
        "ForwardingProfiles": [
            {
                "Name": "Available",
                "NoAnswerTimeout": 100,
                "AvailableRoute": {"NoAnswerInternal": own, "NoAnswerExternal": colleague},
            }
        ],
        # A caller who happens to have the template's number is no destination.
        "ForwardingExceptions": [{"CallerId": "100", "Destination": own}],
    }


def test_a_setting_the_template_does_not_have_is_not_written() -> None:
    assert template.settings_body({"RecordCalls": None, "VMEnabled": False}, "100", "201") == {
        "VMEnabled": False
    }


@given(
    roles=st.dictionaries(st.integers(1, 9), st.sampled_from(ROLES), max_size=5),
    wanted=st.none() | st.dictionaries(st.integers(1, 9), st.just("a department"), max_size=5),
    allowed=st.lists(st.sampled_from(ROLES), max_size=3),
)
def test_a_copy_of_a_template_hands_out_no_role_that_is_not_allowed(
    roles: dict[int, str], wanted: dict[int, str] | None, allowed: list[str]
) -> None:
    rows = [{"GroupId": group, "Rights": {"RoleName": role}} for group, role in roles.items()]
    written = membership_rows(rows, wanted, allowed)
    given = {row["GroupId"]: row["Rights"]["RoleName"] for row in written}
    assert set(given) == set(roles if wanted is None else wanted)
    assert set(given.values()) <= {"users", *allowed} - {"system", "observers"}
    for group, role in given.items():
        assert role in ("users", roles.get(group, role))


@given(
    roles=st.dictionaries(st.integers(1, 9), st.sampled_from(ROLES), max_size=5),
    wanted=st.dictionaries(st.integers(1, 9), st.just("a department"), max_size=5),
)
def test_a_person_keeps_their_rights_where_they_stay_and_gains_no_power_elsewhere(
    roles: dict[int, str], wanted: dict[int, str]
) -> None:
    rows = [
        {"GroupId": group, "Name": "x", "Rights": {"RoleName": role, "CanIntercom": True}}
        for group, role in roles.items()
    ]
    written = {row["GroupId"]: row for row in membership_rows(rows, wanted, ("users",), keeps_rights=True)}
    assert set(written) == set(wanted)
    for group, row in written.items():
        stays = group in roles
        rights = {"RoleName": roles[group], "CanIntercom": True} if stays else {"RoleName": "users"}
        assert row == {"GroupId": group, "Rights": rights}


def test_a_further_department_gives_the_one_role_a_person_has_if_it_is_allowed() -> None:
    def _role_in_new(*roles: str) -> str:
        rows = [{"GroupId": index, "Rights": {"RoleName": role}} for index, role in enumerate(roles, 1)]
        (row,) = membership_rows(rows, {9: "Sales"}, ("users", "receptionists"), keeps_rights=True)
        given: str = row["Rights"]["RoleName"]
        return given

    assert _role_in_new("receptionists", "receptionists") == "receptionists"
    assert _role_in_new("users", "receptionists") == _role_in_new("receptionists", "users") == "users"
    assert _role_in_new("managers") == "users"


def test_what_3cx_adds_to_a_value_is_no_difference_but_what_it_lacks_is() -> None:
    written = {"Groups": [{"GroupId": 1, "Rights": {"RoleName": "users"}}], "RecordCalls": True}
    richer = {
        "Groups": [{"GroupId": 1, "Id": 5, "Rights": {"RoleName": "users", "AllowIVR": False}}],
        "RecordCalls": True,
    }
    assert template.differing(written, richer) == {}
    assert template.differing(written, richer | {"Groups": []}) == {"Groups": written["Groups"]}
    assert template.differing(written, {"Groups": richer["Groups"]}) == {"RecordCalls": True}
