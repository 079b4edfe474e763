"""A throw-away Active Directory: Samba's domain controller on a loopback address of its own.

The domain is provisioned once into a cache and copied for every controller. All four LDAP ports are fixed, so
the right to bind them is needed (root, or net.ipv4.ip_unprivileged_port_start=0).
"""

import base64
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import ldap3

from services.sandbox.directory.certificate import make_certificate
from tests.support.tools import leave_out, require

REALM = "CORP.EXAMPLE.TEST"
BASE_DN = "DC=corp,DC=example,DC=test"
PASSWORD = "Roll-Call.4711"
# A domain of another forest, with a template database of its own.
OTHER_REALM = "EMEA.EXAMPLE.ORG"
USER = f"Administrator@{REALM.lower()}"
PACKAGES = "samba-ad-dc samba-ad-provision ldb-tools"
_HOST = "dc1"
_PORTS = (389, 636, 3268, 3269)
# Below the ports that the system gives out by itself.
_RESERVED_BY = 20389
_NTDS_SETTINGS = (
    f"CN=NTDS Settings,CN={_HOST.upper()},CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration"
)
_FOLDERS = ("private", "state", "lock", "cache", "run", "bind-dns", "etc", "tls")
_START_SECONDS = 30
# A forgotten server ends by itself.
_MOST_SECONDS = 3600
# Samba insists on file-system ACLs for a share that nobody serves here, and they need the real root.
_PROVISION = (
    "import sys, samba.provision as p; p.setsysvolacl = lambda *a, **k: None; "
    "from samba.netcmd.main import cmd_sambatool; sys.exit(cmd_sambatool()._run('samba-tool', *sys.argv[1:]))"
)
# LDAP: an anonymous base search of the rootDSE for no attribute (RFC 4511 section 4.5).
_ARE_YOU_THERE = bytes.fromhex(
    "302a02010163250400" "0a01000a0100020100020100010100870b6f626a656374436c617373" "30050403312e31"
)  # fmt: skip

Values = Mapping[str, str | bytes | list[str]]


class SambaDomain:
    """One domain controller in a folder. ``start`` it, ``stop`` it, ``kill`` it, let it ``freeze``."""

    def __init__(self, folder: Path, realm: str = REALM) -> None:
        self.folder = folder
        self.realm = realm
        self.address = ""
        self.ca_certificate = ""
        self.tls_name = f"{_HOST}.{realm.lower()}"
        self.base_dn = ",".join(f"DC={part}" for part in realm.lower().split("."))
        self.user = f"Administrator@{realm.lower()}"
        self.password = PASSWORD
        self.options: dict[str, str] = {}
        """Of smb.conf, above those of every test; from the next start on."""
        self._tools = require(("samba", "ldbadd", "ldbsearch", "ldbmodify"), PACKAGES)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where ldapsearch finds it."""
        return f"ldaps://{self.address}:636"

    def start(self) -> None:
        """Serve; a second start serves the same entries at the same address."""
        if not (self.folder / "private" / "sam.ldb").exists():
            shutil.copytree(
                _provisioned(self._tools["samba"], self.realm), self.folder, symlinks=True, dirs_exist_ok=True
            )
        for name in _FOLDERS:
            (self.folder / name).mkdir(exist_ok=True)
        with locked("start"):
            if not self.address:
                self.address, reservation = _free_address()
                # Also while it is down: nobody else may be at its address when it comes back.
                weakref.finalize(self, reservation.close)
                self._make_certificate()
            (self.folder / "etc" / "smb.conf").write_text(self._configuration())
            with (self.folder / "samba.out").open("ab") as output:
                self._process = subprocess.Popen(
                    [
                        self._tools["samba"], "--foreground", "--model=single",
                        f"--configfile={self.folder}/etc/smb.conf", f"--maximum-runtime={_MOST_SECONDS}",
                    ],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                )  # fmt: skip
            self._wait_until_it_answers()

    def stop(self) -> None:
        """End the server; not running is not an error."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Connections stay, answers stop."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on where it was frozen."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def replica(self, folder: Path) -> "SambaDomain":
        """A second controller of the domain, as up to date as this stopped one; nothing reaches it afterwards.

        Another source of changes, with a vector that knows this one up to now (MS-DRSR 5.166 UPTODATE_VECTOR_V2_EXT).
        """
        assert self._process is None, "its files are copied"
        shutil.copytree(
            self.folder, folder, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("ldapi")
        )
        service = f"{_NTDS_SETTINGS},{self.base_dn}"
        source = UUID(self._value(service, "invocationId"))
        number = int(self._value("", "highestCommittedUSN"))
        since_1601 = int((time.time() + 11_644_473_600) * 10_000_000)
        vector = struct.pack("<IIII", 2, 0, 1, 0) + source.bytes_le + struct.pack("<QQ", number, since_1601)
        changes = folder / "replica.ldif"
        changes.write_text(
            f"dn: {service}\nchangetype: modify\nreplace: invocationId\n"
            f"invocationId:: {_encoded(uuid4().bytes_le)}\n\n"
            f"dn: {self.base_dn}\nchangetype: modify\nreplace: replUpToDateVector\n"
            f"replUpToDateVector:: {_encoded(vector)}\n"
        )
        _call(self._tools["ldbmodify"], "--relax", "-H", str(folder / "private" / "sam.ldb"), str(changes))
        return SambaDomain(folder, self.realm)

    def give_another_invocation_id(self) -> None:
        """Make this stopped one another source of changes, as a restore from a backup does."""
        assert self._process is None, "it would go on as the old one"
        self.change(
            f"dn: {_NTDS_SETTINGS},{self.base_dn}\nchangetype: modify\nreplace: invocationId\n"
            f"invocationId:: {_encoded(uuid4().bytes_le)}\n"
        )

    def _value(self, base: str, attribute: str) -> str:
        """One attribute of an entry of the stopped server."""
        found = subprocess.run(
            [
                self._tools["ldbsearch"],
                "-H",
                str(self.folder / "private" / "sam.ldb"),
                "-s",
                "base",
                "-b",
                base,
                attribute,
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return next(
            line.partition(": ")[2] for line in found.splitlines() if line.startswith(f"{attribute}: ")
        )

    def change(self, ldif: str) -> None:
        """Change entries as only the controller itself can: what no client may write."""
        path = self.folder / "change.ldif"
        path.write_text(ldif, encoding="utf-8")
        _call(self._tools["ldbmodify"], "--relax", "-H", str(self.folder / "private" / "sam.ldb"), str(path))

    def load(self, ldif: str) -> None:
        """Add entries straight to the database; a running server sees them at once."""
        path = self.folder / "load.ldif"
        path.write_text(ldif, encoding="utf-8")
        # Without the two options the time grows with the square of the entries.
        _call(
            self._tools["ldbadd"], f"--configfile={self.folder}/etc/smb.conf",
            "-H", str(self.folder / "private" / "sam.ldb"),
            "-o", "batch_mode:1", "-o", "transaction_index_cache_size:200000", str(path),
        )  # fmt: skip

    @contextmanager
    def administrator(self) -> Iterator[ldap3.Connection]:
        """A connection with all rights, for the changes that people make."""
        server = ldap3.Server(self.address, port=636, use_ssl=True, get_info=ldap3.NONE)
        made = ldap3.Connection(
            server, self.user, PASSWORD, auto_bind=ldap3.AUTO_BIND_NO_TLS, raise_exceptions=True
        )
        # ldap3's own context would leave a connection open that was bound before it began.
        try:
            yield made
        finally:
            made.unbind()

    def _make_certificate(self) -> None:
        made = make_certificate(self.tls_name, (self.address,))
        tls = self.folder / "tls"
        (tls / "cert.pem").write_text(made.certificate)
        (tls / "ca.pem").write_text(made.ca)
        # Samba refuses a key that others may read.
        (tls / "key.pem").touch(0o600)
        (tls / "key.pem").write_text(made.key)
        self.ca_certificate = made.ca

    def _configuration(self) -> str:
        folder = self.folder
        options = {
            "server role": "active directory domain controller",
            "server services": "ldap",
            "realm": self.realm,
            "workgroup": self.realm.partition(".")[0],
            "netbios name": _HOST,
            "interfaces": f"{self.address}/8",
            "bind interfaces only": "yes",
            "private dir": f"{folder}/private",
            "state directory": f"{folder}/state",
            "lock directory": f"{folder}/lock",
            "cache directory": f"{folder}/cache",
            "pid directory": f"{folder}/run",
            "ncalrpc dir": f"{folder}/run/ncalrpc",
            "ntp signd socket directory": f"{folder}/run/ntp_signd",
            "binddns dir": f"{folder}/bind-dns",
            "tls certfile": f"{folder}/tls/cert.pem",
            "tls keyfile": f"{folder}/tls/key.pem",
            "tls cafile": f"{folder}/tls/ca.pem",
            "log file": f"{folder}/samba.log",
            "log level": "0",
            "ldb:nosync": "yes",
            "tdb:nosync": "yes",
        }
        return "[global]\n" + "".join(
            f"    {name} = {value}\n" for name, value in (options | self.options).items()
        )

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.address):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(
                    "samba does not answer:\n"
                    + (self.folder / "samba.out").read_text(errors="replace")[-3000:]
                )
            time.sleep(0.02)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def ldif_entry(dn: str, attributes: Values) -> str:
    """One entry as LDIF (RFC 2849), every value in base64 so that none needs quoting."""
    lines = [f"dn:: {_encoded(dn)}"]
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append(f"{name}:: {_encoded(value)}")
    return "\n".join(lines) + "\n\n"


def unit_ldif(dns: Iterable[str]) -> str:
    """Organizational units as LDIF, parents first."""
    return "".join(ldif_entry(dn, {"objectClass": ["top", "organizationalUnit"]}) for dn in dns)


def person_ldif(unit: str, login: str, **attributes: Any) -> str:
    """An enabled account as LDIF; its common name is the login unless ``cn`` says otherwise."""
    name = attributes.pop("cn", login)
    values: dict[str, Any] = {
        "objectClass": ["top", "person", "organizationalPerson", "user"],
        "cn": name,
        "sAMAccountName": login,
        "userPrincipalName": f"{login}@{REALM.lower()}",
        # A normal account that needs no password: nobody signs in as it.
        "userAccountControl": "544",
    }
    return ldif_entry(f"CN={escaped_rdn(name)},{unit}", values | attributes)


def escaped_rdn(value: str) -> str:
    """A value as it stands in a distinguished name (RFC 4514 section 2.4)."""
    text = "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in value)
    if text.startswith(("#", " ")):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(text) > 1 else text


@contextmanager
def samba_domain(realm: str = REALM) -> Iterator[SambaDomain]:
    """A running domain controller without people."""
    with tempfile.TemporaryDirectory(prefix="rollcall-samba-") as folder:
        domain = SambaDomain(Path(folder), realm)
        domain.start()
        try:
            yield domain
        finally:
            domain.kill()


def _encoded(value: str | bytes) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()


def _call(*command: str) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}")


def cache_folder() -> Path:
    """Where the tests keep what takes long to make."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollcall-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Nobody else is at it meanwhile, in any process of this user."""
    with (cache_folder() / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _provisioned(samba: str, realm: str) -> Path:
    """The folder that every controller is a copy of, made on first use."""
    version = subprocess.run(
        [samba, "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()[-1]
    made = cache_folder() / f"samba-{version}-{realm}"
    with locked("provision"):
        if not made.exists():
            work = made.with_name(made.name + f".{os.getpid()}")
            # Debian's own Python: it alone has Samba's modules.
            _call(
                "/usr/bin/python3", "-c", _PROVISION, "domain", "provision", f"--targetdir={work}",
                f"--realm={realm}", f"--domain={realm.partition('.')[0]}", f"--host-name={_HOST}", "--host-ip=127.0.0.1",
                "--server-role=dc", "--dns-backend=NONE", "--plaintext-secrets", f"--adminpass={PASSWORD}",
                "--option=ldb:nosync=yes", "--option=tdb:nosync=yes",
            )  # fmt: skip
            work.rename(made)
    return made


def _free_address() -> tuple[str, socket.socket]:
    """An address with its LDAP ports free, and what keeps it for whoever has it: a port bound for as long."""
    for last in range(11, 250):
        address, reservation = f"127.0.0.{last}", socket.socket()
        try:
            reservation.bind((address, _RESERVED_BY))
        except OSError:
            reservation.close()
            continue
        if all(_is_free(address, port) for port in _PORTS):
            return address, reservation
        reservation.close()
    raise RuntimeError("no loopback address has its LDAP ports free")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            leave_out(
                f"needs the right to bind port {port}: run as root, or set net.ipv4.ip_unprivileged_port_start=0"
            )
        except OSError:
            return False
    return True


def _answers(address: str) -> bool:
    try:
        # The protected port may open a moment after the other.
        with (
            socket.create_connection((address, 389), timeout=2) as link,
            socket.create_connection((address, 636), timeout=2),
        ):
            link.sendall(_ARE_YOU_THERE)
            return link.recv(1) == b"\x30"
    except OSError:
        return False
