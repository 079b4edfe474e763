"""Gives an account the right to write one attribute of people, as an administrator delegates it, and nothing else."""

import struct
from typing import Any
from uuid import UUID

import ldap3

# MS-ADTS 3.1.1.3.4.1.11: only the DACL is read and written.
_DACL_ONLY = ("1.2.840.113556.1.4.801", True, b"\x30\x03\x02\x01\x04")
_USER_CLASS = UUID("bf967aba-0de6-11d0-a285-00aa003049e2")
_ALLOWED_OBJECT_ACE, _INHERITED_BY_CHILDREN_ONLY, _WRITE_PROPERTY, _BOTH_GUIDS = 0x05, 0x0A, 0x20, 0x03


def delegate_writing(connection: ldap3.Connection, unit: str, attribute: str, account: str) -> None:
    """What ``dsacls UNIT /I:S /G "ACCOUNT:WP;ATTRIBUTE;user"`` does: people below the unit, this attribute, writing."""
    client: Any = connection
    schema = "CN=Schema,CN=Configuration," + unit[unit.upper().index("DC=") :]
    client.search(schema, f"(lDAPDisplayName={attribute})", ldap3.LEVEL, attributes=["schemaIDGUID"])
    schema_guid = client.response[0]["raw_attributes"]["schemaIDGUID"][0]
    client.search(account, "(objectClass=*)", ldap3.BASE, attributes=["objectSid"])
    sid = client.response[0]["raw_attributes"]["objectSid"][0]
    client.search(
        unit, "(objectClass=*)", ldap3.BASE, attributes=["nTSecurityDescriptor"], controls=[_DACL_ONLY]
    )
    descriptor = client.response[0]["raw_attributes"]["nTSecurityDescriptor"][0]
    # MS-DTYP 2.4.4.3 ACCESS_ALLOWED_OBJECT_ACE, 2.4.5 ACL, 2.4.6 SECURITY_DESCRIPTOR.
    body = struct.pack("<II", _WRITE_PROPERTY, _BOTH_GUIDS) + schema_guid + _USER_CLASS.bytes_le + sid
    ace = struct.pack("<BBH", _ALLOWED_OBJECT_ACE, _INHERITED_BY_CHILDREN_ONLY, 4 + len(body)) + body
    at = struct.unpack_from("<I", descriptor, 16)[0]
    _revision, _unused, size, count, _unused2 = struct.unpack_from("<BBHHH", descriptor, at)
    acl = struct.pack("<BBHHH", 4, 0, size + len(ace), count + 1, 0) + descriptor[at + 8 : at + size] + ace
    header = descriptor[:4] + struct.pack("<IIII", 0, 0, 0, 20)
    client.modify(
        unit,
        {"nTSecurityDescriptor": [(ldap3.MODIFY_REPLACE, [header + acl])]},
        controls=[_DACL_ONLY],
    )
