"""``trim.py FOLDER``: removes from the packages below a folder what no program runs: their tests, C sources, stubs and pip's notes."""

import shutil
import sys
from pathlib import Path

_FOLDERS = {"test", "tests"}
_ENDINGS = {".c", ".cpp", ".h", ".hpp", ".pxd", ".pyi", ".pyx"}
_NOTES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}


def main(folder: Path) -> None:
    """Remove it, and the compiled modules with the tests."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and path.name in _FOLDERS and (path / "__init__.py").exists():
            shutil.rmtree(path)
        elif path.is_file() and (
            path.suffix in _ENDINGS or (path.name in _NOTES and path.parent.suffix == ".dist-info")
        ):
            path.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
