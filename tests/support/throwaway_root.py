"""This machine's file system, seen through a layer that takes all changes and is thrown away: to install packages in."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# Each command is in a mount namespace of its own, so that no mount outlives it.
_ENTER = """
set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
mount --bind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t tmpfs tmpfs "$1/root/run"
mkdir -p "$1/root/run/systemd/system"
root="$1/root"; shift
exec chroot "$root" "$@"
"""


@dataclass(frozen=True, slots=True)
class ThrowawayRoot:
    """Its changes, as files below ``changes``, and what runs in it."""

    folder: Path

    @property
    def changes(self) -> Path:
        """What differs from this machine."""
        return self.folder / "changes"

    def command(self, *words: str) -> list[str]:
        """The command line that runs this one in there."""
        return ["unshare", "--mount", "sh", "-c", _ENTER, "enter", str(self.folder), *words]

    def run(self, *words: str, fails: bool = False) -> str:
        """What a command prints, which ends well unless it ``fails``."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C",
        }
        done = subprocess.run(
            self.command(*words), env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr


def throwaway_root(folder: Path) -> ThrowawayRoot:
    """One in the folder; the test is left out where this user may not mount."""
    for name in ("changes", "work", "root"):
        (folder / name).mkdir(parents=True)
    made = ThrowawayRoot(folder)
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a file system and install in it")
    tried = subprocess.run(made.command("true"), capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"needs a machine that allows overlay mounts ({tried.stderr.strip()})")
    return made
