"""The console in another language: a catalogue of accented letters shows what goes through gettext, and what does not."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from shared import language
from shared.database.events import LogEntry, record
from shared.language import counted, phrase
from shared.worker.context import Context
from tests.integration.api.builders import make_plan
from tests.integration.api.conftest import SITE
from tests.integration.console.browser import Browser, Page
from tests.support.catalogue import catalogue

pytestmark = pytest.mark.usefixtures("people", "ready")
Open = Callable[..., Browser]
_ACCENTS = str.maketrans("aeiouAEIOUcnsy", "áéíóúÁÉÍÓÚçñšý")
_KEPT = re.compile(r"(%\(\w+\)s|%[sd]|\{[^}]*\}|<[^>]*>|&\w+;)")


def accented(text: str) -> str:
    """The text with accents, its parameters and markup as they were."""
    return "".join(
        part if index % 2 else part.translate(_ACCENTS) for index, part in enumerate(_KEPT.split(text))
    )


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the catalogue of the language ``xx``, made of what the product has."""
    made = Catalog(locale="en")
    for message in catalogue():
        if message.id and isinstance(message.id, str):
            made.add(message.id, accented(message.id))
        elif message.id:
            made.add(message.id, tuple(accented(form) for form in message.id))
    folder = tmp_path_factory.mktemp("locales")
    (folder / "xx/LC_MESSAGES").mkdir(parents=True)
    with (folder / "xx/LC_MESSAGES/rollcall.mo").open("wb") as file:
        write_mo(file, made)
    return folder


@pytest.fixture
def vera(catalogues: Path, monkeypatch: pytest.MonkeyPatch, browser: Open) -> Browser:
    """A browser that asks for the language ``xx``."""
    monkeypatch.setattr(language, "FOLDER", catalogues)
    made = browser("mary")
    made.http.headers["Accept-Language"] = "xx-XX, de;q=0.5"
    return made


def _untranslated(page: Page) -> set[str]:
    """Lines of a page with a word of ours: accents leave none of its vowels."""
    lines = {line.strip() for line in page.text.splitlines()}
    return {line for line in lines if re.search(r"[A-Za-z]*[aeiou][a-z]+", line)}


# What is data: names, what a program is called, codes, and what the rows of this plan were stored with.
_DATA = re.compile(
    r"Rollcall|Mary mary manager|Ada Lovelace|Sales is missing\.|Sales|Excel|(?:settings|run)\.\w+ · test|(?:full|demand|directory|phone system)"
    r"|servers, user, password, units|base_url, client_id, client_secret|Ada and Alan both have 100\.|Ada is new\."
    r"|This is the first run\.|Ada's mobile\.|Alan left\."
)


@pytest.mark.parametrize(
    "path", ["/console/", "/console/runs/1/plan", "/console/settings/schedule", "/console/log"]
)
def test_a_page_has_nothing_of_ours_in_english_for_a_browser_that_asks_for_another_language(
    context: Context, vera: Browser, path: str
) -> None:
    make_plan(context)
    page = vera.get(path)
    assert '<html lang="xx' in page.response.text
    assert {line for line in _untranslated(page) if re.search(r"[aeiou][a-z]+", _DATA.sub("", line))} == set()


def test_a_label_its_help_and_a_row_of_a_plan_are_translated_with_their_values(
    context: Context, vera: Browser
) -> None:
    make_plan(context)
    settings = vera.get("/console/settings/schedule").text
    assert accented("Run automatically") in settings
    assert accented("If off, use Run now.") in settings
    plan = vera.get("/console/runs/1/plan").text
    assert f"{accented('Plan of')} {accented('run')} 1" in plan
    assert accented("Create department") in plan
    row = vera.get("/console/runs/1/plan/row?row=2").text
    assert f"{accented('Row')} 1" in row


def test_an_entry_of_the_log_is_stored_once_and_read_in_either_language(
    context: Context, vera: Browser, browser: Open
) -> None:
    told = phrase("Run {run} has {more} more findings.", run=7, more=counted(2, "person", "people"))
    with context.database.begin() as session:
        record(
            session,
            SITE,
            LogEntry("finding.more", told),
            LogEntry("run.started", "As an {older} version wrote it."),
        )
    assert f"{accented('Run')} 7 {accented('has')} 2 {accented('people')} {accented('more findings')}." in (
        page := vera.get("/console/log").text
    )
    assert "As an {older} version wrote it." in page
    assert "Run 7 has 2 people more findings." in browser("oscar").get("/console/log").text
