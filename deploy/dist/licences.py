"""``licences.py LOCK_FILE``: every package of a lock file with its version and licence, as the package itself tells."""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

_UNTOLD = "not told by the package"
_ELSEWHERE = "not installed on this system"


def licence_of(package: str) -> str:
    """The licence expression of an installed package, or what its older fields say.

    :raises PackageNotFoundError: it is not installed.
    """
    told = metadata(package)
    if expression := told.get("License-Expression"):
        return expression
    of_the_index = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License :: ")
    ]
    first_line = (told.get("License") or "").strip().partition("\n")[0]
    return " / ".join(of_the_index) or first_line or _UNTOLD


def main(lock_file: Path) -> None:
    """Print a line for each package."""
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", lock_file.read_text(encoding="utf-8"), re.MULTILINE)
    for package, version in pins:
        try:
            print(f"{package} {version}: {licence_of(package)}")
        except PackageNotFoundError:
            print(f"{package} {version}: {_ELSEWHERE}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
