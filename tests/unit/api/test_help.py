"""The help: every page of docs/ is in it, its links lead somewhere, and a search finds what people type."""

import re
from pathlib import Path

import pytest

from services.api.help import documents, pages, site
from services.api.help.contents import FOR_DEVELOPERS, OTHERS, SUBJECTS, placed
from services.api.help.searching import search

ROOT = Path(__file__).parents[3]
KNOWN = {document.name: document for document in pages.all_documents()}
GERMAN = {document.name: document for document in pages.all_documents("de")}


def test_every_page_of_the_documentation_is_in_the_contents() -> None:
    written = {file.stem for file in (ROOT / "docs").glob("*.md")}
    assert {*documents.names()} == written - {*FOR_DEVELOPERS}
    assert {name for _, names in SUBJECTS for name in names} <= written


def test_a_page_without_a_subject_comes_last_and_those_for_developers_never() -> None:
    (subject, names) = SUBJECTS[0]
    assert placed(["new", names[1], "style", "another"]) == [
        (subject, [names[1]]),
        (OTHERS, ["another", "new"]),
    ]


@pytest.mark.parametrize("name", documents.names())
@pytest.mark.parametrize("there", [KNOWN, GERMAN], ids=["en", "de"])
def test_a_page_links_to_headings_and_pictures_that_exist(
    name: str, there: dict[str, documents.Document]
) -> None:
    html = there[name].html
    anchors = {page: set(re.findall(r' id="([^"]+)"', found.html)) for page, found in there.items()}
    for target in re.findall(r'href="([^"]+)"', html):
        if not target.startswith("https://"):
            page, _, anchor = target.removeprefix("/console/help/").partition("#")
            assert not anchor or anchor in anchors[page or name], target
    for picture in re.findall(r'src="/console/help/images/([^"]+)"', html):
        assert (documents.IMAGES / picture).is_file(), picture
    # What is only in a checkout is not offered.
    assert 'href="..' not in html
    assert "<img" not in html or 'src="images' not in html


@pytest.mark.parametrize(
    ("words", "page", "heading"),
    [
        ("certificate_rejected", "troubleshooting", ""),
        ("removal_scope", "settings", "rules"),
        ("forgotten password", "faq", "I have forgotten the password of the console."),
        ("DEBIAN package", "install", "The Debian package"),
    ],
)
def test_a_search_finds_what_people_type(words: str, page: str, heading: str) -> None:
    found = search(KNOWN.values(), words)
    assert [hit for hit in found if hit.page == page and hit.heading in (heading or hit.heading)]
    assert all(word.casefold() in _text(hit.page).casefold() for hit in found for word in words.split())


def test_a_page_is_german_where_there_is_one_and_english_otherwise() -> None:
    assert GERMAN["faq"].language == "de"
    assert GERMAN["rules"] == KNOWN["rules"]
    (hit, *_) = search(GERMAN.values(), "mehrere standorte")
    assert (hit.page, hit.anchor, hit.language) == ("console", "several-sites", "de")


def test_a_language_without_pages_is_no_folder_of_the_documentation() -> None:
    assert documents.document("faq", pages.ADDRESSES, "images") == KNOWN["faq"]
    assert documents.document("faq", pages.ADDRESSES, "../docs/de") == KNOWN["faq"]


def _text(page: str) -> str:
    return (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")


def test_a_heading_with_all_words_comes_first_and_no_words_find_nothing() -> None:
    assert search(KNOWN.values(), "debian package")[0].heading == "The Debian package"
    assert search(KNOWN.values(), "  ") == []
    assert search(KNOWN.values(), "nothing-is-called-so") == []


def test_every_error_is_found_by_its_code_with_its_row() -> None:
    codes = re.findall(r"^\| `([a-z_]+)` \|", _text("troubleshooting"), re.MULTILINE)
    assert len(codes) > 50
    for code in codes:
        hits = [hit for hit in search(KNOWN.values(), code) if hit.page == "troubleshooting"]
        assert any(hit.excerpt.startswith(code) for hit in hits), code


def test_raw_html_of_a_page_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faq.md").write_text("# A <script>alert(1)</script>\n\n<img onerror=x>\n", encoding="utf-8")
    monkeypatch.setattr(documents, "FOLDER", tmp_path)
    made = documents.document("faq", documents.Addresses(page="only-here/{}", image="{}"))
    assert made is not None
    assert "<script" not in made.html
    assert "<img" not in made.html


def test_the_site_has_a_file_for_every_page_and_its_links_stay_in_it(tmp_path: Path) -> None:
    site.write(tmp_path)
    for folder in (tmp_path, tmp_path / "de"):
        assert {file.stem for file in folder.glob("*.html")} == {"index", *documents.names()}
    for file in tmp_path.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#]+)', file.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (file.parent / target).is_file(), f"{file}: {target}"
    assert '<html lang="de">' in (tmp_path / "de/faq.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in (tmp_path / "de/rules.html").read_text(encoding="utf-8")
