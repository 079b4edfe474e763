"""What Rollcall is called where packages are published, and which version is installed.

``rollcall`` by itself is somebody else's program there: no text of ours may tell anybody to install it.
"""

from functools import cache

DISTRIBUTION = "rollcall-sync"


@cache
def installed_version() -> str:
    """The version of Rollcall that runs, as its package has it; ``pyproject.toml`` is the only place it is written."""
    # Imported late: most commands never ask, and each pays for what it imports.
    from importlib.metadata import version

    return version(DISTRIBUTION)


def install_with(extra: str) -> str:
    """The command that installs Rollcall with what ``[project.optional-dependencies]`` has under ``extra``."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
