"""A company of 1,000 people, from its first run through a day on which everything happens at once."""

from typing import Any

import pytest

from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import RunState
from shared.domain.plan import CONFLICTS_WAIT
from tests.integration.end_to_end.conftest import Ends
from tests.integration.end_to_end.day import ARCHIVE, PEOPLE, TEMPLATE, UNITS, Company, a_day, login, number
from tests.support.phone_system import changes_made, fixtures, picture

pytestmark = pytest.mark.samba


@pytest.fixture
def options(release: str) -> PhoneSystemOptions:
    """Twenty extensions that nobody in the directory knows."""
    return PhoneSystemOptions(extensions=20, release=release)


@pytest.fixture
def company(ends: Ends) -> Company:
    """1,000 people in four units, a furnished phone system, and the settings between them."""
    office, state = ends.office, ends.phone_system.state
    units = tuple(office.unit(name) for name in UNITS)
    people = [
        office.account(units[index % 4], login(index), number(index), mobile=f"+1 801 555 {index:04}")
        for index in range(PEOPLE)
    ]
    office.domain.load("".join(people))
    state.add_group({"Name": "Front desk"}, is_counted=False)
    owner = [{"GroupId": 1, "Rights": {"RoleName": "system_owners"}}]
    state.change_user(state.user_id_of("100"), {"Groups": owner})
    state.add_user({"Number": ARCHIVE, "FirstName": "Archive"}, is_counted=False)
    state.add_user({"Number": TEMPLATE, "FirstName": "Template", "RecordCalls": True}, is_counted=False)
    state.calls.clear()
    # The first unit has a template of its own; the archive is only named, no relay stands ready.
    listed: list[Any] = [{"dn": units[0], "template_extension": TEMPLATE}, *units[1:]]
    ends.configure(
        listed,
        limits={},
        archive={"is_enabled": False, "extension": ARCHIVE},
        rules={"when_deleted": "delete"},
    )
    return Company(ends, units, office.guids())


def test_a_company_is_brought_into_step_and_kept_so_through_a_day_of_every_change(company: Company) -> None:
    ends, site = company.ends, company.ends.site
    strangers, equipment = picture(ends.phone_system), fixtures(ends.phone_system)

    first = site.plan()
    assert (first.state, first.people) == (RunState.HELD, PEOPLE)
    assert site.hold_reasons(first.id) == {"first_run"}
    assert not changes_made(ends.phone_system), "a held plan must not touch anything"
    site.finish(first.id, seconds=120)
    _everyone_has_an_extension(company)
    ends.assert_in_step()

    # Yesterday some were disabled, so that today they can come back.
    for index in range(60, 64):
        ends.office.disable(company.dn(index))
    assert site.complete().counts == {"disable_extension": 4}

    before = picture(ends.phone_system)
    ends.phone_system.state.calls.clear()
    expected = a_day(company, before)
    run = site.plan()
    assert run.state == RunState.EXECUTING, (run.hold_reasons, "an ordinary day must not be held")
    run = site.finish(run.id)

    after = picture(ends.phone_system)
    assert run.state == RunState.DONE, (run.error_message, site.story())
    assert site.findings(run.id).keys() == expected.findings
    for check in expected.checks.values():
        check(after)
    touched = expected.numbers
    untouched = {key: value for key, value in before.items() if key not in touched}
    assert {key: value for key, value in after.items() if key not in touched} == untouched
    assert {key: after[key] for key in strangers} == strangers
    assert fixtures(ends.phone_system) == equipment
    assert {key[1] for key in changes_made(ends.phone_system)} <= touched
    # Two extensions have a number that is passed on: two steps of the former one, three of the new one.
    assert max(changes_made(ends.phone_system).values()) <= 5, (
        "a mutation was applied more often than it has steps"
    )
    ends.assert_in_step(but_for=CONFLICTS_WAIT)
    assert picture(ends.phone_system) == after


def _everyone_has_an_extension(company: Company) -> None:
    users, bindings = picture(company.ends.phone_system), company.ends.site.bindings()
    for index in range(PEOPLE):
        user = users[number(index)]
        assert (user["FirstName"], user["LastName"]) == (f"Given{login(index)}", f"Family{login(index)}")
        assert user["EmailAddress"].startswith(f"{login(index)}.")
        assert user["Mobile"] == f"+1801555{index:04}"
        assert user["RecordCalls"] is (index % 4 == 0), "the template is of the first unit only"
        assert bindings[company.guid(index)].extension_id == user["Id"]
    assert len(bindings) == PEOPLE
    made = changes_made(company.ends.phone_system)
    assert all(made[("create_user", number(index))] == 1 for index in range(PEOPLE))
