"""``python -m services.api.help.site FOLDER``: the help as files for a web server, without the console."""

import shutil
import sys
from html import escape
from pathlib import Path

from services.api.help import documents
from services.api.help.contents import TRANSLATED
from services.api.help.documents import Addresses
from shared.distribution import installed_version
from shared.language import ENGLISH, declared, shown, spoken

_STYLE = Path(__file__).parents[1] / "console/static/console.css"
_TITLE = declared("Documentation")
_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title} · Rollcall</title><link rel="stylesheet" href="{above}console.css"></head>
<body><main><p><a href="index.html">Rollcall {version}</a></p><article class="card document">{body}</article></main></body></html>
"""


def write(folder: Path) -> None:
    """Write every page, the contents (``index.html``), the pictures and the style; other languages have folders."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(documents.IMAGES, folder / "images", dirs_exist_ok=True)
    shutil.copy(_STYLE, folder / "console.css")
    _write_edition(folder, ENGLISH, "")
    for language in TRANSLATED:
        (folder / language).mkdir(exist_ok=True)
        with spoken(language):
            _write_edition(folder / language, language, "../")


def _write_edition(folder: Path, language: str, above: str) -> None:
    addresses = Addresses(page="{}.html", image=above + "images/{}")
    titles = {}
    for name in documents.names():
        found = documents.document(name, addresses, language)
        assert found is not None
        titles[name] = found.title
        _write(folder / f"{name}.html", found.language, above, found.title, found.html)
    title = shown(_TITLE)
    _write(folder / "index.html", language, above, title, f"<h1>{escape(title)}</h1>{_contents(titles)}")


def _contents(titles: dict[str, str]) -> str:
    return "".join(
        f"<h2>{escape(shown(subject))}</h2><ul>"
        + "".join(f'<li><a href="{name}.html">{escape(titles[name])}</a></li>' for name in names)
        + "</ul>"
        for subject, names in documents.by_subject()
    )


def _write(file: Path, language: str, above: str, title: str, body: str) -> None:
    text = _PAGE.format(
        language=language, above=above, title=escape(title), version=escape(installed_version()), body=body
    )
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
