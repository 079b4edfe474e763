"""An administrator's first day: test, run, look, approve, run again, explain, read the Log."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import PEOPLE, Ends, Terminal, settings_file


def test_both_ends_are_tested_and_described(configured: Terminal, ends: Ends) -> None:
    answer = configured("test", "--json")
    assert answer.code == 0
    assert sum(unit["people"] for unit in answer.json["directory"]["units"]) == PEOPLE
    assert answer.json["phone-system"]["version"] == ends.phone_system.options.version
    told = configured("test", "phone-system").output
    assert ends.phone_system.options.version in told
    assert "directory" not in told


def test_a_first_run_is_held_approved_in_part_and_then_in_step(configured: Terminal, ends: Ends) -> None:
    held = configured("run", "--wait", "--json")
    assert held.code == 3, held.output
    assert held.json["state"] == "held"
    assert [reason["code"] for reason in held.json["hold_reasons"]] == ["first_run"]
    assert len(ends.phone_system.state.users) == 3

    plan = configured("plan", "1", "--json").json
    assert plan["total"] == PEOPLE
    left_out = plan["commands"][0]
    approved = configured(
        "approve", "1", "--hash", plan["plan_hash"][:12], "--leave-out", "1", "--wait", "--json"
    )
    assert approved.code == 0
    assert approved.json["state"] == "done"
    assert len(ends.phone_system.state.users) == 3 + PEOPLE - 1
    assert left_out["number"] not in ends.phone_system.state.user_by_number

    again = configured("run", "--wait", "--json")
    assert again.code == 0
    assert again.json["counts"] == {"create_extension": 1}
    assert again.json["state"] == "done"

    in_step = configured("run", "--wait", "--json")
    assert in_step.code == 0
    assert in_step.json["state"] == "in_step"
    assert [run["state"] for run in configured("runs", "--json").json] == ["in_step", "done", "done"]


def test_a_preview_changes_nothing_and_exits_well(configured: Terminal, ends: Ends) -> None:
    answer = configured("run", "--preview", "--wait", "--json")
    assert answer.code == 0
    assert answer.json["state"] == "planned"
    assert not ends.phone_system.state.calls
    assert configured("reject", "1", "--reason", "not today").code == 0
    assert configured("runs", "--json").json[0]["state"] == "cancelled"
    assert any("not today" in entry["message"] for entry in configured("log", "--json").json)


def test_an_approval_of_another_plan_is_refused(configured: Terminal, ends: Ends) -> None:
    configured("run", "--wait")
    answer = configured("approve", "1", "--hash", "0" * 64, "--wait")
    assert answer.code == 1
    assert "Nothing was approved" in answer.notes
    assert not ends.phone_system.state.calls


def test_without_a_terminal_the_plan_must_be_named(configured: Terminal) -> None:
    configured("run", "--wait")
    answer = configured("approve", "1")
    assert answer.code == 2
    assert "--hash" in answer.notes


def test_a_run_for_one_person_touches_only_them(configured: Terminal, ends: Ends) -> None:
    configured("run", "--preview", "--wait")
    somebody = ends.company.people()[0]
    login = somebody.text("sAMAccountName") or ""
    answer = configured("run", "--person", login, "--wait", "--json")
    assert answer.json["counts"] == {"create_extension": 1}
    told = configured("explain", login)
    assert told.code == 0
    assert somebody.dn in told.output


def test_the_log_can_be_exported_and_cleared(configured: Terminal, tmp_path: Path) -> None:
    configured("run", "--preview", "--wait")
    entries = configured("log", "--json", "--run", "1").json
    assert {entry["run_id"] for entry in entries} == {1}

    exported = tmp_path / "log.csv"
    assert configured("log", "export", str(exported)).code == 0
    with exported.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["message"] for row in rows[::-1]] == [
        entry["message"] for entry in configured("log", "--json").json
    ]
    assert len(json.loads(configured("log", "export", "--format", "json").output)) == len(rows)
    assert "The command line changed the" in configured("audit", "--kind", "settings").output
    assert "changed the" in configured("audit", "export", "--who", "command").output

    assert configured("log", "clear", "--yes").code == 0
    left = configured("log", "--json").json
    assert [entry["code"] for entry in left] == ["log.cleared"]


def test_tables_show_text_from_the_directory_as_it_is(configured: Terminal, ends: Ends) -> None:
    somebody = ends.company.people()[0]
    ends.company.modify(somebody.dn, {"givenName": "[bold]Ada[/]", "displayName": "[bold]Ada[/] Berg"})
    configured("run", "--preview", "--wait")
    assert "[bold]Ada[/]" in configured("plan", "1", "--all").output


def test_settings_survive_export_and_apply_without_showing_secrets(
    configured: Terminal, ends: Ends, tmp_path: Path
) -> None:
    path = tmp_path / "exported.yaml"
    assert configured("settings", "export", str(path)).code == 0
    text = path.read_text()
    assert ends.directory.password not in text
    assert ends.phone_system.client_secret not in text
    unchanged = configured("settings", "apply", str(path), "--json")
    assert unchanged.json == {"changed": {}}
    path.write_text(text.replace("every_minutes: 15", "every_minutes: 30"))
    assert configured("settings", "apply", str(path), "--json").json == {"changed": {"schedule": 1}}
    # The stored secrets still open both ends.
    assert configured("test").code == 0


def test_the_password_of_another_directory_is_stored_by_its_name(
    configured: Terminal, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ends.settings()["directory"] | {"name": "emea.example", "password": "", "units": []}
    path = settings_file(tmp_path, {"directories": {"others": [other]}})
    assert configured("settings", "apply", str(path)).code == 0
    assert "#   directories.emea.example.password\n" in configured("settings", "export").output
    unknown = configured("settings", "secret", "directories.apac.example.password")
    assert unknown.code == 2
    assert "directories.emea.example.password" in unknown.notes
    assert not configured("test", "directory", "--json").json["directory emea.example"]["ok"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{ends.directory.password}\n"))
    assert configured("settings", "secret", "directories.EMEA.example.password").code == 0
    assert configured("test", "directory", "--json").json["directory emea.example"]["ok"]


def test_the_doctor_finds_only_what_is_missing(configured: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    # On the usual port another test's process may serve just now.
    monkeypatch.setenv("ROLLCALL_API_PORT", "9")
    answer = configured("doctor", "--json")
    assert answer.code == 1
    assert {check["name"] for check in answer.json if not check["ok"]} == {"workers"}


def test_the_doctor_looks_at_both_ends_of_every_site(
    configured: Terminal, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_API_PORT", "9")
    assert configured("site", "create", "oslo").code == 0
    changed = ends.settings(
        directory={"servers": ["127.0.0.1:9"]}, phone_system={"client_secret": "horse-battery"}
    )
    file = str(settings_file(tmp_path, changed))
    assert configured("settings", "apply", file, "--site", "oslo").code == 0
    checks = {check["name"]: check for check in configured("doctor", "--json").json}
    assert (
        f"{PEOPLE} people in {len(ends.directory.units)} organizational units"
        in checks["directory of default"]["message"]
    )
    assert "3 of the licence's 100,000 extensions are in use" in checks["phone system of default"]["message"]
    assert "127.0.0.1:9: the connection was refused" in checks["directory of oslo"]["message"]
    assert "Integrations > API" in checks["phone system of oslo"]["message"]
    assert {name for name, check in checks.items() if check["ok"] and name.endswith("oslo")} == {
        "settings of oslo"
    }
    assert "horse-battery" not in str(checks)

    only = configured("doctor", "--site", "oslo")
    assert "phone system of oslo" in only.output
    assert "phone system of default" not in only.output
    assert configured("doctor", "--site", "nowhere").code == 1


def test_the_doctor_advises_where_it_works_but_not_for_ever(
    configured: Terminal, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_API_PORT", "9")
    changed = ends.settings(directory={"servers": ["127.0.0.1:9", *ends.settings()["directory"]["servers"]]})
    assert configured("settings", "apply", str(settings_file(tmp_path, changed))).code == 0
    said = configured("doctor").output
    assert "✓ directory of default" in said
    assert "  ! Domain controller 127.0.0.1:9: the connection was refused" in said


def test_an_expression_is_tried_before_it_is_saved(configured: Terminal) -> None:
    expression = 'replace(telephoneNumber, "2", "3")'
    tried = configured("mapping", "try", "number", expression)
    assert tried.code == 0, tried.output
    assert "telephoneNumber: " in tried.output
    found = configured("mapping", "try", "number", expression, "--json").json
    assert found["people"] == len(found["rows"]) > 0
    wrong = configured("mapping", "try", "number", "lst(ipPhone, 2)")
    assert wrong.code == 2
    assert "There is no function 'lst'. Did you mean 'last'?\nlst(ipPhone, 2)\n^" in wrong.notes
    assert configured("settings", "show").output.count(expression) == 0


def test_tokens_are_shown_once(configured: Terminal) -> None:
    token = configured("token", "create", "monitoring").output.strip()
    assert token.startswith("rc_")
    assert token not in configured("token", "list", "--json").output
    assert configured("token", "create", "monitoring").code == 1
    assert configured("token", "create", "wall", "--role", "viewer", "--site", "default").code == 0
    listed = configured("token", "list", "--json").json
    assert [(item["role"], item["site_id"]) for item in listed] == [("manager", None), ("viewer", "default")]
    assert configured("token", "revoke", "1").code == 0
    assert configured("token", "list", "--json").json[0]["revoked_at"]
