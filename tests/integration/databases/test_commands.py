"""`rollcall migrate` and `rollcall doctor` on a real PostgreSQL, and the API's test of a database."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.main import main
from shared.database.migrate import newest_revision
from tests.integration.api.conftest import client, context
from tests.integration.databases.conftest import PASSWORD
from tests.support.postgresql import PostgresServer

__all__ = ["client", "context"]

Run = Callable[..., tuple[int, str]]
NEWEST = newest_revision()
TEST = "/api/v1/database/test"
_names = itertools.count(1)


@pytest.fixture
def rollcall(
    server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command on an empty database that belongs to anna, whose password stands in a file."""
    name = f"commands_{next(_names)}"
    server.execute(f"CREATE DATABASE {name} OWNER anna")
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", f"postgresql://anna@127.0.0.1:{server.port}/{name}")
    monkeypatch.setenv("ROLLCALL_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))

    def _run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["--data", str(tmp_path), *arguments])
        captured = capsys.readouterr()
        assert PASSWORD not in captured.out + captured.err
        return code, " ".join((captured.out + captured.err).split())

    return _run


def test_a_database_is_migrated_once_and_then_serves(rollcall: Run) -> None:
    code, said = rollcall("runs")
    assert (code, "Run `rollcall migrate`" in said) == (1, True), said
    code, said = rollcall("migrate", "--check")
    assert (code, "needs" in said) == (1, True), said
    assert rollcall("migrate") == (0, f"Database schema changed from empty to {NEWEST}.")
    assert rollcall("migrate") == (0, f"The database schema is already {NEWEST}.")
    assert rollcall("migrate", "--check")[0] == 0
    assert rollcall("runs")[0] == 0
    _, said = rollcall("doctor")
    assert "✓ database: The database is reachable" in said
    assert "✓ database options: PostgreSQL" in said


def test_going_back_is_asked_for_and_goes_exactly_so_far(rollcall: Run) -> None:
    rollcall("migrate")
    # There is nobody to answer the question.
    assert rollcall("migrate", "--to", "0001")[0] == 1
    assert rollcall("migrate", "--check")[0] == 0
    assert rollcall("migrate", "--to", "0001", "--yes") == (
        0,
        f"Database schema changed from {NEWEST} to 0001.",
    )
    assert rollcall("migrate", "--to", "base", "--yes") == (
        0,
        "Database schema changed from 0001 to empty.",
    )


def test_a_wrong_password_is_said_by_migrate_and_doctor(rollcall: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong-secret", encoding="utf-8")
    code, said = rollcall("migrate")
    assert code == 1
    assert "(bad_credentials)" in said
    assert "refuses the login of 'anna'" in said
    assert "wrong-secret" not in said
    code, said = rollcall("doctor")
    assert (code, "✗ database: The database" in said) == (1, True)


def test_a_user_without_rights_is_told_before_anything_is_tried(
    rollcall: Run, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", f"postgresql://guest@127.0.0.1:{server.port}/kept")
    code, said = rollcall("migrate")
    assert (code, "(insufficient_rights)" in said, "GRANT CREATE" in said) == (1, True, True), said


def _values(server: PostgresServer, **changes: Any) -> dict[str, Any]:
    values = {
        "kind": "postgresql",
        "host": "127.0.0.1",
        "port": server.port,
        "database": "kept",
        "user": "anna",
    }
    return {"values": values | {"password": PASSWORD} | changes}


def test_the_api_tests_a_database_before_it_is_used(client: httpx.Client, server: PostgresServer) -> None:
    answer = client.post(TEST, json=_values(server))
    found = answer.json()
    assert (answer.status_code, found["product"], found["state"], found["revision"]) == (
        200,
        "PostgreSQL",
        "older",
        None,
    )
    assert found["url"] == f"postgresql+psycopg://anna@127.0.0.1:{server.port}/kept?sslmode=require"
    assert PASSWORD not in answer.text


@pytest.mark.every_database
def test_the_api_tests_the_database_in_use(client: httpx.Client) -> None:
    found = client.post(TEST, json={}).json()
    assert (found["state"], found["revision"], found["warnings"]) == ("current", NEWEST, [])


def test_the_api_says_what_is_wrong_and_what_to_do(client: httpx.Client, server: PostgresServer) -> None:
    problem = client.post(TEST, json=_values(server, database="gone")).json()
    assert (problem["status"], problem["code"]) == (422, "database_missing")
    assert problem["details"] == {"reason": "database_missing"}
    assert "CREATE DATABASE gone" in problem["detail"]
    missing = client.post(
        TEST, json={"values": {"kind": "sqlserver", "host": "h\\i", "database": "d"}}
    ).json()
    assert missing["code"] in ("driver_missing", "address_unknown")


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "127.0.0.1;Driver=/tmp/evil.so"},
        {"host": "/var/run/postgresql"},
        {"host": "a b"},
        {"kind": "sqlite"},
        {"sslkey": "/etc/shadow"},
        {"port": 0},
        {"database": ""},
    ],
)
def test_nothing_but_an_address_can_be_tested(
    client: httpx.Client, server: PostgresServer, changes: dict[str, Any]
) -> None:
    answer = client.post(TEST, json=_values(server, **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert PASSWORD not in answer.text
