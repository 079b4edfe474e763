"""The Debian package: installed, upgraded, removed and purged in a root that is thrown away; systemd is told, not there."""

import io
import os
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from shared.distribution import installed_version
from tests.support import first_release
from tests.support.throwaway_root import ThrowawayRoot, throwaway_root
from tests.support.tools import find

ROOT = Path(__file__).parents[3]
# A package of a quarter of a gigabyte is built and unpacked; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(900)
# Notes what it is told, and whether the program is complete at that moment.
_SYSTEMCTL = """#!/bin/sh
complete=no; [ ! -e /opt/rollcall/pyvenv.cfg ] || complete=yes
for unit; do :; done
case "$*" in
  *preset*|*is-enabled*) SYSTEMD_OFFLINE=1 exec /usr/bin/real-systemctl "$@" ;;
  *start*) echo "$complete start $unit" >> /var/log/told-systemd ;;
  *stop*) echo "$complete stop $unit" >> /var/log/told-systemd ;;
esac
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make dist` makes of this checkout."""
    if None in map(find, ("dpkg-deb", "ar", "systemctl")) or sys.base_prefix != "/usr":
        pytest.skip("needs Debian with systemd and binutils, and an environment made with its Python")
    folder = tmp_path_factory.mktemp("package")
    work = folder / "source"
    work.mkdir()
    subprocess.run(
        ["cp", "-R", "pyproject.toml", "README.md", "LICENSE", "docs", "services", "shared", str(work)],
        cwd=ROOT,
        check=True,
    )
    for command in (
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(work)],
        ["sh", "deploy/debian/build.sh", sys.executable, str(folder)],
    ):  # fmt: skip
        environment = os.environ | {"DEB_COMPRESSION": "-Znone"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("rollcall_*.deb")
    return built


def _of_version(package: Path, version: str, target: Path) -> None:
    """The same package as another version."""
    parts = [target.with_name(name) for name in ("debian-binary", "control.tar", "data.tar")]
    subprocess.run(["ar", "x", str(package)], cwd=target.parent, check=True)
    changed = io.BytesIO()
    with tarfile.open(parts[1]) as before, tarfile.open(fileobj=changed, mode="w") as after:
        for entry in before:
            content = before.extractfile(entry)
            data = content.read() if content else b""
            if entry.name == "./control":
                data = re.sub(rb"(?m)^Version: .+$", f"Version: {version}".encode(), data)
                entry.size = len(data)
            after.addfile(entry, io.BytesIO(data) if entry.isfile() else None)
    parts[1].write_bytes(changed.getvalue())
    subprocess.run(["ar", "rc", str(target), *map(str, parts)], cwd=target.parent, check=True)
    for part in parts:
        part.unlink()


@pytest.fixture
def root(tmp_path: Path) -> ThrowawayRoot:
    """Nothing of Rollcall is installed in it."""
    made = throwaway_root(tmp_path)
    for name, text in {"usr/bin/systemctl": _SYSTEMCTL, "usr/sbin/policy-rc.d": "#!/bin/sh\n"}.items():
        file = made.changes / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    shutil.copy2("/usr/bin/systemctl", made.changes / "usr/bin/real-systemctl")
    for folder in ("usr", "usr/bin", "usr/sbin"):
        (made.changes / folder).chmod(0o755)
    return made


def _dpkg(root: ThrowawayRoot, *words: str) -> str:
    return root.run("dpkg", "--force-unsafe-io", *words)


def _told_systemd(root: ThrowawayRoot) -> list[str]:
    """What systemd was told since it was last asked."""
    file = root.changes / "var/log/told-systemd"
    lines = file.read_text().splitlines()
    file.unlink()
    return lines


def test_the_package_is_installed_upgraded_removed_and_purged(package: Path, root: ThrowawayRoot) -> None:
    older, newer = root.changes / "older.deb", root.changes / "newer.deb"
    newer.hardlink_to(package)
    _of_version(package, "0.0.9+deb", older)

    said = _dpkg(root, "--install", "/older.deb")
    # The first start is over: a link to this host, by HTTPS.
    assert re.search(r"^https://[^/\s]+:8800/console/set-up", said, re.MULTILINE)
    assert _told_systemd(root) == ["yes start rollcall.service"]
    settings, data = root.changes / "etc/rollcall/rollcall.env", root.changes / "var/lib/rollcall"
    user = data.stat()
    assert user.st_uid not in {0, *(found.pw_uid for found in pwd.getpwall())}
    assert user.st_mode & 0o777 == 0o700
    assert (settings.stat().st_uid, settings.stat().st_gid) == (0, user.st_gid)
    assert settings.stat().st_mode & 0o777 == 0o640
    assert {file.stat().st_uid for file in data.rglob("*")} == {user.st_uid}

    # What an older release has left, and what the administrator has set.
    for file in data.glob("rollcall.db*"):
        file.unlink()
    laid = first_release.lay_out(data / "laid")
    for file in laid.parent.iterdir():
        os.chown(file, user.st_uid, user.st_gid)
        file.rename(data / file.name)
    laid.parent.rmdir()
    with settings.open("a") as text:
        text.write("ROLLCALL_API_PORT=18800\n")

    _dpkg(root, "--install", "/newer.deb")
    stopped = ["yes stop rollcall.target", "yes stop rollcall.service"]
    assert _told_systemd(root) == [*stopped, "yes start rollcall.service"]
    assert settings.read_text().endswith("ROLLCALL_API_PORT=18800\n")
    assert settings.stat().st_mode & 0o777 == 0o640
    assert root.run("rollcall", "--version").strip() == installed_version()
    assert len(root.run("rollcall", "runs").splitlines()) > first_release.KILLED_RUN
    (copy,) = (data / "copies").iterdir()
    assert f"-schema-{first_release.REVISION}" in copy.name
    assert ":18800/console" in root.run("rollcall", "console", "setup-link")

    _dpkg(root, "--remove", "rollcall")
    assert _told_systemd(root) == stopped
    assert root.run("find", "/opt/rollcall", "/usr/bin/rollcall", fails=True).count("No such file") == 2
    _dpkg(root, "--purge", "rollcall")
    # Nobody has answered, so nothing is lost.
    assert (data / "rollcall.db").exists()
    assert root.run("getent", "passwd", "rollcall")


def test_whoever_says_so_when_purging_has_the_data_removed(package: Path, root: ThrowawayRoot) -> None:
    (root.changes / "rollcall.deb").hardlink_to(package)
    # What is asked and removed needs no libraries.
    _dpkg(root, "--path-exclude=/opt/rollcall/lib/*", "--install", "/rollcall.deb")
    (root.changes / "var/lib/rollcall/rollcall.db").touch()
    root.run("sh", "-c", "echo 'rollcall rollcall/remove-data boolean true' | debconf-set-selections")
    _dpkg(root, "--purge", "rollcall")
    assert not (root.changes / "var/lib/rollcall").is_dir()
    assert not (root.changes / "etc/rollcall").is_dir()
    root.run("getent", "passwd", "rollcall", fails=True)
