"""Who is read from a real domain: units, filter, required group, account state, and names of every kind."""

from datetime import UTC, datetime, timedelta

import ldap3
import pytest

from services.collector.active_directory import ActiveDirectory
from services.collector.mapping import filetime
from services.collector.selection import relative_id
from services.sandbox.directory import RunningDirectory, build_company
from shared.database.tables import PartState
from shared.domain.person import AccountState
from shared.errors import UnknownBaseDn
from shared.settings.documents import DirectorySettings
from tests.integration.collector.collecting import Collecting, sandbox_settings
from tests.support.office import Office
from tests.support.samba import SambaDomain, ldif_entry

ODD_NAMES = (
    "O'Brien \"Bob\"", "Smith, John, Jr.", "Müller-Lüdenscheidt Äöß", "Zoë 👩‍💻 🎉", "Back\\slash", "a+b=c;d<e>f#g",
    "*)(objectClass=*", " leading", "trailing ", "#hash", "名前 テスト", "O/Slash", "two  blanks",
)  # fmt: skip


def test_units_are_read_with_everything_below_them(site: Collecting, office: Office) -> None:
    sales, support = office.unit("Sales"), office.unit("Support")
    inside = office.unit("Inside", sales)
    for unit, login in ((sales, "a"), (inside, "b"), (support, "c")):
        office.hire(unit, login, "204")
    site.configure(office.settings([sales, support]))
    first, second = site.read()
    assert {person.first_name for person in site.people(first)} == {"Givena", "Givenb"}
    assert [person.first_name for person in site.people(second)] == ["Givenc"]
    assert {person.unit for person in site.people(first)} == {sales}


def test_somebody_in_two_overlapping_units_is_read_in_both_under_one_guid(
    site: Collecting, office: Office
) -> None:
    sales = office.unit("Sales")
    dn = office.hire(office.unit("Inside", sales), "a")
    site.configure(office.settings([f"OU=Inside,{sales}", sales]))
    inner, outer = site.read()
    assert [person.guid for person in site.people(inner)] == [office.guid(dn)]
    assert [person.guid for person in site.people(outer)] == [office.guid(dn)]
    assert [part.position for part in (inner, outer)] == [0, 1]


@pytest.mark.parametrize("common_name", ODD_NAMES)
def test_a_name_of_any_kind_comes_through(site: Collecting, office: Office, common_name: str) -> None:
    office.hire(office.root, "odd", "204", cn=common_name, sn=common_name, displayName=common_name)
    site.configure(office.settings([office.root]))
    (person,) = site.people(site.read()[0])
    assert person.last_name == person.display_name == " ".join(common_name.split())
    assert person.number == "204"


def test_long_values_and_values_of_several_lines_come_through(site: Collecting, office: Office) -> None:
    long = "Ä" * 64
    office.hire(office.root, "long", givenName=long, displayName="D" * 200, department="Sales\nEurope")
    site.configure(office.settings([office.root]))
    (person,) = site.people(site.read()[0])
    assert (person.first_name, person.display_name) == (long, "D" * 200)
    assert person.departments == ("Sales Europe",)


@pytest.mark.parametrize("unit_name", ["R\\, D", "Größe", "Nord\\+Süd"])
def test_a_unit_of_any_name_can_be_read(
    site: Collecting, office: Office, samba: SambaDomain, unit_name: str
) -> None:
    unit = f"OU={unit_name},{office.root}"
    samba.load(ldif_entry(unit, {"objectClass": ["top", "organizationalUnit"]}))
    office.hire(unit, "a")
    site.configure(office.settings([unit]))
    (part,) = site.read()
    assert len(site.people(part)) == 1


def test_accounts_are_enabled_disabled_or_expired(site: Collecting, office: Office) -> None:
    yesterday = str(filetime(datetime.now(UTC) - timedelta(days=1)))
    tomorrow = str(filetime(datetime.now(UTC) + timedelta(days=1)))
    office.hire(office.root, "on")
    office.hire(office.root, "later", accountExpires=tomorrow)
    office.hire(office.root, "gone", accountExpires=yesterday)
    office.disable(office.hire(office.root, "off", accountExpires=yesterday))
    site.configure(office.settings([office.root]))
    states = {person.first_name: person.account_state for person in site.people(site.read()[0])}
    assert states == {
        "Givenon": AccountState.ENABLED,
        "Givenlater": AccountState.ENABLED,
        "Givengone": AccountState.EXPIRED,
        "Givenoff": AccountState.DISABLED,
    }


_ACCOUNT = ["top", "person", "organizationalPerson", "user"]
# Class, and what else an account of the kind has; who is nobody's phone is not read.
_KINDS: dict[str, tuple[list[str], dict[str, str | bytes | list[str]], AccountState | None]] = {
    "contact": (["top", "person", "organizationalPerson", "contact"], {}, None),
    "computer": ([*_ACCOUNT, "computer"], {"userAccountControl": "4128"}, None),
    "managed service account": (
        [*_ACCOUNT, "computer", "msDS-GroupManagedServiceAccount"],
        {"userAccountControl": "4096", "msDS-ManagedPasswordInterval": "30"},
        None,
    ),
    "inetOrgPerson": ([*_ACCOUNT, "inetOrgPerson"], {"userAccountControl": "544"}, AccountState.ENABLED),
    "must change the password, which has expired": (
        _ACCOUNT,
        {"userAccountControl": "544", "pwdLastSet": "0"},
        AccountState.ENABLED,
    ),
    "smart card only": (_ACCOUNT, {"userAccountControl": "262688"}, AccountState.ENABLED),
    "password never expires": (_ACCOUNT, {"userAccountControl": "66080"}, AccountState.ENABLED),
    "shared or linked mailbox": (_ACCOUNT, {"userAccountControl": "546"}, AccountState.DISABLED),
}  # fmt: skip


def test_what_each_kind_of_account_means(site: Collecting, office: Office, samba: SambaDomain) -> None:
    office.group("Team")
    for place, (kind, (classes, values, _)) in enumerate(_KINDS.items()):
        login = f"k{place}.{office.name}"
        is_account = "contact" not in classes
        own: dict[str, str | bytes | list[str]] = {
            "objectClass": classes,
            "cn": kind,
            "sn": kind,
            "telephoneNumber": f"2{place:02d}",
        }
        if is_account:
            own["sAMAccountName"] = f"{login}$" if "computer" in classes else login
        samba.load(ldif_entry(f"CN={kind.replace(',', chr(92) + ',')},{office.root}", own | values))
    site.configure(office.settings([office.root]))
    (part,) = site.read()
    found = {person.last_name: person.account_state for person in site.people(part)}
    assert found == {kind: state for kind, (_, _, state) in _KINDS.items() if state is not None}


def test_a_disabled_account_has_an_extension_where_its_unit_says_so(site: Collecting, office: Office) -> None:
    shared = office.unit("Shared")
    yesterday = str(filetime(datetime.now(UTC) - timedelta(days=1)))
    for unit, login in ((shared, "info"), (office.root, "left")):
        office.disable(office.hire(unit, login))
    office.disable(office.hire(shared, "old", accountExpires=yesterday))
    site.configure(office.settings([{"dn": shared, "disabled_accounts": "active"}, {"dn": office.root}]))
    inner, outer = site.read()
    states = {person.first_name: person.account_state for person in site.people(inner)}
    assert states == {"Giveninfo": AccountState.ENABLED, "Givenold": AccountState.EXPIRED}
    outside = {person.first_name: person.account_state for person in site.people(outer)}
    assert outside["Givenleft"] is AccountState.DISABLED


def test_the_account_of_a_trust_to_another_domain_is_nobody() -> None:
    company = build_company(4)
    person, trust = company.people()[:2]
    company.modify(trust.dn, {"sAMAccountType": "805306370"})
    with (
        RunningDirectory(company) as running,
        ActiveDirectory(DirectorySettings.model_validate(sandbox_settings(running))) as directory,
    ):
        found = directory.selected([str(person.guid), str(trust.guid)], [company.base_dn])
    assert found == {str(person.guid)}


def test_the_filter_narrows_who_is_read(site: Collecting, office: Office) -> None:
    office.hire(office.root, "a", company="Example (North)")
    office.hire(office.root, "b", company="Other")
    site.configure(office.settings([office.root], filter="(company=Example \\28North\\29)"))
    assert [person.first_name for person in site.people(site.read()[0])] == ["Givena"]


def test_a_broken_filter_fails_the_unit_and_says_which_setting(site: Collecting, office: Office) -> None:
    site.configure(office.settings([office.root], filter="(a=b))((c=d)"))
    (part,) = site.read()
    assert (part.state, part.error_code) == (PartState.FAILED, "settings_invalid")
    assert "directory.filter" in (part.error_message or "")


def test_members_of_the_required_group_are_read_direct_nested_and_by_primary_group(
    site: Collecting, office: Office, samba: SambaDomain
) -> None:
    people = {login: office.hire(office.root, login) for login in ("direct", "nested", "primary", "none")}
    deepest = office.group("Deep (est) '", [people["nested"]])
    middle = office.group("Middle", [deepest])
    phones = office.group("Phones (all)", [people["direct"], people["primary"], middle])
    with samba.administrator() as connection:
        connection.search(phones, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
        assert connection.response
        identifier = relative_id(connection.response[0]["raw_attributes"]["objectSid"][0])
    office.change(people["primary"], primaryGroupID=str(identifier))
    site.configure(office.settings([office.root], required_group=phones))
    found = {person.first_name for person in site.people(site.read()[0])}
    assert found == {"Givendirect", "Givennested", "Givenprimary"}


def test_a_required_group_that_does_not_exist_fails_the_unit(site: Collecting, office: Office) -> None:
    office.hire(office.root, "a")
    site.configure(office.settings([office.root], required_group=f"CN=Gone,{office.root}"))
    (part,) = site.read()
    assert (part.state, part.error_code) == (PartState.FAILED, "unknown_base_dn")
    assert "directory.required_group" in (part.error_message or "")


@pytest.mark.parametrize(
    "dn", ["OU=Sales,,DC=corp", "OU=Sa;les", "CN=a,DC=corp\\"], ids=["two commas", "semicolon", "backslash"]
)
def test_a_malformed_name_is_called_that(samba: SambaDomain, office: Office, dn: str) -> None:
    settings = DirectorySettings.model_validate(office.settings([]))
    with (
        ActiveDirectory(settings) as directory,
        pytest.raises(UnknownBaseDn, match="is not a distinguished name"),
    ):
        directory.check_exists(dn)
