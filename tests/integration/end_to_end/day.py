"""A day on which everything happens at once to a company of 1,000 people, and what it must come to for each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.end_to_end.conftest import Ends

UNITS = ("Sales", "Support", "Engineering", "Administration")
TEMPLATE, ARCHIVE = "900", "901"
PEOPLE = 1000
AWAY = "Alumni"
# Each of these must arrive letter by letter.
AWKWARD = (
    ('Bobby "Tables"', "O'Neil"),
    ("Anne, Marie", "Smith, Jr."),
    ("Jürgen", "Größe-Äöü"),
    ("Zoë 😀", "Łukasiewicz 🦄"),
    ("<b>&amp;</b>", "back\\slash;=+#"),
    ("小明", "王"),
    ("#leading", "100% (sure) * 'or' 1 eq 1"),
)
LONG = "Wolfeschlegelsteinhausenbergerdorff " * 5 + "the Twenty-First 123"


def login(index: int) -> str:
    """The n-th person."""
    return f"p{index:04}"


def number(index: int) -> str:
    """Their number: 1000 and on."""
    return str(1000 + index)


@dataclass(frozen=True, slots=True)
class Company:
    """The people of the directory by index, and what the phone system looked like before the day."""

    ends: Ends
    units: tuple[str, ...]
    guids: dict[str, str]

    def unit(self, index: int) -> str:
        """The unit the n-th person was hired into."""
        return self.units[index % len(self.units)]

    def dn(self, index: int) -> str:
        """Where the n-th person was hired."""
        return f"CN={login(index)},{self.unit(index)}"

    def guid(self, index: int) -> str:
        """Their objectGUID."""
        return self.guids[login(index)]


Check = Callable[[dict[str, dict[str, Any]]], None]


class Expected:
    """What the day must have come to: a check per person, the numbers that may change, the findings."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}
        self.numbers: set[str] = set()
        self.findings: set[str] = set()

    def becomes(self, name: str, key: str, before: dict[str, Any], **fields: Any) -> None:
        """The extension of this number is as before but for these fields."""

        def _check(after: dict[str, dict[str, Any]]) -> None:
            assert after[key] == before | fields, name

        self._add(name, key, _check)

    def is_renamed(self, key: str, before: dict[str, Any], first: str, last: str) -> None:
        """The extension is as before but for its holder's name, which 3CX also shows as a whole."""
        names = {"FirstName": first, "LastName": last, "DisplayName": f"{first} {last}"}
        self.becomes("renamed", key, before, **names)

    def is_gone(self, name: str, key: str) -> None:
        """There is no extension of this number any more."""

        def _check(after: dict[str, dict[str, Any]]) -> None:
            assert key not in after, name

        self._add(name, key, _check)

    def is_new(self, name: str, key: str, first: str, last: str, site_binding: Callable[[], int]) -> None:
        """There is a new extension of this number with these names, bound to its person."""

        def _check(after: dict[str, dict[str, Any]]) -> None:
            assert (after[key]["FirstName"], after[key]["LastName"]) == (first, last), name
            assert site_binding() == after[key]["Id"], name

        self._add(name, key, _check)

    def _add(self, name: str, key: str, check: Check) -> None:
        assert f"{name} {key}" not in self.checks
        self.checks[f"{name} {key}"] = check
        self.numbers.add(key)


def a_day(company: Company, before: dict[str, dict[str, Any]]) -> Expected:
    """Let the day happen; what must have become of everybody it touched."""
    expected = Expected()
    _joiners(company, expected)
    _leavers_and_movers(company, expected, before)
    _renames(company, expected, before)
    _accounts(company, expected, before)
    _numbers(company, expected, before)
    _conflicts(company, expected, before)
    return expected


def _bound(company: Company, guid: str) -> Callable[[], int]:
    return lambda: company.ends.site.bindings()[guid].extension_id


def _joiners(company: Company, expected: Expected) -> None:
    office = company.ends.office
    for place, (first, last) in enumerate(AWKWARD):
        dn = office.hire(company.units[1], f"new{place}", str(3000 + place), givenName=first, sn=last)
        bound = _bound(company, office.guid(dn))
        expected.is_new("joiner", str(3000 + place), first, last, bound)
    long_one = office.hire(
        company.units[2], "long", "3100", givenName=None, sn=None, displayName=LONG[:200], cn="Long Name"
    )
    expected.is_new("200 characters", "3100", "", LONG[:50].rstrip(), _bound(company, office.guid(long_one)))
    expected.findings.add("shortened")


def _leavers_and_movers(company: Company, expected: Expected, before: dict[str, Any]) -> None:
    office = company.ends.office
    away = office.unit(AWAY)
    for index in range(12):
        office.delete(company.dn(index))
        expected.is_gone("leaver", number(index))
    for index in range(20, 26):
        # Into the unit with a template: an extension that exists keeps its settings.
        office.move(company.dn(index), company.units[(index + 1) % 4])
        expected.becomes("moved within the units", number(index), before[number(index)])
    for index in range(30, 35):
        office.move(company.dn(index), away)
        expected.becomes("moved out", number(index), before[number(index)], Enabled=False)


def _renames(company: Company, expected: Expected, before: dict[str, Any]) -> None:
    office = company.ends.office
    for place, (first, last) in enumerate(AWKWARD):
        index = 40 + place
        office.change(company.dn(index), givenName=first, sn=last)
        office.rename(company.dn(index), f"{last} {place}, {first}"[:60])
        expected.is_renamed(number(index), before[number(index)], first, last)
    office.change(company.dn(50), mail="new.address@corp.example.test", mobile="+49 30 1234")
    changed = {"EmailAddress": "new.address@corp.example.test", "Mobile": "+49301234"}
    expected.becomes("mail and mobile", number(50), before[number(50)], **changed)
    office.change(company.dn(51), mobile=None)
    expected.becomes("mobile cleared", number(51), before[number(51)], Mobile="")


def _accounts(company: Company, expected: Expected, before: dict[str, Any]) -> None:
    office = company.ends.office
    for index in range(60, 64):
        office.enable(company.dn(index))
        assert before[number(index)]["Enabled"] is False
        expected.becomes("enabled again", number(index), before[number(index)], Enabled=True)
    for index in range(64, 70):
        office.disable(company.dn(index))
        expected.becomes("disabled", number(index), before[number(index)], Enabled=False)
    # 100 ns since 1601 on some day of 2020.
    office.change(company.dn(70), accountExpires="132223104000000000")
    expected.becomes("expired", number(70), before[number(70)], Enabled=False)


def _numbers(company: Company, expected: Expected, before: dict[str, Any]) -> None:
    office = company.ends.office
    for index in range(80, 86):
        office.change(company.dn(index), telephoneNumber=f"+1 801 555 0123 x{3200 + index}")
        _has_moved_to(company, expected, index, str(3200 + index))
        expected.is_gone("changed number", number(index))
    # One steps aside to a free number, and another takes the number that becomes free.
    office.change(company.dn(90), telephoneNumber="3290")
    office.change(company.dn(91), telephoneNumber=number(90))
    _has_moved_to(company, expected, 90, "3290")
    _has_moved_to(company, expected, 91, number(90))
    expected.is_gone("second of the chain", number(91))
    for index in range(100, 104):
        office.change(company.dn(index), telephoneNumber=None)
        expected.becomes("number cleared", number(index), before[number(index)], Enabled=False)


def _has_moved_to(company: Company, expected: Expected, index: int, new: str) -> None:
    bound = _bound(company, company.guid(index))
    expected.is_new("changed number", new, f"Given{login(index)}", f"Family{login(index)}", bound)

    def _has_its_mail(after: dict[str, dict[str, Any]]) -> None:
        assert after[new]["EmailAddress"].startswith(f"{login(index)}."), new
        assert after[new]["RecordCalls"] is (index % 4 == 0), "settings go along"

    expected.checks[f"mail and settings of {index}"] = _has_its_mail


def _conflicts(company: Company, expected: Expected, before: dict[str, Any]) -> None:
    office = company.ends.office
    # Two exchange their numbers; a joiner has somebody's number; two have one number.
    office.change(company.dn(110), telephoneNumber=number(111), givenName="Nobody changes me")
    office.change(company.dn(111), telephoneNumber=number(110))
    office.hire(company.units[0], "copycat", number(112))
    office.change(company.dn(113), telephoneNumber=number(114))
    office.change(company.dn(115), telephoneNumber="see reception", givenName="Nor me")
    for index in range(110, 116):
        expected.becomes("conflict", number(index), before[number(index)])
    office.hire(company.units[0], "queue", "800")
    # Extension 105 belongs to somebody of another name, 106 to somebody of this one.
    office.hire(company.units[1], "mismatch", "105")
    adopted = office.hire(
        company.units[2],
        "adopted",
        "106",
        givenName="Existing6",
        sn="Extension",
        mail=before["106"]["EmailAddress"],
    )
    expected.becomes("mismatch", "105", before["105"])
    expected.becomes("adopted", "106", before["106"])
    bound = _bound(company, office.guid(adopted))
    expected.checks["adoption"] = lambda after: _equal(bound(), after["106"]["Id"])
    office.change(company.dn(116), mail="shared@corp.example.test")
    office.change(company.dn(117), mail="Shared@corp.example.test")
    for index in (116, 117):
        expected.becomes("shared mail", number(index), before[number(index)])
    expected.findings |= {
        "number_cycle",
        "duplicate_number",
        "bad_number",
        "number_held",
        "name_mismatch",
        "duplicate_email",
    }


def _equal(found: object, wanted: object) -> None:
    assert found == wanted
