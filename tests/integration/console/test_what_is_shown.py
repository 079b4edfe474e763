"""Names, reasons and site names that try to command a terminal or to deceive an approver show as what they are."""

import csv
import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from jinja2 import DictLoader

from services.api.console import rendering
from services.api.log.queries import Entry
from services.api.log.use_cases.formats import as_csv, cells_after_date
from services.cli import output
from services.relay_client.xapi.client import _extension
from shared import logging as our_logging
from shared.database.tables import CommandRow, EventLevel
from shared.process_settings import load
from shared.values.text import clean, mixed_alphabets, visible

# Colours, hidden text, the cursor moved up, the window's title, the eight-bit introducer; turned and invisible text.
ATTACKS = {
    "colour": "Anna \x1b[32mapproved\x1b[0m",
    "hidden": "\x1b[8mAnna\x1b[28m",
    "up": "Anna\x1b[1A\x1b[2K204",
    "title": "\x1b]0;root\x07Anna",
    "eight_bit": "\x9b2JAnna",
    "back": "Anna\b\b\b\bEve",
    "turned": "Anna \u202egreB",
    "isolated": "\u2067Anna\u2069",
    "invisible": "An\u200bna",
    "line": "Anna\u2028Run 7 is done",
    "link": "\x1b]8;;https://evil.example\x1b\\Anna\x1b]8;;\x1b\\",
    "eight_bit_title": "\x9d0;root\x9cAnna",
    "device_control": "\x90q#0\x9cAnna",
}
FORBIDDEN = "\x1b\x07\b\x9b\x9d\x9c\x90\u202e\u2067\u200b\u2028"


def _is_shown(text: str) -> bool:
    # Rollcall's own isolates are what keeps a name to itself.
    return not any(character in text for character in FORBIDDEN) and "Anna" in text.replace("\\u200b", "")


@pytest.mark.parametrize("name", ATTACKS.values(), ids=list(ATTACKS))
def test_a_terminal_is_not_commanded(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.console().print(name, markup=False)
    output.table(name, [name], [[name]])
    output.say(name)
    output.print_json({"name": name, name: [name]})
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert _is_shown(text)


def test_json_for_programs_reads_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    output.print_json(ATTACKS)
    assert json.loads(capsys.readouterr().out) == ATTACKS


def test_colours_of_our_own_still_reach_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    terminal = output._Terminal(file=file, force_terminal=True, color_system="standard")
    terminal.print("[red]bad[/]")
    assert "\x1b[31mbad" in file.getvalue()


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    config = structlog.get_config()
    yield
    root.handlers = before
    root.setLevel(level)
    structlog.configure(**config)


@pytest.mark.parametrize("name", ATTACKS.values(), ids=list(ATTACKS))
@pytest.mark.parametrize("format", ["console", "json"])
def test_a_log_is_neither_commanded_nor_made_up(name: str, format: str, restored_logging: None) -> None:
    stream = io.StringIO()
    our_logging.configure(load({"ROLLCALL_LOG_FORMAT": format}), stream)
    structlog.get_logger("x").warning("finding", name=f"{name}\n2026-01-01 [info] made_up")
    logging.getLogger("y").warning("from a library: %s", name)
    written = stream.getvalue()
    assert not any(character in written for character in FORBIDDEN)
    assert len(written.splitlines()) == 2


@pytest.mark.parametrize("name", ATTACKS.values(), ids=list(ATTACKS))
def test_a_page_shows_an_approver_the_name_there_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = rendering._environment.__wrapped__()
    environment.loader = DictLoader(
        {
            "shown": '<td title="{{ name }}">{{ name }}</td>{% for item in [name] %}<b>{{ item }}</b>{% endfor %}',
            "typed": '<input value="{{ name }}"><textarea>{{ name }}</textarea>',
        }
    )
    assert _is_shown(environment.get_template("shown").render(name=name))
    # What a form holds is sent back as it was typed.
    assert environment.get_template("typed").render(name=name).count(name) == 2


def test_a_page_keeps_right_to_left_to_itself_and_escapes_all_the_same() -> None:
    environment = rendering._environment.__wrapped__()
    environment.loader = DictLoader({"shown": "{{ name }} {{ number }} {{ nothing }}"})
    page = environment.get_template("shown").render(name="עדי <b>", number=204, nothing=None)
    assert page == "\u2068עדי &lt;b&gt;\u2069 204 None"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("\u0410nna Berg", ["\u0410nna: Cyrillic and Latin letters in one word"]),
        ("Anna B\u0435rg", ["B\u0435rg: Cyrillic and Latin letters in one word"]),
        ("\u039fscar", ["\u039fscar: Greek and Latin letters in one word"]),
        ("An\u0578a", ["An\u0578a: Armenian and Latin letters in one word"]),
        ("\u0410\u043d\u043d\u0430 Berg", []),
        ("Zo\u00eb D\u2019Angelo M\u00fcller-L\u00fcdenscheidt 2", []),
        ("\u0141ukasz \u5c0f\u6797 \u05e2\u05d3\u05d9", []),
        (None, []),
    ],
)
def test_letters_of_two_alphabets_in_one_word_are_pointed_out(name: object, told: list[str]) -> None:
    assert mixed_alphabets([name, name]) == told


def test_letters_of_two_alphabets_are_pointed_out_in_plans(capsys: pytest.CaptureFixture[str]) -> None:
    row = CommandRow(
        sequence=1, kind="create_extension", number="204", person_name="Anna Berg", before={},
        after={"first_name": "\u0410nna"}, reason="", state="pending",
    )  # fmt: skip
    output.show_commands([row], 1)
    assert "Cyrillic" in capsys.readouterr().out


def test_marks_heaped_on_a_letter_cover_no_line_beside_it() -> None:
    assert visible("Anna" + "\u0336" * 6) == "Anna" + "\u0336" * 4 + "\\u0336" * 2
    vietnamese = "Nguye\u0302\u0303n"
    assert visible(vietnamese) == vietnamese


def test_what_scripts_put_on_a_page_is_shown_as_the_rest_of_it() -> None:
    given = rendering.shown_to_scripts(
        {"items": [{"number": "204", "name": ATTACKS["turned"]}], "reason": None}
    )
    assert given == {"items": [{"number": "204", "name": "Anna \\u202egreB"}], "reason": None}


def _event(message: str) -> Entry:
    return Entry(
        id=1, sentence=None, occurred_at=datetime.now(UTC), level=EventLevel.INFO.value, code="x.y",
        message=message, actor=message, number=None, run_id=None, person_guid=None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS.values(), ids=list(ATTACKS))
def test_exports_show_what_is_there(name: str) -> None:
    (row,) = list(csv.reader(io.StringIO("".join(as_csv([[_event(name)]])))))[1:]
    # The workbook and the PDF write these.
    for text in ("".join(row), "".join(cells_after_date(_event(name)))):
        assert _is_shown(text)


def _row(**names: Any) -> dict[str, Any]:
    return {
        "Id": 7, "Number": "204", "EmailAddress": "anna@corp.example", "Mobile": "", "Enabled": True, "Groups": [],
        "FirstName": "Anna", "LastName": "Berg", **names,
    }  # fmt: skip


@pytest.mark.parametrize(
    "spelt", ["Anna\u200b", " Anna ", "\u202aAnna\u202c", "Anna\x00", "Anna\ufeff", "An\u00adna"]
)
def test_names_of_3cx_are_cleaned_as_those_of_the_directory(spelt: str) -> None:
    # Compared by the planner, they are equal: nothing is written again and again.
    assert _extension(_row(FirstName=spelt)) == _extension(_row())
    assert clean(spelt) == "Anna"
