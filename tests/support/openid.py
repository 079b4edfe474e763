"""A real OpenID Connect provider on this host: the certified `oidc-provider`, run by node, installed once by version."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.samba import cache_folder, locked
from tests.support.tools import leave_out, require

_HERE = Path(__file__).parent / "openid_provider"
SECRET = "provider-secret-4711-abcdef"


class RunningProvider:
    """One provider; ``set`` changes what it knows of people, who is in front of it and where browsers may go back."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.issuer: str = self._line()["issuer"]

    def set(self, **state: Any) -> None:
        """Change what it knows."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(state) + "\n")
        self._process.stdin.flush()
        self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said


@contextmanager
def running_provider() -> Iterator[RunningProvider]:
    """A provider for the time of the block."""
    tools = require(("node", "npm"), "nodejs npm")
    folder = _installed(tools["npm"])
    with subprocess.Popen(
        [tools["node"], str(_HERE / "server.js"), str(folder), SECRET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield RunningProvider(process)
        finally:
            process.kill()


def _installed(npm: str) -> Path:
    """The folder with its packages, those of the lock file."""
    lock = (_HERE / "package-lock.json").read_bytes()
    folder = cache_folder() / f"openid-{hashlib.sha256(lock).hexdigest()[:12]}"
    with locked("openid"):
        if not folder.exists():
            draft = folder.with_name(f"{folder.name}.{os.getpid()}")
            draft.mkdir()
            for name in ("package.json", "package-lock.json"):
                (draft / name).write_bytes((_HERE / name).read_bytes())
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=draft, capture_output=True, text=True, check=False)
            if done.returncode:
                leave_out(
                    f"needs the npm package oidc-provider, which npm did not install: {done.stderr[-300:]}"
                )
            draft.rename(folder)
    return folder
