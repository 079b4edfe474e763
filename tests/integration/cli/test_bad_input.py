"""Bad input gives one clear sentence and an exit code, never a traceback, and nothing is half-saved."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.cli.conftest import Ends, Terminal, settings_file
from tests.support.tls import tls_host
from tests.support.tools import leave_out

Case = Callable[[Ends], dict[str, dict[str, Any]]]

# Settings that can be saved and do not work: what is changed, the code, and what the sentence must name.
_DO_NOT_WORK: dict[str, tuple[str, Case, str, tuple[str, ...]]] = {
    "wrong password": (
        "directory", lambda ends: {"directory": {"password": "wrong"}}, "bad_credentials", ("password",),
    ),
    "unknown host": (
        "directory", lambda ends: {"directory": {"servers": ["dc.invalid"]}}, "address_unknown", ("dc.invalid",),
    ),
    "nobody listens": (
        "directory", lambda ends: {"directory": {"servers": ["127.0.0.1:1"]}}, "directory_unavailable",
        ("127.0.0.1:1",),
    ),
    "an untrusted certificate": (
        "directory", lambda ends: {"directory": {"ca_certificate": ""}}, "certificate_rejected", ("ca_certificate",),
    ),
    "another name in the certificate": (
        "directory", lambda ends: {"directory": {"tls_name": "other.corp.example.test"}}, "certificate_rejected",
        ("other.corp.example.test", "dc.corp.example.test"),
    ),
    "an unknown unit": (
        "directory", lambda ends: {"directory": {"units": [{"dn": f"OU=Slaes,{ends.directory.base_dn}"}]}},
        "unknown_base_dn", ("OU=Slaes",),
    ),
    "an unknown attribute": (
        "directory", lambda ends: {"directory": {"attributes": {"number": "telefoneNumber"}}}, "unknown_attribute",
        ("telefoneNumber", "telephoneNumber"),
    ),
    "a wrong client secret": (
        "phone-system", lambda ends: {"phone_system": {"client_secret": "wrong"}}, "bad_credentials", ("client",),
    ),
    "a phone system that is not there": (
        "phone-system", lambda ends: {"phone_system": {"base_url": "http://127.0.0.1:1"}},
        "phone_system_unavailable", ("127.0.0.1:1",),
    ),
}  # fmt: skip

# Files that are refused as a whole: the text, and what the sentence must name.
_REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "broken YAML": ("directory: [\n", ("line 2",)),
    "a key twice": ("limits:\n  removals: 1\n  removals: 2\n", ("removals", "twice", "line 3")),
    "no sections": ("- one\n- two\n", ("directory", "archive")),
    "nothing": ("", ("empty",)),
    "an unknown section": ("limts: {}\n", ("limts", "limits")),
    "an unknown setting": ("limits: {removels: 1}\n", ("removels", "Unknown setting")),
    "a malformed DN": ("directory: {units: [{dn: Sales}]}\n", ("Sales", "OU=Sales,DC=corp,DC=example")),
    "an impossible time": ("schedule: {mode: times, times: ['25:00']}\n", ("schedule", "times.0")),
    "an unknown time zone": ("schedule: {time_zone: Mars/Base}\n", ("Mars/Base", "Europe/Berlin")),
    "plain LDAP": ("directory: {security: plain}\n", ("ldaps", "starttls")),
    "http to a phone system": ("phone_system: {base_url: 'http://pbx.example.com'}\n", ("https",)),
    "a bad filter": ("directory: {filter: 'company=x'}\n", ("(company=Example)",)),
    "a bad expression": ("rules: {exclusions: [{kind: regex, value: '('}]}\n", ("cannot be used: unclosed group",)),
    "an executable tag": ("directory: !!python/object/apply:os.system ['true']\n", ("line 1",)),
}  # fmt: skip


@pytest.mark.parametrize("case", _DO_NOT_WORK)
def test_settings_that_do_not_work_are_explained(
    case: str, rollcall: Terminal, ends: Ends, tmp_path: Path
) -> None:
    end, changes, code, named = _DO_NOT_WORK[case]
    assert (
        rollcall("settings", "apply", str(settings_file(tmp_path, ends.settings(**changes(ends))))).code == 0
    )
    answer = rollcall("test", end)
    assert answer.code == 1
    _is_one_sentence(answer.output)
    assert f"({code})" in answer.output
    for name in named:
        assert name in answer.output
    if code.endswith("_unavailable"):
        # A run tries again what may pass; how long, is told elsewhere.
        return
    run = rollcall("run", "--wait")
    assert run.code == 1
    assert "Traceback" not in run.output + run.notes
    assert not ends.phone_system.state.calls


def test_an_expired_certificate_is_named_with_its_date(
    rollcall: Terminal, ends: Ends, tmp_path: Path
) -> None:
    expired = datetime.now(UTC) - timedelta(days=3)
    with tls_host(tmp_path, expired) as (address, ca):
        changed = {"servers": [address], "ca_certificate": ca, "tls_name": ""}
        path = settings_file(tmp_path, ends.settings(directory=changed))
        assert rollcall("settings", "apply", str(path)).code == 0
        answer = rollcall("test", "directory")
    assert answer.code == 1
    _is_one_sentence(answer.output)
    assert "(certificate_rejected)" in answer.output
    assert f"expired {expired:%Y-%m-%d}" in answer.output


@pytest.mark.parametrize("case", _REFUSED)
def test_a_bad_file_is_refused_whole(case: str, configured: Terminal, tmp_path: Path) -> None:
    text, named = _REFUSED[case]
    before = configured("settings", "export").output
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    answer = configured("settings", "apply", str(path))
    assert answer.code == 2
    assert not answer.output
    _is_one_sentence(answer.notes)
    for name in named:
        assert name in answer.notes
    assert configured("settings", "export").output == before


def test_one_wrong_section_keeps_the_others_from_being_saved(configured: Terminal, tmp_path: Path) -> None:
    path = settings_file(tmp_path, {"limits": {"removals": 1}, "schedule": {"every_minutes": 0}})
    answer = configured("settings", "apply", str(path))
    assert answer.code == 2
    assert "every_minutes" in answer.notes
    assert yaml.safe_load(configured("settings", "export").output)["limits"]["removals"] == 5


def test_a_secret_is_never_repeated(rollcall: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("directory:\n  password: [hunter2]\n  servers: 7\n")
    answer = rollcall("settings", "apply", str(path))
    assert answer.code == 2
    assert "directory" in answer.notes
    assert "hunter2" not in answer.output + answer.notes
    path.write_text('directory:\n  password: "hunter2\n')
    answer = rollcall("settings", "apply", str(path))
    assert answer.code == 2
    assert "hunter2" not in answer.output + answer.notes


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("run", "--wait"), 2, "directory.servers"),
        (("run",), 1, "--wait"),
        (("plan", "7"), 1, "no run 7"),
        (("plan", "seven"), 2, "valid integer"),
        (("approve", "7", "--hash", "abc"), 1, "no run 7"),
        (("explain", "nobody"), 1, "nobody"),
        (("log", "--since", "yesterday"), 2, "like 2026-11-24 or 2026-11-24T08:30"),
        (("log", "--site", "elsewhere"), 1, "elsewhere"),
        (("settings", "apply", "/nowhere/site.yaml"), 2, "/nowhere/site.yaml"),
        (("settings", "export", "/nowhere/site.yaml"), 1, "/nowhere/site.yaml"),
        (("settings", "secret", "directory.pasword"), 2, "directory.password"),
        (("token", "create", " "), 2, "name"),
        (("token", "create", "wall", "--role", "king"), 2, "viewer"),
        (("token", "create", "wall", "--site", "nowhere"), 1, "no site 'nowhere'"),
        (("worker",), 2, "ROLLCALL_BROKER_URL"),
        (("beat",), 2, "ROLLCALL_BROKER_URL"),
        (("sites", "create", "Not A Site"), 2, "Not A Site"),
    ],
)
def test_wrong_use_is_told(rollcall: Terminal, arguments: tuple[str, ...], code: int, named: str) -> None:
    answer = rollcall(*arguments)
    assert answer.code == code
    assert named in answer.notes
    assert "Traceback" not in answer.notes


def test_an_unknown_variable_is_refused_with_the_nearest_one(
    rollcall: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_API_PROT", "1")
    answer = rollcall("runs")
    assert answer.code == 2
    assert "ROLLCALL_API_PORT" in answer.notes


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    _with_own_mounts()
    script = f"""
        mount -t tmpfs -o size=700k tmpfs {tmp_path}
        R="{sys.executable} -m services.cli --data {tmp_path}/data"
        $R sites create first || exit 90
        dd if=/dev/zero of={tmp_path}/ballast bs=1k 2>/dev/null
        code=0; n=0
        while [ $code = 0 ]; do
          n=$((n+1)); [ $n -lt 100 ] || exit 91
          $R sites create full$n 2>{tmp_path}.said; code=$?
        done
        rm {tmp_path}/ballast
        $R sites || exit 92
        exit $code
    """
    done = _in_own_mounts(script)
    said = Path(f"{tmp_path}.said").read_text()
    assert done.returncode == 1, done.stdout + done.stderr + said
    _is_one_sentence(said)
    assert "(storage_unavailable)" in said
    assert "full" in said
    assert "first" in done.stdout


def test_a_read_only_data_folder_is_named(tmp_path: Path) -> None:
    _with_own_mounts()
    data = tmp_path / "data"
    script = f"""
        R="{sys.executable} -m services.cli --data {data}"
        $R sites create first || exit 90
        mount --bind {data} {data} && mount -o remount,ro,bind {data} || exit 91
        $R sites create second
        code=$?
        umount {data}
        $R sites || exit 92
        exit $code
    """
    done = _in_own_mounts(script)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "(storage_unavailable)" in done.stderr
    assert str(data) in done.stderr
    assert "Traceback" not in done.stderr
    assert "first" in done.stdout
    assert "second" not in done.stdout


def _is_one_sentence(text: str) -> None:
    """One message on one line, ended as sentences are."""
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1, text
    assert text.strip()[-1] in ".)", text


def _with_own_mounts() -> None:
    tool = shutil.which("unshare")
    if tool is None or subprocess.run([tool, "-rm", "true"], check=False, capture_output=True).returncode:
        leave_out("needs the right to make a mount namespace of its own (unshare -rm)")


def _in_own_mounts(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        check=False, capture_output=True, text=True, timeout=120, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
