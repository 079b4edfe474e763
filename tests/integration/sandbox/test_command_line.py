"""The stand-ins as processes of their own, as people and other programs start them."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import ldap3
import pytest

from services.sandbox.directory import build_company
from tests.integration.sandbox.ldap_client import connect
from tests.integration.sandbox.twins import entries

PHONE_SYSTEM, DIRECTORY = "phone-system", "directory"


@contextmanager
def _running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process and the line it says when it is ready."""
    command = [sys.executable, "-m", "services.sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def _refused(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "services.sandbox", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _end(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str]:
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output + errors


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_phone_system_says_where_it_is_serves_and_ends_when_told(how: signal.Signals) -> None:
    options = ("--extensions", "3", "--first-number", "500", "--client-secret", "s3", "--expires-in", "60")
    with _running(PHONE_SYSTEM, *options) as (process, ready):
        assert ready["pid"] == process.pid
        with httpx.Client(base_url=ready["base_url"], verify=False) as client:
            form = {
                "client_id": ready["client_id"],
                "client_secret": "s3",
                "grant_type": "client_credentials",
            }
            token = client.post("/connect/token", data=form).json()
            assert token["expires_in"] == 60
            headers = {"Authorization": f"Bearer {token['access_token']}"}
            rows = client.get("/xapi/v1/Users?$select=Number", headers=headers).json()["value"]
            assert [row["Number"] for row in rows] == ["500", "501", "502"]
            # The connection is still open: it must not hold up the end.
            assert _end(process, how) == (0, "")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_directory_says_where_it_is_serves_and_ends_when_told(how: signal.Signals) -> None:
    with _running(DIRECTORY, "--people", "12", "--seed", "3") as (process, ready):
        assert ready["pid"] == process.pid
        assert ready["units"] == build_company(12, 3).units
        assert "BEGIN CERTIFICATE" in ready["ca_certificate"]
        with connect(
            ready["url"], ready["user"], ready["password"], ca=ready["ca_certificate"]
        ) as connection:
            connection.search(
                ready["base_dn"], "(&(objectCategory=person)(objectClass=user)(mail=*))", ldap3.SUBTREE
            )
            assert len(entries(connection.response)) == 12
            assert _end(process, how) == (0, "")


def test_a_plain_directory_takes_plain_binds() -> None:
    with (
        _running(DIRECTORY, "--people", "4", "--plain", "--host", "localhost") as (_process, ready),
        connect(ready["url"], ready["user"], ready["password"]) as connection,
    ):
        assert ready["url"].startswith("ldap://localhost:")
        assert connection.bound


@pytest.mark.parametrize("which", [PHONE_SYSTEM, DIRECTORY])
def test_a_port_that_is_taken_gives_one_sentence(which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output, errors = _refused(which, "--port", str(port))
    assert (code, output) == (2, "")
    assert errors == (
        f"127.0.0.1:{port} cannot be listened on (Address already in use). Choose another --port or --host.\n"
    )


@pytest.mark.parametrize("which", [PHONE_SYSTEM, DIRECTORY])
def test_a_host_that_is_not_ours_gives_one_sentence(which: str) -> None:
    code, output, errors = _refused(which, "--host", "192.0.2.1")
    assert (code, output) == (2, "")
    assert errors.startswith("192.0.2.1:0 cannot be listened on (")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "WHICH"),
        (("fax",), "invalid choice: 'fax'"),
        ((PHONE_SYSTEM, "--port", "99999"), "'99999' is no whole number from 0 to 65535"),
        ((PHONE_SYSTEM, "--extensions", "-1"), "'-1' is no whole number"),
        ((PHONE_SYSTEM, "--extensions", "5", "--max-extensions", "4"), "The licence allows 4 extensions."),
        ((PHONE_SYSTEM, "--role", "boss"), "invalid choice: 'boss'"),
        ((DIRECTORY, "--people", "many"), "'many' is no whole number"),
    ],
)
def test_wrong_use_is_said_in_words(arguments: tuple[str, ...], said: str) -> None:
    code, output, errors = _refused(*arguments)
    assert (code, output) == (2, "")
    assert said in errors
    assert "Traceback" not in errors
