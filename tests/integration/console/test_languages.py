"""The console in another language: a catalogue that brackets and accents every text shows what goes through gettext.

A text of ours reads ⟦Sávé⟧, a value within it ⟨7⟩. So what is outside of all brackets was forgotten, unless it is data;
and a value that is a sentence without accents was said in English before it was put into another.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from openpyxl import load_workbook

from services.api.log.queries import LogFilter
from services.api.log.use_cases.formats import Dates
from services.api.log.use_cases.pdf import filter_in_words
from services.api.log.use_cases.xlsx import as_xlsx
from shared import language
from shared.database.events import LogEntry, record
from shared.database.tables import RunState
from shared.domain.command import Command, CommandKind
from shared.language import counted, phrase
from shared.worker.context import Context
from tests.integration.api.builders import ADA, SALES, bind, complete_units, make_person, make_plan, make_run
from tests.integration.api.builders import set_state as set_state
from tests.integration.console.browser import Browser
from tests.integration.console.test_pages import PAGES
from tests.support.catalogue import catalogue

pytestmark = pytest.mark.usefixtures("people", "ready")
Open = Callable[..., Browser]
_ACCENTS = str.maketrans("aeiouAEIOUcnsy", "áéíóúÁÉÍÓÚçñšý")
_KEPT = re.compile(r"(%\(\w+\)s|%[sd]|\{[^}]*\}|<[^>]*>|&\w+;|%%)")
_VALUE = re.compile(r"(%\(\w+\)s|\{\w[^}]*\})")
_READ = ("alt", "aria-label", "data-confirm", "placeholder", "title")
# Names, addresses, codes, examples of what is typed, and what is called so in every language.
_DATA = re.compile(
    r"Ada and Alan both have 100\.|This is the first run\.|Alan|servers, user, password, units|tester|is in Sales .*|… is in … .*|[0-9a-f]{8}-[-0-9a-f]*|Rollcall|Mary|mary|Oscar|oscar|Vera|vera|Ada(?: Lovelace)?|Active Directory|Windows|manager|test\b|\S+[@:/=._]\S*|\b[A-Z]{2,}\w*|\b\w+ID\b"
    r"|Excel|Europe/\w+|default|[0-9a-f]{8,}|#\w+|d?d/mm/y+|English|en\b"
)


def pseudo(text: str) -> str:
    """The text in brackets and with accents, its values in brackets of their own; markup as it is."""
    inner = "".join(
        _VALUE.sub(r"⟨\1⟩", part) if index % 2 else part.translate(_ACCENTS)
        for index, part in enumerate(_KEPT.split(text))
    )
    if text == "1,000":
        return "1'000"
    return f"⟦{inner}⟧" if re.search(r"[A-Za-z]", _KEPT.sub("", text)) else inner


def forgotten(text: str) -> Iterator[str]:
    """What of a text of a page is English of ours: outside of all brackets, or a sentence within a value."""
    inside = text
    while inside != (inside := re.sub(r"⟦[^⟦⟧]*⟧", "", inside)):
        pass
    if re.search(r"[a-z]{2,}", _DATA.sub("", inside)):
        yield inside.strip()
    for value in re.findall(r"⟨([^⟨⟩⟦⟧]*)⟩", text):
        if re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", _DATA.sub("", value)):
            yield value


class _Texts(HTMLParser):
    """Each text of a page by itself, with attributes that are read aloud or shown."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0
        # Within a sentence, and what is typed as it is.
        self.feed(re.sub(r"<code>[^<]*</code>|</?(?:strong|time)\b[^>]*>", "", source))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the attributes that people read."""
        self._hidden += tag in ("code", "script", "pre", "textarea")
        self.found += [
            value for name, value in attrs if (name in _READ or name.startswith("data-text-")) and value
        ]

    def handle_endtag(self, tag: str) -> None:
        """Leave what is typed or run."""
        self._hidden -= tag in ("code", "script", "pre", "textarea")

    def handle_data(self, data: str) -> None:
        """Take the text."""
        if not self._hidden:
            self.found.append(data)


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the catalogue of the language ``xx``, made of what the product has."""
    made = Catalog(locale="en")
    for message in catalogue():
        if message.id and isinstance(message.id, str):
            made.add(message.id, pseudo(message.id))
        elif message.id:
            made.add(message.id, tuple(pseudo(form) for form in message.id))
    folder = tmp_path_factory.mktemp("locales")
    with (folder / "xx.po").open("wb") as file:
        write_po(file, made)
    return folder


@pytest.fixture
def vera(catalogues: Path, monkeypatch: pytest.MonkeyPatch, browser: Open) -> Browser:
    """A browser that asks for the language ``xx``."""
    monkeypatch.setattr(language, "FOLDER", catalogues)
    made = browser("mary")
    made.http.headers["Accept-Language"] = "xx-XX, de;q=0.5"
    return made


@pytest.fixture
def full(ready: Context) -> Context:
    """A site whose runs, rows, findings and Log say what the product says."""
    reason = phrase(
        "{name} is in {unit} with number {number} and has no extension in 3CX.",
        name="Ada Lovelace",
        unit=SALES,
        number="100",
    )
    evidence = phrase("Not found in {units}.", units=SALES)
    commands = [
        Command(
            number,
            kind,
            reason,
            number="100",
            person_guid=ADA,
            person_name="Ada Lovelace",
            before={"first_name": "Ada"},
            after={"first_name": "Ada", "enabled": True},
            unit=SALES,
            evidence=evidence,
        )
        for number, kind in enumerate(CommandKind, start=1)
    ]
    first, _ = make_plan(ready, commands)
    complete_units(ready, first, [make_person()])
    bind(ready)
    assert make_run(ready) == 2
    set_state(ready, 2, RunState.FAILED, error_message="It could not be read.", finished_at=datetime.now(UTC))
    with ready.database.begin() as session:
        record(session, "default", LogEntry("run.cancelled", phrase("Run {run_id} was cancelled.", run_id=2)))
    return ready


@pytest.mark.usefixtures("full")
def test_no_page_has_a_text_of_ours_in_english_for_a_browser_that_asks_for_another_language(
    vera: Browser,
) -> None:
    left: dict[str, set[str]] = {}
    for path in PAGES:
        page = vera.get(f"/console{path}")
        assert '<html lang="xx' in page.response.text, path
        # The documentation is written in English, and says so.
        source = re.sub(r'<(li|article)\b[^>]*lang="en".*?</\1>', "", page.response.text, flags=re.DOTALL)
        if path.startswith("/help/"):
            source = re.sub(r"<title>.*?</title>", "", source, flags=re.DOTALL)
        found = {said for text in _Texts(source).found for said in forgotten(text)}
        if found:
            left[path] = found
    assert left == {}


def test_a_sentence_of_a_stored_row_and_the_sentences_within_it_are_shown_in_the_readers_language(
    context: Context, vera: Browser, browser: Open
) -> None:
    inner = phrase("{why_gone}, and the directory gives {number} to {name}. {called} is reassigned.",
        why_gone=phrase("{what} was deleted", what="Alan"), number="100", name="Ada",
        called=phrase("extension {number} ({name})", number="100", name="Alan"),
    )  # fmt: skip
    make_plan(context, [Command(1, CommandKind.UPDATE_EXTENSION, inner, number="100", person_guid=ADA)])
    assert pseudo("{what} was deleted").replace("{what}", "Alan") in (
        page := vera.get("/console/runs/1/plan").text
    )
    assert "⟨Ada⟩. ⟨⟦éxtéñšíóñ ⟨100⟩ (⟨Alan⟩)⟧⟩ íš réáššígñéd." in page
    assert (
        "Alan was deleted, and the directory gives 100 to Ada."
        in browser("oscar").get("/console/runs/1/plan").text
    )


def test_an_entry_of_the_log_is_stored_once_and_read_in_either_language(
    context: Context, vera: Browser, browser: Open
) -> None:
    told = phrase("Run {run} has {more} more findings.", run=7, more=counted(2, "person", "people"))
    with context.database.begin() as session:
        record(
            session, "default",
            LogEntry("finding.more", told),
            LogEntry("run.started", "As an {older} version wrote it."),
        )  # fmt: skip
    assert "⟦Rúñ ⟨7⟩ háš ⟨⟨2⟩ ⟨⟦péóplé⟧⟩⟩ móré fíñdíñgš.⟧" in (page := vera.get("/console/log").text)
    assert "As an {older} version wrote it." in page
    assert "Run 7 has 2 people more findings." in browser("oscar").get("/console/log").text


@pytest.mark.usefixtures("full")
def test_a_file_for_people_is_in_the_language_of_whoever_fetches_it(vera: Browser, browser: Open) -> None:
    for path, heading, cell in (("log", "Date", "Run 2 was cancelled."), ("people", "Name", "")):
        told, english = (
            one.get(f"/console/{path}/export?format=csv").response.text for one in (vera, browser("oscar"))
        )
        assert english.startswith(f"\ufeff{heading},")
        assert cell in english
        assert told.startswith(f"\ufeff{pseudo(heading)},")
        assert cell not in told or not cell
    assert "⟦Rúñ ⟨2⟩ wáš çáñçélléd.⟧" in vera.get("/console/log/export?format=csv").response.text
    assert vera.get("/console/log/export?format=json").response.text.startswith('[\n{"id"')
    with language.spoken("xx"):
        book = load_workbook(BytesIO(b"".join(as_xlsx([[]], Dates(ZoneInfo("UTC"))))))
        assert language.shown(filter_in_words(LogFilter(run_id=7), Dates(ZoneInfo("UTC")))) == "⟨⟦Rúñ⟧⟩: ⟨7⟩"
    assert book.worksheets[0]["A1"].value == pseudo("Date")
    assert book.sheetnames == ["⟦Lóg⟧"]


def test_reasons_that_a_plan_can_be_filtered_by_are_one_for_the_same_sentence_and_in_the_readers_language(
    context: Context, vera: Browser
) -> None:
    make_plan(
        context,
        [
            Command(
                number,
                CommandKind.UPDATE_EXTENSION,
                phrase("{what} was deleted", what=name),
                number=str(100 + number),
                person_guid=ADA,
                person_name=name,
            )
            for number, name in ((1, "Ada"), (2, "Alan"))
        ],
    )
    page = vera.get("/console/runs/1/plan").response.text
    said = pseudo("{what} was deleted").format(what="…")
    assert f'<option value="… was deleted">{said} (2)</option>' in page


def test_numbers_are_grouped_as_the_readers_language_does(
    catalogues: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "FOLDER", catalogues)
    with language.spoken("xx"):
        assert language.shown(counted(12345, "person", "people")) == "⟨12'345⟩ ⟨⟦péóplé⟧⟩"
        assert language.digits(1234567) == "1'234'567"
    assert language.shown(counted(12345, "person", "people")) == "12,345 people"


def test_a_language_chosen_in_the_account_goes_before_the_one_the_browser_asks_for(browser: Open) -> None:
    mary, again = browser("mary"), browser("mary")
    again.http.headers["Accept-Language"] = "de-AT,de;q=0.9,en;q=0.5"
    assert '<html lang="de"' in again.get("/console/").response.text
    assert "Nebenstelle" in again.get("/console/people").response.text
    again.send(again.get("/console/account"), "/account/look", {"language": "en"})
    assert '<html lang="en"' in again.get("/console/").response.text
    page = mary.send(mary.get("/console/account"), "/account/look", {"language": "de"})
    assert "Ihr Konto</h1>" in page.response.text
    runs = mary.get("/console/runs").response
    assert ('<html lang="de"' in runs.text, runs.headers["content-language"]) == (True, "de")
    page = mary.send(page, "/account/look", {"language": "xx"})
    assert '<html lang="en"' in page.response.text
