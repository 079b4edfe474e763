"""Makes the pictures of docs/console.md: ``python -m tests.browser.screenshots``.

A company of the sandbox lives through some days; the pages are taken as its administrator sees them.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import playwright.sync_api as web
from PIL import Image
from sqlalchemy import select

from services.api.access.accounts import add
from services.api.access.sessions import open_session
from services.sandbox.directory import change_company
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import AccountRole, BindingRow, Run, RunKind
from tests.browser.windows import Windows, chromium
from tests.integration.api.conftest import serving
from tests.support import databases
from tests.support.ends import Ends, running_ends
from tests.support.site import Site, embedded_site

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PEOPLE = 180
DAYS = 6
# Width, height and pixels a point: a screen, and a telephone.
SIZES = ((1440, 900, 1.0), (360, 760, 1.5))
_COLOURS = 256
_LARGEST_BYTES = 150_000


def main() -> None:
    """Live through the days and take the pictures."""
    with _company() as (site, ends):
        run_id = _live(site, ends)
        with site.context.database.begin() as session:
            account = add(session, "ada", "Ada Lovelace", AccountRole.MANAGER, "unused", "screenshots")
        token = open_session(site.context, account, "127.0.0.1")
        with chromium() as browser, serving(site.context) as served:
            for width, height, scale in SIZES:
                windows = Windows(browser, str(served.base_url))
                _take_all(windows.open(token, width=width, height=height, scale=scale), site, run_id, width)
                windows.close()
                if windows.mistakes:
                    raise SystemExit("\n".join(windows.mistakes))


@contextmanager
def _company() -> Iterator[tuple[Site, Ends]]:
    options = PhoneSystemOptions(extensions=4, max_extensions=500)
    with (
        tempfile.TemporaryDirectory() as folder,
        databases.session(),
        databases.using(databases.Kind.SQLITE),
        running_ends(PEOPLE, options) as ends,
        embedded_site(Path(folder)) as site,
    ):
        site.configure(
            ends.settings() | {"schedule": {"is_enabled": True, "every_minutes": 15, "mode": "every"}}
        )
        yield site, ends


def _live(site: Site, ends: Ends) -> int:
    """The days pass; the run whose plan waits at the end."""
    site.complete()
    for day in range(DAYS):
        change_company(ends.directory.directory, seed=day)
        site.complete()
        site.complete()
        _a_day_passes(site)
    for seed in range(DAYS, DAYS + 3):
        change_company(ends.directory.directory, seed=seed)
    return site.plan(RunKind.PREVIEW).id


def _a_day_passes(site: Site) -> None:
    """All runs were a day earlier, so that the overview has days to show."""
    moments = (Run.created_at, Run.planned_at, Run.finished_at)
    with site.context.database.begin() as session:
        for run in session.scalars(select(Run)):
            for moment in moments:
                value = getattr(run, moment.key)
                setattr(run, moment.key, value and value - timedelta(days=1))


def _take_all(page: web.Page, site: Site, run_id: int, width: int) -> None:
    with site.context.database.read() as session:
        person = session.scalars(select(BindingRow.person_guid).order_by(BindingRow.number)).first()
    for name, path in (
        ("overview", "/"),
        ("plan", f"/runs/{run_id}/plan"),
        ("run", f"/runs/{run_id - 1}"),
        ("person", f"/people?q={person}"),
        ("log", "/log"),
        ("rules", "/settings/rules"),
        ("wizard", "/wizard/number"),
        ("branding", "/settings/site"),
    ):
        answer = page.goto(f"/console{path}")
        assert answer is not None
        if answer.ok:
            _take(page, name, width)
    page.goto("/console/settings/phone-system")
    page.get_by_role("button", name="Test", exact=True).click()
    page.locator("#answer .message").wait_for()
    _take(page, "settings", width)
    page.emulate_media(color_scheme="dark")
    page.goto("/console/")
    _take(page, "overview-dark", width)


def _take(page: web.Page, name: str, width: int) -> None:
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    file = FOLDER / f"console-{name}-{width}.png"
    picture.save(file, optimize=True)
    if file.stat().st_size > _LARGEST_BYTES:
        picture.quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    if size > _LARGEST_BYTES:
        raise SystemExit(f"{file.name} has {size} bytes, more than {_LARGEST_BYTES}.")
    print(f"{file.name}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
