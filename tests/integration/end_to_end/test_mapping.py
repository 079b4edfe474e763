"""From attributes of the directory to fields in 3CX, by expressions: created, changed, and then left alone."""

import pytest

from shared.database.tables import RunState
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import changes_made, extension

pytestmark = pytest.mark.samba

ATTRIBUTES = {
    "number": "first(ipPhone, last(telephoneNumber, 3))",
    "first_name": "title(givenName)",
    "caller_id": 'e164(telephoneNumber, "DE")',
    "language": 'c in ["DE", "AT"] ? "DE" : "EN"',
    "emergency_info": "physicalDeliveryOfficeName",
    "template": 'table(department, {"Sales": "901"}, "")',
}


def test_fields_come_from_expressions_and_stay_as_they_are(ends: Ends) -> None:
    office, state = ends.office, ends.phone_system.state
    unit = office.unit("Everyone")
    for number in ("900", "901"):
        settings = {"Language": "FR", "RecordCalls": number == "901"}
        state.add_user({"Number": number, "FirstName": f"Template {number}"} | settings, is_counted=False)
    ada = office.hire(
        unit,
        "ada",
        "030 1234 204",
        givenName="ADA-MARIE",
        c="DE",
        department="Sales",
        physicalDeliveryOfficeName="Room 7",
    )
    office.hire(unit, "alan", "030 1234 205", ipPhone="305", c="GB", department="IT")
    ends.configure([{"dn": unit, "template_extension": "900"}], directory={"attributes": ATTRIBUTES})
    ends.settle()

    first, second = extension(ends.phone_system, "204"), extension(ends.phone_system, "305")
    assert (first["FirstName"], first["OutboundCallerID"], first["Language"]) == (
        "Ada-Marie",
        "+49301234204",
        "DE",
    )
    assert (first["EmergencyAdditionalInfo"], first["RecordCalls"]) == ("Room 7", True)
    assert (second["OutboundCallerID"], second["Language"], second["RecordCalls"]) == (
        "+49301234205",
        "EN",
        False,
    )
    ends.assert_in_step()

    # Set by hand to another form it stays; what is another value follows the directory.
    for user in state.users.values():
        if user["Number"] == "204":
            user["OutboundCallerID"], user["Language"] = "+49 (0)30 1234204", "de"
    ends.assert_in_step()
    office.change(ada, telephoneNumber="030 1299 204", physicalDeliveryOfficeName=None)
    ends.phone_system.state.calls.clear()
    ends.settle()
    assert changes_made(ends.phone_system) == {("update_user", "204"): 1}
    first = extension(ends.phone_system, "204")
    assert (first["OutboundCallerID"], first["EmergencyAdditionalInfo"]) == ("+49301299204", "Room 7")
    ends.assert_in_step()


def test_nobody_is_removed_for_an_expression_that_does_not_work_any_more(ends: Ends) -> None:
    office = ends.office
    unit = office.unit("Everyone")
    people = [office.hire(unit, f"seller{index}", str(201 + index)) for index in range(2)]
    ends.configure([unit], directory={"attributes": {"number": 'replace(telephoneNumber, "x", "")'}})
    ends.settle()
    office.change(people[0], otherTelephone=["7", "8"])
    ends.configure(
        [unit], directory={"attributes": {"number": "replace(telephoneNumber, otherTelephone, pager)"}}
    )
    run = ends.site.complete()
    assert run.state in (RunState.IN_STEP, RunState.DONE, RunState.PLANNED), ends.site.story()
    (finding,) = ends.site.findings(run.id)["bad_number"]
    assert "There are 2 values here" in finding.message
    assert extension(ends.phone_system, "201")["Enabled"]
