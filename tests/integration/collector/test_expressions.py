"""Expressions over the attributes of a thousand people of a real domain."""

from shared.database.tables import PartState
from tests.integration.collector.collecting import Collecting
from tests.support.office import Office

PEOPLE = 1000
ATTRIBUTES = {
    "number": "first(ipPhone, last(telephoneNumber, 4))",
    "first_name": "title(givenName)",
    "last_name": 'replace(sn, "FAMILY", "Family ") + otherMobile',
    "email": "first(mail, primary(proxyAddresses))",
    "mobile": "e164(mobile, c)",
    "department": 'table(department, {"IT": "Support"})',
    "display_name": 'sn + ", " + givenName',
}


def test_a_thousand_people_are_read_by_expressions(site: Collecting, office: Office) -> None:
    sales = office.unit("Sales")
    office.domain.load("".join(_account(office, sales, index) for index in range(PEOPLE)))
    site.configure(office.settings([sales]) | {"attributes": ATTRIBUTES})
    (part,) = site.read()
    people = {person.login.partition(".")[0]: person for person in site.people(part)}
    assert len(people) == PEOPLE
    assert {person.number for person in people.values()} == {str(2000 + index) for index in range(PEOPLE)}
    even, odd, several = people["a4"], people["a5"], people["a7"]
    assert (even.first_name, even.last_name, even.display_name) == (
        "Ada-Marie",
        "Family 4",
        "FAMILY4, ADA-MARIE",
    )
    assert (even.email, odd.email) == ("a4@corp.example.test", "a5@primary.example.test")
    assert (even.mobile, odd.mobile) == ("+491711234567", "+436641234567")
    assert (even.departments, odd.departments) == (("Support",), ("Sales",))
    # Several values where one is needed concern nobody else.
    assert [name for name, _ in several.unmapped] == ["last_name"]
    assert sum(bool(person.unmapped) for person in people.values()) == 1


def _account(office: Office, unit: str, index: int) -> str:
    is_even = index % 2 == 0
    name = f"a{index}"
    return office.account(
        unit, name, f"+49 30 12{2000 + index}" if is_even else None, ipPhone=None if is_even else str(2000 + index),
        givenName="ADA-MARIE", sn=f"FAMILY{index}", c="DE" if is_even else "AT",
        otherMobile=["1", "2"] if index == 7 else None,
        mail=f"{name}@corp.example.test" if is_even else None, mobile="0171 1234567" if is_even else "0664 1234567",
        proxyAddresses=None if is_even else [f"smtp:{name}@other.example.test", f"SMTP:{name}@primary.example.test"],
        department="it" if is_even else "Sales",
    )  # fmt: skip


def test_an_expression_over_an_attribute_that_the_schema_lacks_reads_nobody(
    site: Collecting, office: Office
) -> None:
    sales = office.unit("Sales")
    office.hire(sales, "ada", "204")
    site.configure(office.settings([sales]) | {"attributes": {"number": "first(ipFone, telephoneNumber)"}})
    (part,) = site.read()
    assert part.state != PartState.COMPLETE
    assert "no attribute 'ipFone'" in str(part.error_message)
    assert "ipPhone" in str(part.error_message)
