"""``try_wheels.py FOLDER``: installs both wheels of a folder in empty environments, in either order, and runs them.

What they depend on is taken from the environment of this program, so nothing is fetched. Ends with 1 and what a program
printed when one of them does not run, or does not outlive the removal of the other.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

_DOCTOR = {"rollcall-relay": ("rollcall-relay", "test"), "rollcall-sync": ("rollcall", "doctor")}
"""The program of each distribution, and its command that looks at the host and changes nothing."""

_RUNS_AND_FINDS_FAULTS = (0, 1)
"""On this host there is no database and no phone system, and both say so."""


class Environment:
    """A virtual environment that holds nothing at first; what is installed beside this program can be imported."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        self._folder = folder
        self._programs = folder / "venv/bin"
        site = sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")})
        # Behind the environment's own packages; .pth files there, which lead to the checkout, are not read.
        (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def pip(self, *words: str) -> None:
        """Run pip of this program's environment on the empty one."""
        python = str(self._programs / "python")
        self._checked(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", *words)

    def install(self, wheel: Path) -> None:
        """Install a wheel without fetching anything."""
        self.pip("install", "--quiet", "--no-index", "--no-deps", "--no-compile", str(wheel))

    def uninstall(self, distribution: str) -> None:
        """Remove what a distribution has installed."""
        self.pip("uninstall", "--quiet", "--yes", distribution)

    def print_version(self, distribution: str) -> None:
        """Let a distribution's program say its version.

        :raises SystemExit: it does not run.
        """
        program = str(self._programs / _DOCTOR[distribution][0])
        print(f"{distribution} {self._checked(program, '--version').strip()}")

    def look_at_the_host(self, distribution: str) -> None:
        """Let it look at this host, which imports most of it.

        :raises SystemExit: it does not run, or has nothing to tell.
        """
        name, doctor = _DOCTOR[distribution]
        told = self._checked(str(self._programs / name), doctor, good=_RUNS_AND_FINDS_FAULTS)
        if not told.strip():
            sys.exit(f"{name} {doctor} says nothing.")

    def _checked(self, *command: str, good: tuple[int, ...] = (0,)) -> str:
        # Neither the checkout nor settings of whoever builds; its state goes where it is thrown away.
        own = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "ROLLCALL_DATA": str(self._folder / "data"),
        }
        done = subprocess.run(
            command, cwd=self._folder, env=own, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode not in good or "Traceback" in done.stderr:
            sys.exit(f"{' '.join(command)} ends with {done.returncode}.\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


def main(folder: Path) -> None:
    """Try each wheel alone, beside the other, and after the other is gone.

    :raises SystemExit: a program does not run.
    """
    wheels = {name: next(folder.glob(f"{name.replace('-', '_')}-*.whl")) for name in _DOCTOR}
    for first, second in (tuple(wheels), tuple(reversed(wheels))):
        with tempfile.TemporaryDirectory() as scratch:
            environment = Environment(Path(scratch))
            environment.install(wheels[first])
            environment.print_version(first)
            environment.look_at_the_host(first)
            environment.install(wheels[second])
            environment.uninstall(first)
            environment.print_version(second)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
