"""The sandbox directory gives the answers of a real domain controller, question by question.

Where Samba itself is known to differ from Windows the sandbox does as Windows; those questions are left out here
(they stand in ``test_directory_like_windows``): the sub-code for an unknown account, the matched name of an
unknown base, the limit of 1,000 entries, members in ranges, who may see deleted objects.
"""

from typing import Any
from uuid import UUID

import ldap3
import pytest

from tests.integration.sandbox.twins import (
    BASE,
    EMPTY,
    PEOPLE,
    ROOT,
    Twin,
    Twins,
    dn_of,
    entries,
    group_dn,
    guid_filter,
    same,
    shape,
)

pytestmark = [pytest.mark.samba, pytest.mark.xdist_group("samba twins")]

SHOW_DELETED = ("1.2.840.113556.1.4.417", True, None)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("(&(objectCategory=person)(objectClass=user))", 30),
        ("(objectClass=organizationalUnit)", 3),
        ("(objectCategory=group)", 2),
        ("(telephoneNumber=204)", 2),
        ("(telephoneNumber=*)", 4),
        ("(&(objectClass=user)(!(telephoneNumber=*)))", 26),
        ("(!(telephoneNumber=204))", 33),
        ("(|(mail=ann@X.TEST)(sAMAccountName=BOB))", 2),
        ("(telephoneNumber=*555*)", 1),
        ("(telephoneNumber=+1*01*x205)", 1),
        ("(cn=Many*)", 25),
        ("(cn=*1)", 3),
        ("(otherTelephone=2)", 1),
        ("(sn=Ø\\5cStrau\\c3\\9f)", 1),
        ("(cn=Zo\\c3\\ab \\28Ø\\29 \\2a)", 1),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", 1),
        ("(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))", 29),
        ("(userAccountControl:1.2.840.113556.1.4.804:=34)", 30),
        ("(userAccountControl>=546)", 1),
        ("(userAccountControl<=544)", 29),
        (f"(memberOf={group_dn('twins-inner')})", 2),
        (f"(memberOf:1.2.840.113556.1.4.1941:={group_dn('twins-outer')})", 4),
        (f"(member:1.2.840.113556.1.4.1941:={dn_of('ann')})", 2),
        (f"(member={dn_of('bob')})", 1),
        (f"(distinguishedName={dn_of('ann')})", 1),
        ("(noSuchAttribute=*)", 0),
        ("(noSuchAttribute=x)", 0),
        ("(userAccountControl=many)", 0),
        ("(objectClass=nonsense)", 0),
        ("(primaryGroupID=513)", 30),
    ],
)  # fmt: skip
def test_a_filter_finds_the_same_entries(twins: Twins, wanted: str, count: int) -> None:
    assert len(same(twins, lambda twin: twin.ask(ROOT, wanted))) == count


@pytest.mark.parametrize(
    ("base", "scope", "count"),
    [
        (ROOT, ldap3.BASE, 1),
        (ROOT, ldap3.LEVEL, 4),
        (ROOT, ldap3.SUBTREE, 35),
        (PEOPLE.upper(), ldap3.LEVEL, 30),
        (EMPTY, ldap3.SUBTREE, 1),
        (EMPTY, ldap3.LEVEL, 0),
        (dn_of("bob"), ldap3.BASE, 1),
        (dn_of("eve"), ldap3.SUBTREE, 1),
    ],
)
def test_a_scope_holds_the_same_entries(twins: Twins, base: str, scope: str, count: int) -> None:
    assert len(same(twins, lambda twin: twin.ask(base, "(objectClass=*)", scope))) == count


@pytest.mark.parametrize("login", ["ann", "bob", "zoe", "max", "eve"])
def test_a_person_has_the_same_values(twins: Twins, login: str) -> None:
    attributes = (
        "cn", "sn", "givenName", "displayName", "name", "distinguishedName", "mail", "mobile", "telephoneNumber",
        "otherTelephone", "ipPhone", "sAMAccountName", "userPrincipalName", "userAccountControl", "accountExpires",
        "memberOf", "objectClass", "objectCategory", "primaryGroupID", "description", "instanceType", "sAMAccountType",
    )  # fmt: skip
    (found,) = same(
        twins, lambda twin: twin.ask(dn_of(login), "(objectClass=*)", ldap3.BASE, attributes)
    ).values()
    assert found["sAMAccountName"] == [login]
    assert {"cn", "distinguishedName", "objectClass", "userAccountControl"} <= set(found)


def test_a_group_and_a_unit_have_the_same_values(twins: Twins) -> None:
    group = ("cn", "member", "memberOf", "groupType", "sAMAccountType", "objectClass", "objectCategory")
    found = same(twins, lambda twin: twin.ask(ROOT, "(objectClass=group)", attributes=group))
    assert [len(values["member"]) for values in found.values()] == [2, 2]
    unit = ("ou", "name", "objectClass", "objectCategory", "distinguishedName")
    assert len(same(twins, lambda twin: twin.ask(ROOT, "(ou=*)", attributes=unit))) == 3


def test_attributes_are_chosen_the_same_way(twins: Twins) -> None:
    def names(twin: Twin, *asked: str) -> set[str]:
        (values,) = twin.ask(dn_of("ann"), "(objectClass=*)", ldap3.BASE, asked).values()
        return set(values)

    assert same(twins, lambda twin: names(twin, "TELEPHONENUMBER", "noSuchAttribute")) == {"telephoneNumber"}
    assert same(twins, lambda twin: names(twin, "1.1")) == set()
    for twin in twins:
        assert {"objectGUID", "objectSid", "whenCreated", "whenChanged", "uSNChanged", "mail"} <= names(
            twin, "*"
        )


def test_a_guid_finds_its_entry_by_filter_and_as_a_name(twins: Twins) -> None:
    for twin in twins:
        with twin.connect() as connection:
            connection.search(dn_of("ann"), "(objectClass=*)", ldap3.BASE, attributes=["objectGUID"])
            guid = UUID(bytes_le=entries(connection.response)[0]["raw_attributes"]["objectGUID"][0])
        expected = twin.ask(dn_of("ann"), "(objectClass=*)", ldap3.BASE)
        assert len(expected) == 1
        assert twin.ask(BASE, guid_filter(guid)) == expected
        assert twin.ask(f"<GUID={guid}>", "(objectClass=*)", ldap3.BASE) == expected
        assert twin.ask(ROOT, guid_filter(UUID(int=0))) == {}


@pytest.mark.parametrize(
    ("base", "code"),
    [(f"OU=Nowhere,{BASE}", 32), (f"CN=Nobody,{PEOPLE}", 32), ("DC=other,DC=test", 32), ("OU=Nowhere", 32)],
)
def test_an_unknown_base_is_no_such_object(twins: Twins, base: str, code: int) -> None:
    assert same(twins, lambda twin: twin.ask(base, "(objectClass=*)")) == code


def test_the_schema_knows_the_same_attributes(twins: Twins) -> None:
    wanted = "(&(objectClass=attributeSchema)(|" + "".join(
        f"(lDAPDisplayName={name})"
        for name in ("telephoneNumber", "ipPhone", "IPPHONE", "extensionAttribute7", "mail", "noSuchAttribute")
    ) + "))"  # fmt: skip
    schema = f"CN=Schema,CN=Configuration,{BASE}"

    def names(twin: Twin) -> list[str]:
        found = twin.ask(schema, wanted, attributes=("lDAPDisplayName",))
        return sorted(values["lDAPDisplayName"][0] for values in found.values())

    # Samba comes without the schema of Exchange, where the extension attributes are from.
    real, imitated = map(names, twins)
    assert (
        [name for name in imitated if name != "extensionAttribute7"]
        == real
        == ["ipPhone", "mail", "telephoneNumber"]
    )


def test_what_was_deleted_leaves_a_tombstone(twins: Twins) -> None:
    login = "many24"

    def grave(twin: Twin) -> Any:
        twin.delete(dn_of(login))
        assert twin.ask(ROOT, f"(sAMAccountName={login})") == {}
        assert twin.ask(ROOT, f"(sAMAccountName={login})", controls=[SHOW_DELETED]) == {}
        assert twin.ask(BASE, f"(sAMAccountName={login})") == {}
        attributes = (
            "cn",
            "isDeleted",
            "lastKnownParent",
            "sAMAccountName",
            "description",
            "objectClass",
            "objectGUID",
        )
        with twin.connect() as connection:
            wanted = f"(&(isDeleted=TRUE)(sAMAccountName={login}))"
            connection.search(BASE, wanted, attributes=list(attributes), controls=[SHOW_DELETED])
            (entry,) = entries(connection.response)
        guid = str(UUID(bytes_le=entry["raw_attributes"]["objectGUID"][0]))
        assert entry["dn"].lower() == f"cn=many 24\\0adel:{guid},cn=deleted objects,{BASE}".lower()
        ((_name, values),) = shape([entry]).items()
        values.pop("objectGUID")
        assert values.pop("cn")[0].split("\n") == ["Many 24", f"DEL:{guid}"]
        return values

    left = same(twins, grave)
    assert left["isDeleted"] == ["TRUE"]
    assert "description" not in left
    assert not same(
        twins, lambda twin: twin.ask(ROOT, "(objectCategory=person)", controls=[SHOW_DELETED])
    ).keys() & {dn_of(login)}
