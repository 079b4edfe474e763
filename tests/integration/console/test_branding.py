"""How the console looks: chosen by managers, seen by everybody, and never a way for a file to do harm."""

import io
import re
import struct
import zlib

import httpx
import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import select

from services.api.branding.use_cases import logos
from services.api.branding.use_cases.pictures import MAX_FILE_BYTES
from services.api.settings.queries.history import values_of
from services.api.settings.use_cases.sections import apply_settings
from services.api.web.bodies import MAX_UPLOAD_BYTES
from shared.database.tables import Asset, AuditEntry
from shared.errors import Conflict
from shared.settings.documents import BrandingSettings, Section
from shared.worker.context import Context
from tests.integration.console.browser import Browser, Page
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people")

SITE = "/console/settings/site"
SECRET_NOTE = b"taken at 48.1 north"


def _picture(format: str = "PNG", size: tuple[int, int] = (64, 32), colour: str = "#ff0000") -> bytes:
    written = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", SECRET_NOTE.decode())
    extra = {"pnginfo": notes} if format == "PNG" else {"comment": SECRET_NOTE} if format == "JPEG" else {}
    Image.new("RGB", size, colour).save(written, format, **extra)
    return written.getvalue() + b"<script>alert(1)</script>"


def _save(browser: Browser, upload: bytes = b"", name: str = "logo.png", **changes: str) -> Page:
    filled = browser.get(SITE).form("/site").filled(dict(changes))
    files = {"upload": (name, upload, "image/png")}
    return Page(browser.http.post(SITE, data=filled | {"action": ["save"]}, files=files))


def _branding(context: Context) -> BrandingSettings:
    return context.site_settings("default").settings.branding


def test_colours_and_title_are_seen_by_everybody_on_the_sign_in_page_too(
    context: Context, browser: Open
) -> None:
    page = _save(
        browser("mary"),
        title_prefix=" Example  Corp ",
        header_top="#FFE000",
        header_bottom="#ffd000",
        grid="#003366",
    )
    assert "Saved" in page.text
    assert page.mistakes == []
    assert _branding(context).header_top == "#ffe000"
    nobody = browser()
    page = nobody.get("/console/sign-in")
    assert "Example Corp Rollcall" in page.text
    [address] = [one for one in page.loaded if "branding.css" in one]
    sheet = nobody.http.get(address)
    assert "immutable" in sheet.headers["Cache-Control"]
    assert sheet.headers["Content-Type"].startswith("text/css")
    # Black is what can be read on yellow, white on dark blue.
    assert "--header-top: #ffe000; --header-bottom: #ffd000; --header-text: #000000" in sheet.text
    assert "--grid: #003366; --grid-text: #ffffff" in sheet.text


def test_a_browser_that_has_the_style_sheet_is_not_sent_it_again(context: Context, browser: Open) -> None:
    apply_settings(context, "default", {"branding": {"grid": "#003366"}}, "test")
    http = browser().http
    first = http.get("/console/branding.css?v=of-before")
    assert first.headers["Cache-Control"] == "no-cache"
    again = http.get("/console/branding.css?v=of-before", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    apply_settings(context, "default", {"branding": {"grid": "#003367"}}, "test")
    changed = http.get("/console/branding.css?v=of-before", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_shown_as_a_png_of_our_own_without_what_the_file_hid(
    context: Context, browser: Open, format: str
) -> None:
    page = _save(browser("mary"), _picture(format, (3000, 600)), "shell.php")
    assert "Saved" in page.text
    name = _branding(context).logo
    page = browser().get("/console/sign-in")
    assert f"/console/branding/logo/{name}" in page.loaded
    answer = browser().http.get(f"/console/branding/logo/{name}")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    with Image.open(io.BytesIO(answer.content)) as shown:
        assert (shown.format, shown.size) == ("PNG", (480, 96))
        assert shown.info == {}
    assert SECRET_NOTE not in answer.content
    assert b"script" not in answer.content
    with context.database.read() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-2:] == ["logo.uploaded", "settings.changed"]


def test_logos_are_listed_with_name_and_picture_and_deleted_unless_in_use(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    _save(mary, _picture(), "C:\\logos\\Winter look.png")
    first = _branding(context).logo
    page = _save(mary, _picture(colour="#00ff00"), "summer.webp")
    second = _branding(context).logo
    assert [logo.title for logo in logos.list_logos(context, "default")] == ["summer", "Winter look"]
    assert "Winter look 64 × 32" in page.text
    assert f"/console/branding/logo/{first}" in page.loaded
    page = mary.send(page, "/site", {}, ("action", f"delete-logo:{second}"))
    assert page.status == 422
    assert "This logo is in use" in page.text
    page = mary.send(page, "/site", {}, ("action", f"delete-logo:{first}"))
    assert [logo.name for logo in logos.list_logos(context, "default")] == [second]
    assert mary.http.get(f"/console/branding/logo/{first}").status_code == 404
    with context.database.read() as session:
        assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()[-1] == "logo.deleted"


def test_support_contacts_are_shown_on_support_to_everybody_and_survive_a_reset(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    assert "Add support contacts" in mary.get("/console/support").text
    page = _save(mary, support_website="javascript:alert(1)", support_email="nobody")
    assert page.status == 422
    assert "Enter an e-mail address" in page.text
    assert "Enter the address of a website" in page.text
    _save(
        mary,
        support_name="Example Telecom",
        support_phone="+1 801 555 0100",
        support_email="help@example.com",
        support_website="help.example.com/rollcall",
        title_prefix="Example",
    )
    mary.send(mary.get(SITE), "/site", {}, ("action", "reset"))
    assert _branding(context).title_prefix == ""
    page = browser("vera").get("/console/support")
    assert page.mistakes == []
    assert "Example Telecom" in page.text
    assert {"tel:+18015550100", "mailto:help@example.com", "https://help.example.com/rollcall"} <= {
        *page.links
    }


def _bomb() -> bytes:
    """A small file of a black picture of 20,000 by 20,000 pixels, made without having it in memory."""
    packing = zlib.compressobj(1)
    rows = [packing.compress(bytes(200 * (1 + 20_000 // 8))) for _rows in range(100)]
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)),
        (b"IDAT", b"".join(rows) + packing.flush()),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "SVG is not allowed"),
        (b"GIF89a" + b"\0" * 100, "not a PNG, JPEG or WebP"),
        (b"%PDF-1.7", "not a PNG, JPEG or WebP"),
        (_picture("PNG", (400, 400))[:120], "damaged or incomplete"),
        (_picture("JPEG")[:300], "damaged or incomplete"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * MAX_FILE_BYTES, "at most 2 MB"),
        (_bomb(), "at most 10 million pixels"),
    ],
    ids=["svg", "gif", "pdf", "cut png", "cut jpeg", "too large", "bomb"],
)
def test_what_is_no_picture_is_refused_at_its_field(
    context: Context, browser: Open, content: bytes, said: str
) -> None:
    page = _save(browser("mary"), content, title_prefix="Kept")
    assert page.status == 422
    assert said in page.text
    assert page.fields["upload"]["aria-invalid"] == "true"
    # What was filled in beside it is still there, and nothing is saved.
    assert page.fields["title_prefix"]["value"] == "Kept"
    assert _branding(context) == BrandingSettings()
    with context.database.read() as session:
        assert session.scalars(select(Asset)).all() == []


def test_a_body_that_no_picture_needs_is_not_read_to_its_end(browser: Open) -> None:
    answer = browser("mary").http.post(SITE, files={"upload": ("x.png", b"x" * (MAX_UPLOAD_BYTES + 1))})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "value", ["red", "#12345", "#1234567", "url(//evil.test)", "#000;} body{display:none"]
)
def test_a_colour_that_is_none_is_refused_at_its_field(context: Context, browser: Open, value: str) -> None:
    page = _save(browser("mary"), header_top=value)
    assert page.status == 422
    assert "A colour is written #rrggbb" in page.text
    assert page.fields["header_top"]["aria-invalid"] == "true"
    assert _branding(context) == BrandingSettings()


def test_a_header_that_nobody_can_read_is_warned_of_and_not_forbidden(browser: Open) -> None:
    mary = browser("mary")
    hidden = re.compile(r'id="contrast"[^>]* hidden>')
    assert hidden.search(mary.get(SITE).response.text)
    page = _save(mary, header_top="#ffffff", header_bottom="#000000")
    assert "Saved" in page.text
    assert not hidden.search(page.response.text)
    assert "only 1.0 to 1" in page.text


def test_the_standard_look_comes_back_with_one_button_and_every_version_with_its_logo(
    context: Context, browser: Open
) -> None:
    mary = browser("mary")
    _save(mary, _picture(), title_prefix="Example")
    chosen = _branding(context)
    page = mary.send(mary.get(SITE), "/site", button=("action", "reset"))
    assert "Saved" in page.text
    assert _branding(context) == BrandingSettings()
    assert not [one for one in browser().get("/console/sign-in").loaded if "branding" in one]
    page = mary.get(f"{SITE}/history")
    mary.send(page, "/restore", button=("version", "1"))
    assert _branding(context) == chosen
    assert mary.http.get(f"/console/branding/logo/{chosen.logo}").status_code == 200
    # A version whose picture is gone would show none.
    mary.send(mary.get(SITE), "/site", button=("action", "reset"))
    logos.remove_logo(context, "default", str(chosen.logo), "test")
    with pytest.raises(Conflict, match="shows a logo that was deleted"):
        values_of(context, "default", Section.BRANDING, 1)
    assert _branding(context) == BrandingSettings()


def test_of_many_pictures_the_oldest_go_but_never_the_one_shown(context: Context) -> None:
    names = [
        logos.add_logo(context, "default", _picture(colour=f"#0000{number:02x}"), "test")
        for number in range(logos.KEPT)
    ]
    apply_settings(context, "default", {"branding": {"logo": names[0]}}, "test")
    for number in (1, 2):
        names.append(logos.add_logo(context, "default", _picture(colour=f"#00{number:02x}00"), "test"))
    kept = {logo.name for logo in logos.list_logos(context, "default")}
    assert kept == {names[0], *names[2:]}
    # The same picture is there once.
    assert logos.add_logo(context, "default", _picture(colour="#000200"), "test") == names[-1]
    assert {logo.name for logo in logos.list_logos(context, "default")} == kept


@pytest.mark.parametrize("name", ["oscar", "vera"])
def test_only_managers_change_the_look(context: Context, browser: Open, name: str) -> None:
    somebody = browser(name)
    page = somebody.get(SITE)
    assert page.form("/site").buttons == []
    token = dict(page.form("/site").values)["form_token"]
    answer: httpx.Response = somebody.http.post(
        SITE, data={"form_token": token, "title_prefix": "Mine"}, files={"upload": ("x.png", _picture())}
    )
    assert answer.status_code == 403
    assert _branding(context) == BrandingSettings()
    with context.database.read() as session:
        assert session.scalars(select(Asset)).all() == []


def test_a_form_with_a_file_needs_our_token_too(context: Context, browser: Open) -> None:
    answer = browser("mary").http.post(SITE, data={"title_prefix": "Theirs"}, files={"upload": ("x", b"x")})
    assert answer.status_code == 403
    assert "form" in answer.text
    assert _branding(context) == BrandingSettings()


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fconsole.css", "0" * 12])
def test_a_picture_that_is_not_there_is_not_found(browser: Open, name: str) -> None:
    assert browser().http.get(f"/console/branding/logo/{name}").status_code == 404
