"""Finds the programs that tests need; what is missing is left out loudly, and in CI it is a failure."""

import os
import shutil
from collections.abc import Sequence

import pytest

_SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin"


def find(name: str) -> str | None:
    """The path of a program; /usr/sbin is not in every user's PATH."""
    return shutil.which(name, path=_SEARCHED)


def require(names: Sequence[str], packages: str) -> dict[str, str]:
    """The paths of the programs. Where one is missing the test is left out; with CI=true it fails."""
    found = {name: find(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        leave_out(
            f"needs {', '.join(missing)} (Debian packages {packages}); `make test` installs them as root"
        )
    return {name: path for name, path in found.items() if path is not None}


def leave_out(reason: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
