"""``rollcall import-settings``: the form, what it shows before it saves, and that a wrong value saves nothing."""

import io
from pathlib import Path

import pytest

from services.api.settings.use_cases.sections import read_section
from services.cli.deployment import open_deployment
from shared.process_settings import load
from shared.settings.documents import Section
from tests.integration.cli.conftest import Terminal

HEAD = "screen,field,value\n"


def _form(tmp_path: Path, text: str) -> str:
    file = tmp_path / "settings.csv"
    file.write_text(HEAD + text, encoding="utf-8")
    return str(file)


def test_a_filled_form_is_shown_and_saved(rollcall: Terminal, tmp_path: Path) -> None:
    printed = rollcall("import-settings", "--form").output
    assert printed.startswith("screen,field,value,example\nActive Directory,Domain,")
    rows = "Settings,Add Missing Extensions,no\nExclude Extensions,Filter Text,Lobby\nExtension Update Schedule,Minutes,1\n"
    file = _form(tmp_path, rows)
    done = rollcall("import-settings", file, "--yes")
    assert done.code == 0
    assert "rules.add_missing: yes → no" in done.output
    assert "rules.exclusions: none → contains, Lobby" in done.output
    assert "schedule.every_minutes: 15 → 1\n" in done.output
    assert "add_missing: false" in rollcall("settings", "export").output
    assert "No changes" in rollcall("import-settings", file, "--yes").notes


def test_with_one_wrong_value_nothing_is_saved(rollcall: Terminal, tmp_path: Path) -> None:
    before = rollcall("settings", "export").output
    # The second is a number, and refused by the settings themselves.
    for wrong in ("Settings,Create Missing Group,perhaps\n", "Extension Update Schedule,Minutes,99999\n"):
        refused = rollcall(
            "import-settings", _form(tmp_path, f"Settings,Add Missing Extensions,no\n{wrong}"), "--yes"
        )
        assert refused.code == 2
        assert rollcall("settings", "export").output == before


def test_passwords_are_asked_for_and_saving_is_confirmed(
    rollcall: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Active Directory,Domain,corp.example\nActive Directory,Username,svc@corp.example\n"
    file = _form(tmp_path, text)
    for answer, code, stored in (("n", 1, None), ("y", 0, "set")):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"hunter2-of-the-domain\n{answer}\n"))
        asked = rollcall("import-settings", file)
        assert asked.code == code, asked
        assert "hunter2" not in asked.output + asked.notes
        context = open_deployment(load({}, data=rollcall.data))
        values, _ = read_section(context, "default", Section.DIRECTORY)
        context.database.close()
        assert (values["password"], bool(values["user"])) == (stored, stored is not None)
