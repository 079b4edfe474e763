"""What a new extension is given: the settings of its unit's template, and the departments of the directory."""

from typing import Any

import pytest

from services.relay_client.xapi.template import COPIED_FIELDS
from services.sandbox.phone_system.user_fields import SECRETS
from shared.database.tables import RunState
from shared.domain.plan import CONFLICTS_WAIT
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import departments_of, extension, picture

pytestmark = pytest.mark.samba

BY_DEPARTMENT = {"add_to_departments": True, "create_missing_departments": True}


def test_a_new_extension_is_its_template_but_for_identity_secrets_and_power(ends: Ends) -> None:
    office, state = ends.office, ends.phone_system.state
    unit = office.unit("Sales")
    department = state.add_group({"Name": "Front desk"}, is_counted=False)["Id"]
    mailbox = {"To": "VoiceMail", "Number": "900", "External": ""}
    settings: dict[str, Any] = {
        "RecordCalls": True,
        "VMEmailOptions": "Attachment",
        "SRTPMode": "SRTPEnforced",
        "Language": "DE",
        "OutboundCallerID": "+4930900",
        "Enable2FA": True,
        "VMPIN": "112233",
        "Blfs": '<PhoneDevice><BLFS><blf number="900">900</blf></BLFS></PhoneDevice>',
        "ForwardingProfiles": [{"Name": "Available", "AvailableRoute": {"NoAnswerInternal": mailbox}}],
        "Groups": [
            {"GroupId": 1, "Rights": {"RoleName": "system_owners"}},
            {"GroupId": department, "Rights": {"RoleName": "users", "CanIntercom": True}},
        ],
        "PrimaryGroupId": department,
    }
    state.add_user({"Number": "900", "FirstName": "Template"} | settings, is_counted=False)
    to_template = {
        "To": "Extension",
        "Number": "900",
        "Name": "",
        "Type": "Extension",
        "External": "",
        "Tags": [],
    }
    state.inbound_rules[9] = state.inbound_rules[1] | {
        "Id": 9, "Data": "+4930900", "OfficeHoursDestination": to_template
    }  # fmt: skip
    office.hire(unit, "newcomer", "201")
    ends.configure([{"dn": unit, "template_extension": "900"}])
    before = picture(ends.phone_system)["900"]
    ends.settle()

    made, template = extension(ends.phone_system, "201"), before
    copied = [field for field in COPIED_FIELDS if field != "Blfs"]
    assert {field: made[field] for field in copied} == {field: template[field] for field in copied}
    assert made["Blfs"] == '<PhoneDevice><BLFS><blf number="201">201</blf></BLFS></PhoneDevice>'
    route = made["ForwardingProfiles"][0]["AvailableRoute"]["NoAnswerInternal"]
    assert (route["To"], route["Number"]) == ("VoiceMail", "201")
    roles = {row["GroupId"]: row["Rights"] for row in made["Groups"]}
    assert roles[1]["RoleName"] == "users", "a template must not hand out the rights of an owner"
    assert roles[department]["CanIntercom"] is True
    assert made["PrimaryGroupId"] == department
    assert (made["OutboundCallerID"], made["Enable2FA"]) == ("", False)
    assert not any(made[field] and made[field] == template[field] for field in SECRETS)
    assert picture(ends.phone_system)["900"] == before
    ends.assert_in_step()


def test_a_missing_template_creates_nobody_of_its_unit_and_says_so(ends: Ends) -> None:
    office = ends.office
    unit, other = office.unit("Sales"), office.unit("Support")
    office.hire(unit, "waits", "201")
    office.hire(other, "goes", "202")
    ends.configure([{"dn": unit, "template_extension": "999"}, other])
    run = ends.site.complete()
    assert "201" not in picture(ends.phone_system)
    assert "202" in picture(ends.phone_system)
    (finding,) = ends.site.findings(run.id)["template_missing"]
    assert "999" in finding.message
    assert finding.person_names == ["Givenwaits Familywaits"]
    ends.assert_in_step(but_for=CONFLICTS_WAIT)


@pytest.mark.parametrize(("mode", "left"), [("add", ["SALES", "Support"]), ("follow", ["Support"])])
def test_departments_are_created_once_and_followed_as_the_mode_says(
    ends: Ends, mode: str, left: list[str]
) -> None:
    office = ends.office
    unit = office.unit("Everyone")
    people = [
        office.hire(unit, f"seller{index}", str(201 + index), department=name)
        for index, name in enumerate(("Sales", "sales", "SALES"))
    ]
    office.hire(unit, "loner", "210")
    ends.configure([unit], rules=BY_DEPARTMENT | {"department_mode": mode})
    ends.settle()
    assert {key: len(items) for key, items in ends.phone_system.state.calls["create_group"].items()} == {
        "SALES": 1
    }
    assert departments_of(ends.phone_system, "201")[1] == "SALES"
    assert departments_of(ends.phone_system, "210") == (["DEFAULT"], "DEFAULT")
    ends.assert_in_step()

    office.change(people[0], department="Support")
    ends.settle()
    assert departments_of(ends.phone_system, "201") == (left, "Support")
    assert departments_of(ends.phone_system, "202")[1] == "SALES"
    ends.assert_in_step()


def test_a_department_that_must_not_be_created_is_a_finding_and_the_person_gets_an_extension(
    ends: Ends,
) -> None:
    unit = ends.office.unit("Everyone")
    ends.office.hire(unit, "seller", "201", department="Sales")
    ends.configure([unit], rules={"add_to_departments": True})
    run = ends.site.complete()
    assert departments_of(ends.phone_system, "201") == (["DEFAULT"], "DEFAULT")
    assert "'Sales'" in ends.site.findings(run.id)["department_missing"][0].message
    ends.assert_in_step()


def test_a_department_of_63_characters_has_as_many_as_3cx_takes_once_that_is_known(ends: Ends) -> None:
    unit, long_name = ends.office.unit("Everyone"), "Department of " + "x" * 49
    ends.office.hire(unit, "seller", "201", department=long_name)
    ends.office.hire(unit, "loner", "202", department="Sales")
    ends.configure([unit], rules=BY_DEPARTMENT)
    assert ends.site.complete().state == RunState.FAILED
    assert departments_of(ends.phone_system, "202")[1] == "Sales"
    run = ends.site.plan()
    assert run.state == RunState.EXECUTING, "nothing is held for it"
    assert ends.site.finish(run.id).state == RunState.DONE
    (finding,) = ends.site.findings(run.id)["shortened"]
    assert long_name in finding.message
    assert departments_of(ends.phone_system, "201")[1] == long_name[:50]
    ends.assert_in_step()


def test_a_department_that_3cx_refuses_for_ever_holds_nobody_up_and_is_logged_once(ends: Ends) -> None:
    unit, refused = ends.office.unit("Everyone"), "Unwanted"
    ends.office.hire(unit, "seller", "201", department=refused)
    ends.office.hire(unit, "loner", "202")
    ends.configure([unit], rules=BY_DEPARTMENT)
    ends.phone_system.faults.add(
        {"kind": "status", "status": 400, "body": "odata", "method": "POST", "path": "/Groups$", "times": 100}
    )
    first = ends.site.complete()
    assert first.state == RunState.FAILED
    assert "202" in picture(ends.phone_system)
    ends.office.hire(unit, "joiner", "203", department=refused)
    for times in (1, 2, 3):
        run = ends.site.plan()
        assert run.state == RunState.EXECUTING, "nothing is held for it"
        run = ends.site.finish(run.id)
        assert (run.state, run.error_code) == (RunState.DONE, "refused")
        (finding,) = ends.site.findings(run.id)["refused"]
        assert refused in finding.message
        assert ("3 times in a row" in finding.message) == (times == 3)
    assert {"201", "203"} <= picture(ends.phone_system).keys()
    assert departments_of(ends.phone_system, "203") == (["DEFAULT"], "DEFAULT")
    assert len(ends.site.log("command.failed")) == 1
    assert len(ends.site.log("finding.refused")) == 1
