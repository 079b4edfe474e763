"""Signing in with a keytab at the Kerberos server of a real domain controller, also as a member of Protected Users.

The library is optional and has to be built; where it is not installed, Debian's own is used if it fits this Python.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ldap3
import pytest

from tests.support.samba import REALM, SambaDomain, samba_domain
from tests.support.tools import leave_out, require

pytestmark = pytest.mark.samba
PASSWORD = "Own-Password.0815"
DEBIAN = "/usr/lib/python3/dist-packages"
# A process of its own, because the library reads its environment once.
_SIGN_IN = f"""
import json, sys
sys.path.append({DEBIAN!r})
from services.collector.active_directory import ActiveDirectory
from shared.errors import RollcallError
from shared.settings.documents import DirectorySettings
said = {{}}
for name, settings in json.load(sys.stdin).items():
    try:
        with ActiveDirectory(DirectorySettings.model_validate(settings)) as directory:
            said[name] = directory.domain().base_dn
    except RollcallError as error:
        said[name] = type(error).__name__ + ": " + error.message
json.dump(said, sys.stdout)
"""


@dataclass
class Realm:
    """A domain controller that is a Kerberos server too, and an account with its keytab."""

    domain: SambaDomain
    folder: Path
    account: str

    def ask(self, keytab: str, **asked: Mapping[str, object]) -> dict[str, str]:
        """The domain's name or the refusal by what was asked, with this keytab."""
        environment = {
            "KRB5_CONFIG": str(self.folder / "krb5.conf"),
            "KRB5_CLIENT_KTNAME": f"FILE:{self.folder / keytab}",
            "KRB5CCNAME": f"FILE:{self.folder / keytab}.cache",
        }
        common = {
            "servers": [self.domain.address],
            "tls_name": self.domain.tls_name,
            "ca_certificate": self.domain.ca_certificate,
            "connect_timeout_seconds": 30,
        }
        done = subprocess.run(
            [sys.executable, "-c", _SIGN_IN],
            input=json.dumps({name: common | dict(settings) for name, settings in asked.items()}),
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found: dict[str, str] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    """The controller, with the account ``reader``."""
    program = f"import sys; sys.path.append({DEBIAN!r}); import gssapi"
    if subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode:
        if Path(DEBIAN, "gssapi").exists():
            pytest.skip("Debian's gssapi is for another Python than this one")
        leave_out("needs gssapi (Debian: python3-gssapi)")
    tool = require(("samba-tool",), "samba-common-bin")["samba-tool"]
    folder = tmp_path_factory.mktemp("realm")
    with samba_domain() as domain:
        domain.stop()
        domain.options |= {
            "server services": "ldap kdc",
            "ldap server require strong auth": "allow_sasl_over_tls",
        }
        domain.start()
        account = f"CN=reader,CN=Users,{domain.base_dn}"
        with domain.administrator() as connection:
            connection.add(account, "user", {"sAMAccountName": "reader", "userAccountControl": "544"})  # type: ignore[no-untyped-call]
            connection.extend.microsoft.modify_password(account, PASSWORD)
            _change(connection, account, ldap3.MODIFY_REPLACE, "userAccountControl", "66048")
        (folder / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n rdns = false\n"
            f" dns_canonicalize_hostname = false\n udp_preference_limit = 1\n"
            f"[realms]\n {REALM} = {{\n  kdc = {domain.address}:88\n }}\n"
        )
        exported = [tool, "domain", "exportkeytab", str(folder / "reader.keytab"), "--principal=reader"]
        subprocess.run(
            [*exported, f"--configfile={domain.folder}/etc/smb.conf"], capture_output=True, check=True
        )
        yield Realm(domain, folder, account)


def _change(connection: ldap3.Connection, dn: str, how: str, attribute: str, value: str) -> None:
    connection.modify(dn, {attribute: [(how, [value])]})  # type: ignore[no-untyped-call]


def test_a_keytab_signs_in_also_a_member_of_protected_users_and_every_refusal_says_why(realm: Realm) -> None:
    kerberos = {"authentication": "kerberos"}
    base = realm.domain.base_dn
    # The controller's account has no name for its LDAP service yet.
    assert "no service ldap/dc1." in realm.ask("reader.keytab", ldaps=kerberos)["ldaps"]
    with realm.domain.administrator() as connection:
        controller = f"CN=DC1,OU=Domain Controllers,{base}"
        _change(
            connection, controller, ldap3.MODIFY_ADD, "servicePrincipalName", f"ldap/{realm.domain.tls_name}"
        )
    assert "no Kerberos ticket and no keytab" in realm.ask("missing.keytab", ldaps=kerberos)["ldaps"]
    secured = {"ldaps": kerberos, "starttls": kerberos | {"security": "starttls"}}
    assert realm.ask("reader.keytab", **secured) == {"ldaps": base, "starttls": base}
    with realm.domain.administrator() as connection:
        group = f"CN=Protected Users,CN=Users,{base}"
        _change(connection, group, ldap3.MODIFY_ADD, "member", realm.account)
    (realm.folder / "reader.keytab.cache").unlink()
    simple = {"user": realm.account, "password": PASSWORD}
    said = realm.ask(
        "reader.keytab",
        kerberos=kerberos,
        simple=simple,
        ntlm=simple | {"authentication": "ntlm", "user": "CORP\\reader"},
    )
    assert said["kerberos"] == base
    for way in ("simple", "ntlm"):
        assert said[way].startswith("AccountNotUsable")
        assert "it is in Protected Users" in said[way]
