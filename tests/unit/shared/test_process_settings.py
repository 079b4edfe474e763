"""The environment: read once, unknown names refused, secrets from files."""

from pathlib import Path

import pytest

from shared import encryption
from shared.encryption import new_key
from shared.errors import SettingsInvalid
from shared.process_settings import load


def test_without_any_setting_everything_runs_in_one_process() -> None:
    settings = load({})
    assert settings.is_embedded
    assert settings.effective_database_url.endswith("data/rollcall.db")


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsInvalid, match="Did you mean ROLLCALL_API_PORT"):
        load({"ROLLCALL_API_PROT": "1"})


def test_names_of_others_are_left_alone() -> None:
    assert load({"PATH": "/bin", "ROLL": "x"}).is_embedded


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    key = new_key()
    (tmp_path / "key").write_text(key + "\n")
    settings = load({"ROLLCALL_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == key


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="absent"):
        load({"ROLLCALL_SECRET_KEY_FILE": str(tmp_path / "absent")})


def test_a_real_broker_needs_a_shared_key_and_a_result_backend(tmp_path: Path) -> None:
    without_key = {
        "ROLLCALL_BROKER_URL": "redis://localhost",
        "ROLLCALL_RESULT_BACKEND_URL": "redis://localhost",
    }
    with pytest.raises(SettingsInvalid, match="ROLLCALL_SECRET_KEY"):
        encryption.load(load(without_key | {"ROLLCALL_DATA": str(tmp_path)}))
    # Flower, and whoever makes the first key, need none.
    assert load(without_key).secret_key is None
    with pytest.raises(SettingsInvalid, match="ROLLCALL_RESULT_BACKEND_URL"):
        load({"ROLLCALL_BROKER_URL": "redis://localhost", "ROLLCALL_SECRET_KEY": new_key()})


def test_every_wrong_value_is_named_and_no_secret_is_repeated() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load({"ROLLCALL_API_PORT": "ninety", "ROLLCALL_LEASE_SECONDS": "-1"})
    assert "ROLLCALL_API_PORT" in refused.value.message
    assert "ROLLCALL_LEASE_SECONDS" in refused.value.message


def test_the_databases_password_stands_apart_from_its_url() -> None:
    url = "postgresql://rollcall@db.example/rollcall"
    made = load({"ROLLCALL_DATABASE_URL": url, "ROLLCALL_DATABASE_PASSWORD": "p@ss:/%"})
    assert made.effective_database_url == "postgresql+psycopg://rollcall:p%40ss%3A%2F%25@db.example/rollcall"
    assert "p@ss" not in repr(made)


def test_a_password_in_the_url_stays_and_none_is_none() -> None:
    kept = load({"ROLLCALL_DATABASE_URL": "postgresql://u:a@db/r", "ROLLCALL_DATABASE_PASSWORD": "b"})
    assert kept.effective_database_url == "postgresql+psycopg://u:a@db/r"
    none = load({"ROLLCALL_DATABASE_URL": "mssql://HOST%5CSQLExpress/r", "ROLLCALL_DATABASE_PASSWORD": ""})
    assert none.effective_database_url == "mssql+pyodbc://HOST%5CSQLExpress/r"
