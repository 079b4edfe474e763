"""Which Python `make install` takes; the Pythons here are scripts that say what they would be."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "requirements" / "make-venv.sh"


def _python(file: Path, *, version: str = "3.11.9", has_venv: bool = True) -> Path:
    """A Python that answers what the script asks it, and notes in ``made_by`` that it made the environment."""
    is_new = tuple(map(int, version.split("."))) >= (3, 11)
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f"""#!/bin/sh
case "$*" in
  --version) echo Python {version} ;;
  *version_info\\ *) exit {int(not is_new)} ;;
  *ensurepip*) exit {int(not has_venv)} ;;
  *-venv*) echo python3.11-venv ;;
  "-m venv "*) mkdir -p "$3" && echo {file} >"$3/made_by" ;;
esac
"""
    )
    file.chmod(0o755)
    return file


def _made_by(tmp_path: Path, *named: Path) -> tuple[str, str]:
    """Run the script; which Python has made the environment (empty: none), and what was said."""
    script = tmp_path / "make-venv.sh"
    script.write_text(SCRIPT.read_text().replace("=/usr/bin/python3", f"={tmp_path}/usr/python3"))
    # Neither apt-get nor sudo are here: nothing can be installed.
    for tool in ("id", "mkdir", "rm", "env"):
        (tmp_path / "path" / tool).symlink_to(shutil.which(tool) or "")
    told = subprocess.run(
        ["/bin/sh", script, tmp_path / "venv", *named],
        env=os.environ | {"PATH": str(tmp_path / "path")}, capture_output=True, text=True,
    )  # fmt: skip
    made = tmp_path / "venv" / "made_by"
    return made.read_text().strip() if made.exists() else "", told.stdout


@pytest.fixture
def in_path(tmp_path: Path) -> Path:
    return _python(tmp_path / "path" / "python3")


def test_the_distributions_python_is_preferred_to_that_in_path(tmp_path: Path, in_path: Path) -> None:
    distribution = _python(tmp_path / "usr" / "python3")
    made_by, told = _made_by(tmp_path)
    assert made_by == str(distribution)
    assert f"with {distribution} (Python 3.11.9, the distribution's" in told


def test_the_python_named_is_taken_whatever_else_there_is(tmp_path: Path, in_path: Path) -> None:
    _python(tmp_path / "usr" / "python3")
    named = _python(tmp_path / "mine" / "python3.12", version="3.12.1")
    assert _made_by(tmp_path, named)[0] == str(named)


def test_a_distributions_python_too_old_is_passed_over(tmp_path: Path, in_path: Path) -> None:
    _python(tmp_path / "usr" / "python3", version="3.9.6")
    assert _made_by(tmp_path)[0] == str(in_path)


def test_where_nothing_may_be_installed_that_in_path_is_used_and_it_is_said(
    tmp_path: Path, in_path: Path
) -> None:
    _python(tmp_path / "usr" / "python3", has_venv=False)
    made_by, told = _made_by(tmp_path)
    assert made_by == str(in_path)
    assert "the python3 in PATH is used. As root: apt-get install python3.11-venv" in told


def test_a_python_too_old_is_refused_with_what_to_do(tmp_path: Path) -> None:
    _python(tmp_path / "path" / "python3", version="3.10.12")
    made_by, told = _made_by(tmp_path)
    assert not made_by
    assert "needs Python 3.11 or newer" in told
    assert "make PYTHON=" in told


def test_an_environment_that_is_there_is_kept(tmp_path: Path, in_path: Path) -> None:
    pip = tmp_path / "venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.touch(0o755)
    assert _made_by(tmp_path) == ("", "")
    assert pip.exists()
