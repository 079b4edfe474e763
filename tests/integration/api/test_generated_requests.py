"""Schemathesis asks what it makes of our description of the API: nothing crashes, and the answers are as described."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from services.api.settings.use_cases import sections as settings
from shared.database import backends
from shared.worker.context import Context
from tests.integration.api.builders import fill_log, make_plan
from tests.integration.api.conftest import READY, SITE

_ROOT = Path(__file__).parents[3]
_CONFIG = Path(__file__).with_name("schemathesis.toml")
_MOST_REQUESTS = 2_000
_MOST_SECONDS = 900


@pytest.fixture
def filled(context: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A site with settings, a plan that waits and a Log; nobody answers questions, and nobody waits long for it."""
    # The driver of SQL Server tries for as long where nothing listens.
    monkeypatch.setattr(backends, "CONNECT_SECONDS", 1)
    settings.apply_settings(context, SITE, READY, "test")
    make_plan(context)
    fill_log(context, 50)
    object.__setattr__(context, "settings", context.settings.model_copy(update={"question_seconds": 0.05}))
    return context


@pytest.mark.timeout(_MOST_SECONDS + 60)
def test_no_generated_request_finds_a_crash_or_an_answer_that_is_not_as_described(
    filled: Context, client: httpx.Client, tmp_path: Path
) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(_CONFIG), "run",
        f"{client.base_url}/openapi.json", "--header", f"Authorization: {client.headers['Authorization']}",
        # It would revoke its own.
        "--exclude-operation-id", "revokeToken", "--no-color", "--request-timeout", "60",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    made = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-8_000:]
    assert made is not None
    assert 500 < int(made[1]) <= _MOST_REQUESTS
