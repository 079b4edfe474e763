"""``environment.py LOCK WHEEL ROOT``: fills ``ROOT/opt/rollcall`` with the environment that the package installs.

The packages of the lock file are taken from the environment that runs this program, in which the tests ran too: nothing is
fetched, and what was tested is what is shipped. Their hashes were compared when they were installed.
"""

import compileall
import shutil
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

_HOME = "/opt/rollcall"
_PROGRAM = f"""#!{_HOME}/bin/python3 -I
import sys

from services.cli.main import main

sys.exit(main())
"""


def _locked(lock: Path) -> list[Requirement]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    pins = [
        Requirement(line.rstrip(" \\")) for line in lines if "==" in line and not line.startswith((" ", "#"))
    ]
    return [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]


def _copy(pin: Requirement, packages: Path) -> None:
    """Copy what a distribution has installed, but for its programs.

    :raises SystemExit: another version is installed than the lock file names, or none.
    """
    try:
        found = distribution(pin.name)
    except PackageNotFoundError:
        sys.exit(f"{pin.name} is not installed. Run `make clean install`, then build again.")
    if found.version not in pin.specifier:
        sys.exit(
            f"{pin.name} {found.version} is installed, not {pin}. Run `make clean install`, then build again."
        )
    for file in found.files or ():
        if ".." in file.parts or not Path(str(found.locate_file(file))).is_file():
            continue
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        # With its time, by which a compiled module knows its source.
        shutil.copy2(str(found.locate_file(file)), target)


def main(lock: Path, wheel: Path, root: Path) -> None:
    """Fill the folder.

    :raises SystemExit: this is not the distribution's Python, or not everything is installed as locked.
    """
    if sys.base_prefix != "/usr":
        sys.exit(
            f"The package runs with Debian's Python, and this environment was made with {sys.base_prefix}. "
            "Run `make clean install PYTHON=/usr/bin/python3`, then build again."
        )
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = root / _HOME.lstrip("/")
    packages = home / f"lib/python{version}/site-packages"
    packages.mkdir(parents=True)
    for pin in _locked(lock):
        _copy(pin, packages)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Whoever runs Rollcall may not write there. Only what is not compiled yet is.
    compileall.compile_dir(packages, quiet=1, stripdir=str(root), maxlevels=20)
    programs = home / "bin"
    programs.mkdir()
    (programs / f"python{version}").symlink_to(f"/usr/bin/python{version}")
    (programs / "python3").symlink_to(f"python{version}")
    (programs / "rollcall").write_text(_PROGRAM, encoding="utf-8")
    (programs / "rollcall").chmod(0o755)
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {sys.version.split()[0]}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
