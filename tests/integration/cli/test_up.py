"""``rollcall up``: one process that serves a data folder, beside other commands on the same folder."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from sqlalchemy.engine import make_url

from tests.integration.cli.conftest import Ends, Terminal
from tests.support.waiting import wait_until


def _database() -> dict[str, str]:
    """The environment of a process beside this terminal: its database, when that is not in the data folder."""
    return {name: os.environ[name] for name in ("ROLLCALL_DATABASE_URL",) if name in os.environ}


@contextmanager
def running_up(data: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``rollcall up`` on the data folder, and its address."""
    process = subprocess.Popen(
        # As everybody types it: the options win over the environment.
        [sys.executable, "-m", "services.cli", "up", "--data", str(data), "--host", "127.0.0.1", "--port", "0"],
        env=_database() | {"ROLLCALL_API_PORT": "1", "ROLLCALL_SWEEP_SECONDS": "0.5", "COLUMNS": "200"},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"serves (http://\S+) ", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_up_serves_the_api_and_works_on_what_other_commands_start(configured: Terminal, ends: Ends) -> None:
    token = configured("token", "create", "test").output.strip()
    with running_up(configured.data) as (process, address):
        started = configured("run", "--preview", "--json")
        assert started.code == 0
        request = Request(
            f"{address}/api/v1/runs/{started.json['id']}", headers={"Authorization": f"Bearer {token}"}
        )

        def _state() -> str:
            with urlopen(request) as answer:
                state: str = json.load(answer)["state"]
                return state

        wait_until("the run is planned", lambda: _state() == "planned")
        # The doctor finds the process by its usual port; this one has a free one.
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_database_is_served_by_one_process_only(configured: Terminal) -> None:
    with running_up(configured.data):
        second = subprocess.run(
            [sys.executable, "-m", "services.cli", "--data", str(configured.data), "up"],
            env=_database() | {"ROLLCALL_API_PORT": "0"}, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert second.returncode == 1
    assert "(conflict)" in second.stderr
    url = _database().get("ROLLCALL_DATABASE_URL")
    assert str(make_url(url).database if url else configured.data) in second.stderr


def test_a_port_in_use_is_told_before_anything_starts(configured: Terminal) -> None:
    with running_up(configured.data) as (_process, address):
        port = address.rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "services.cli", "--data", str(configured.data / "other"), "up"],
            env=_database() | {"ROLLCALL_API_PORT": port}, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert second.returncode == 1
    assert port in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr
