"""The same company in a real domain controller and in the sandbox directory, to ask both the same questions."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import ldap3
from ldap3.core.exceptions import LDAPOperationResult

from services.sandbox.directory import Directory, RunningDirectory
from services.sandbox.directory.names import key
from tests.integration.sandbox.ldap_client import connect
from tests.support.samba import SambaDomain, escaped_rdn, ldif_entry, person_ldif, unit_ldif

Json = dict[str, Any]

BASE = "DC=corp,DC=example,DC=test"
ROOT = f"OU=Twins,{BASE}"
PEOPLE, EMPTY = f"OU=People,{ROOT}", f"OU=Empty,{ROOT}"
PASSWORD = "Twin-Pass.4711"
LONG_AGO = "133000000000000000"

PERSONS: dict[str, Json] = {
    "ann": {
        "cn": "Ann Berg",
        "givenName": "Ann",
        "sn": "Berg",
        "telephoneNumber": "204",
        "mail": "Ann@x.test",
    },
    "bob": {
        "cn": "Berg, Bob",
        "sn": "Berg",
        "telephoneNumber": "+1 801 555 0123 x205",
        "userAccountControl": "546",
    },
    "zoe": {"cn": "Zoë (Ø) *", "sn": "Ø\\Strauß", "telephoneNumber": "x206", "accountExpires": LONG_AGO},
    "max": {"cn": "Max #1 + 2", "telephoneNumber": "204", "otherTelephone": ["1", "2"], "pwdLastSet": "0"},
    "eve": {"cn": '"Eve" <e>; =', "mobile": "555"},
    **{f"many{index}": {"cn": f"Many {index}", "description": "one of many"} for index in range(25)},
}
GROUPS = {"twins-inner": ["ann", "bob"], "twins-outer": ["zoe"]}


def dn_of(login: str) -> str:
    """The name of a person, as a client writes it."""
    return f"CN={escaped_rdn(PERSONS[login]['cn'])},{PEOPLE}"


def group_dn(name: str) -> str:
    """The name of a group."""
    return f"CN={name},{ROOT}"


@dataclass(frozen=True)
class Twin:
    """One of the two: where it is, and an account that may read."""

    name: str
    url: str
    plain_url: str
    user: str
    password: str
    ca: str
    plain_ca: str
    delete: Callable[[str], Any]

    def connect(
        self, user: str | None = None, password: str | None = None
    ) -> AbstractContextManager[ldap3.Connection]:
        """A connection, as the account that may read unless another is named."""
        return connect(self.url, user or self.user, password or self.password, ca=self.ca)

    def ask(
        self, base: str, wanted: str, scope: Any = ldap3.SUBTREE, attributes: Any = ("cn",), **more: Any
    ) -> Any:
        """The entries found, comparable between the two; or the result code of a refusal."""
        with self.connect() as connection:
            try:
                connection.search(base, wanted, scope, attributes=list(attributes), **more)
            except LDAPOperationResult as refused:
                return refused.result
            return shape(connection.response)


Twins = tuple[Twin, Twin]


def entries(response: Any) -> list[Json]:
    """The entries of a response, without references to other partitions."""
    return [entry for entry in response if entry["type"] == "searchResEntry"]


def shape(response: Any) -> dict[Any, Json]:
    """Attributes and their values by name, in no order: all that two servers can have in common."""
    return {
        key(entry["dn"]): {
            name: sorted(map(_folded, values)) for name, values in entry["raw_attributes"].items() if values
        }
        for entry in entries(response)
    }


def _folded(value: bytes) -> Any:
    """A name counts as what it names, however it is escaped."""
    text = value.decode(errors="replace")
    return repr(key(text)) if re.match(r"(CN|OU|DC)=", text, re.IGNORECASE) else text


def sub_code(refused: LDAPOperationResult) -> str:
    """The Windows error behind a refused bind."""
    found = re.search(r"data ([0-9a-f]+)", str(refused.message))
    assert found is not None, refused.message
    return found[1]


def guid_filter(guid: UUID) -> str:
    """A filter for an objectGUID, as its stored bytes."""
    return "(objectGUID=" + "".join(f"\\{byte:02x}" for byte in guid.bytes_le) + ")"


@contextmanager
def samba_twin(domain: SambaDomain) -> Iterator[Twin]:
    """The company in Samba."""
    ldif = unit_ldif([ROOT, PEOPLE, EMPTY])
    ldif += "".join(person_ldif(PEOPLE, login, **attributes) for login, attributes in PERSONS.items())
    members = {name: [dn_of(login) for login in logins] for name, logins in GROUPS.items()}
    members["twins-outer"].append(group_dn("twins-inner"))
    for name, dns in members.items():
        values: Json = {"objectClass": ["top", "group"], "cn": name, "sAMAccountName": name, "member": dns}
        ldif += ldif_entry(group_dn(name), values)
    domain.load(ldif)
    # ldap3 names no types for what writes.
    administrator: Any
    with domain.administrator() as administrator:
        for login in PERSONS:
            if not login.startswith("many"):
                administrator.extend.microsoft.modify_password(dn_of(login), PASSWORD)
        administrator.modify(dn_of("max"), {"pwdLastSet": [(ldap3.MODIFY_REPLACE, ["0"])]})
        yield Twin(
            "samba",
            domain.url,
            f"ldap://{domain.address}:389",
            domain.user,
            domain.password,
            domain.ca_certificate,
            domain.ca_certificate,
            administrator.delete,
        )


@contextmanager
def sandbox_twin() -> Iterator[Twin]:
    """The company in the sandbox, served over LDAPS and over LDAP."""
    directory = Directory()
    directory.add_unit("Twins")
    for name in ("People", "Empty"):
        directory.add_unit(name, ROOT)
    for login, attributes in PERSONS.items():
        own = {
            "objectClass": "user",
            "sAMAccountName": login,
            "userPrincipalName": f"{login}@corp.example.test",
        }
        directory.add(dn_of(login), own | {"userAccountControl": "544"} | attributes)
        if not login.startswith("many"):
            directory.set_password(dn_of(login), PASSWORD)
    for name, logins in GROUPS.items():
        inner = [group_dn("twins-inner")] if name == "twins-outer" else []
        directory.add_group(name, [*(dn_of(login) for login in logins), *inner], ROOT)
    with RunningDirectory(directory) as secure, RunningDirectory(directory, tls=False) as plain:
        yield Twin(
            "sandbox",
            secure.url,
            plain.url,
            secure.user,
            secure.password,
            secure.ca_certificate,
            plain.ca_certificate,
            directory.delete,
        )


def same(twins: Twins, question: Callable[[Twin], Any]) -> Any:
    """The answer, which both give."""
    real, imitated = (question(twin) for twin in twins)
    assert imitated == real
    return real
