"""A first run with templates and departments, then new numbers and leavers, on each release of 3CX V20."""

import pytest

from services.relay_client.xapi.template import COPIED_FIELDS
from services.sandbox.phone_system.releases import entities
from tests.integration.end_to_end.conftest import Ends
from tests.support.phone_system import departments_of, extension, picture
from tests.support.releases import every_release

pytestmark = pytest.mark.samba


@every_release
def test_everything_a_site_does_works_on_every_release_of_3cx(ends: Ends, release: str) -> None:
    office, state = ends.office, ends.phone_system.state
    known = entities(release)["User"]
    settings = {
        "RecordCalls": True,
        "BlockTunnel": True,
        "ForbidRecording": True,
        "AgentSettings": {"Skill": 2},
    }
    settings = {name: value for name, value in settings.items() if name in known}
    state.add_user({"Number": "900", "FirstName": "Template"} | settings, is_counted=False)
    unit = office.unit("Everyone")
    people = [office.hire(unit, f"p{index}", str(201 + index), department="Sales") for index in range(4)]
    rules = {"add_to_departments": True, "create_missing_departments": True, "when_deleted": "delete"}
    ends.configure([{"dn": unit, "template_extension": "900"}], rules=rules, archive={"is_enabled": False})
    ends.settle()
    copied = [name for name in COPIED_FIELDS if name in known and name != "Blfs"]
    for number in ("201", "202", "203", "204"):
        made, template = extension(ends.phone_system, number), extension(ends.phone_system, "900")
        assert {name: made[name] for name in copied} == {name: template[name] for name in copied}
        assert departments_of(ends.phone_system, number)[1] == "Sales"
    ends.assert_in_step()

    office.change(people[0], telephoneNumber="211")
    office.change(people[1], givenName="Other", department="Support")
    office.delete(people[2])
    ends.settle()
    there = picture(ends.phone_system)
    assert {"201", "203"}.isdisjoint(there)
    # An AI agent's settings are not the template's to give.
    given = {name: value for name, value in settings.items() if name != "AgentSettings"}
    assert {name: there["211"][name] for name in given} == given
    assert there["202"]["FirstName"] == "Other"
    assert departments_of(ends.phone_system, "202")[1] == "Support"
    ends.assert_in_step()
