"""Expressions over the attributes of a thousand people of a real domain."""

from typing import Any

from services.collector import questions
from services.collector.mapping_trial import ROWS_SHOWN
from shared.database.tables import PartState
from shared.settings.documents import DirectorySettings
from shared.worker.questions import seal
from tests.integration.collector.collecting import SITE, Collecting
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

    # The same people, tried with the settings as they were before.
    site.configure(office.settings([sales]))
    sealed = seal(
        DirectorySettings.model_validate(office.settings([sales]) | {"attributes": ATTRIBUTES}),
        site.context.encryption,
    )
    for name, changed, empty, problems, colliding in (
        ("number", PEOPLE, 0, 0, 0),
        ("last_name", PEOPLE, 0, 1, 0),
        ("email", PEOPLE // 2, 0, 0, 0),
        ("department", PEOPLE // 2, 0, 0, 0),
    ):
        found = questions.try_mapping(site.context, {"site_id": SITE, "settings": sealed, "field": name})
        told = (found["people"], found["changed"], found["empty"], found["problems"], found["colliding"])
        assert told == (PEOPLE, changed, empty, problems, colliding), name
        assert len(found["rows"]) == ROWS_SHOWN
    # What cannot be used is seen whoever else there is.
    assert "There are 2 values here" in str(
        questions.try_mapping(site.context, {"site_id": SITE, "settings": sealed, "field": "last_name"})[
            "rows"
        ]
    )


def test_who_would_share_a_number_and_who_gets_none_is_told(site: Collecting, office: Office) -> None:
    sales = office.unit("Sales")
    for login, phone in (
        ("a", "+49 30 1204"),
        ("b", "+49 30 2204"),
        ("c", "20/21"),
        ("d", None),
        ("e", "+49 30 1205"),
    ):
        office.hire(sales, login, phone)
    office.disable(office.hire(sales, "f", "+49 30 3204"))
    settings = office.settings([sales])
    site.configure(settings)
    tried = settings | {"attributes": {"number": "last(telephoneNumber, 3)"}}
    sealed = seal(DirectorySettings.model_validate(tried), site.context.encryption)
    found = questions.try_mapping(site.context, {"site_id": SITE, "settings": sealed, "field": "number"})
    assert (found["people"], found["empty"], found["problems"], found["colliding"]) == (6, 1, 1, 2)
    assert found["collisions"] == [
        {"value": "204", "people": 2, "names": ["Givena Familya", "Givenb Familyb"]}
    ]
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["Givene Familye"] == {
        "name": "Givene Familye", "read": {"telephoneNumber": "+49 30 1205"}, "before": "", "after": "205",
        "problem": "", "collides": False,
    }  # fmt: skip
    assert "several numbers" in rows["Givenc Familyc"]["problem"]
    assert rows["Givena Familya"]["collides"]


def test_numbers_are_proposed_from_what_people_have(site: Collecting, office: Office) -> None:
    for index in range(4):
        office.hire(office.root, f"p{index}", f"+49 30 12342{index}", ipPhone="100")
    found = questions.propose_numbers(site.context, _sealed(site, office.settings([office.root])))
    best = found["proposals"][0]
    assert (best["source"], best["last_digits"], best["usable"]) == ("telephoneNumber", 3, 4)
    assert {item["name"] for item in found["attributes"]} >= {
        "telephoneNumber",
        "ipPhone",
        "otherTelephone",
    }


def _sealed(site: Collecting, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "site_id": SITE,
        "settings": seal(DirectorySettings.model_validate(settings), site.context.encryption),
    }


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


def test_a_disabled_account_is_tried_as_its_unit_treats_it(site: Collecting, office: Office) -> None:
    mailboxes = office.unit("Mailboxes")
    office.hire(mailboxes, "reception", "301")
    office.disable(office.hire(mailboxes, "front", "301"))
    for treated, colliding in (("leaver", 0), ("active", 2)):
        unit = {"dn": mailboxes, "disabled_accounts": treated}
        site.configure(office.settings([mailboxes]) | {"units": [unit]})
        found = questions.try_mapping(site.context, {"site_id": SITE, "field": "number"})
        assert (found["people"], found["colliding"]) == (2, colliding)
