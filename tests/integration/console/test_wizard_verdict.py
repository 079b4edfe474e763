"""The wizard's defaults on ten kinds of directories, each a site of its own: the overview never says that all is well
when somebody who should have an extension has none.
"""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from services.api.settings.use_cases.sections import apply_settings
from services.api.sites.use_cases.removal import remove_site
from services.api.sites.use_cases.sites import create_site
from services.cli.deployment import workers
from services.sandbox.directory.directory import Directory
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database.tables import Run, RunState
from shared.worker.context import Context
from tests.integration.console.browser import Browser
from tests.integration.console.conftest import Open
from tests.support.ends import Ends, running_ends
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("people")
PEOPLE = 4
_GOOD = "Everything is in sync"
_NOBODY = "No extension is managed"
_SOME = "Some people have no extension"
_PROBLEMS = "Problems need your attention"
Make = Callable[[Directory, str, int], None]


def _person(directory: Directory, unit: str, name: str, **attributes: str | int) -> str:
    return directory.add(
        f"CN={name},{unit}",
        {
            "objectClass": "user",
            "sAMAccountName": name.replace(" ", ".").lower(),
            "givenName": name.partition(" ")[0],
            "sn": name.partition(" ")[2],
            "displayName": name,
            "userAccountControl": 512,
            **attributes,
        },
    ).dn


def _name(first: str, number: int) -> str:
    """A name without digits: the wizard finds numbers wherever there are some."""
    return f"{first} {str(number).translate(str.maketrans('0123456789', 'abcdefghij'))}"


def _with(**made: str) -> Make:
    """People with these attributes; ``{n}`` is a number of their own."""

    def _make(directory: Directory, unit: str, base: int) -> None:
        for index in range(PEOPLE):
            values = {name: text.format(n=base + index) for name, text in made.items()}
            _person(directory, unit, _name("Person", base + index), **values)

    return _make


def _disabled(directory: Directory, unit: str, base: int) -> None:
    for index in range(PEOPLE):
        directory.disable(
            _person(directory, unit, _name("Person", base + index), telephoneNumber=str(base + index))
        )


def _administrators(directory: Directory, unit: str, base: int) -> None:
    for index in range(PEOPLE):
        _person(directory, unit, _name("Admin", base + index), adminCount=1, description="Built-in")


def _one_too_long(directory: Directory, unit: str, base: int) -> None:
    _with(telephoneNumber="{n}")(directory, unit, base)
    _person(directory, unit, _name("Long", base), telephoneNumber="+49 30 1234567890")


def _one_without(directory: Directory, unit: str, base: int) -> None:
    _with(telephoneNumber="{n}")(directory, unit, base)
    _person(directory, unit, _name("Silent", base))


# How the directory is, and what the overview may say at the end. Of long numbers the wizard proposes the last digits.
_DIRECTORIES: dict[str, tuple[Make, set[str]]] = {
    "all-have-a-number": (_with(telephoneNumber="{n}"), {_GOOD}),
    "no-numbers": (_with(description="no phone"), {_NOBODY}),
    "in-another-attribute": (
        _with(telephoneNumber="+49 30 77{n}00", ipPhone="{n}"),
        {_GOOD, _NOBODY, _PROBLEMS},
    ),
    "all-numbers-too-long": (_with(telephoneNumber="+49 30 1234567890{n}"), {_GOOD, _NOBODY}),
    "all-the-same-number": (_with(telephoneNumber="2999"), {_NOBODY, _PROBLEMS}),
    "all-disabled": (_disabled, {_NOBODY}),
    "empty-unit": (lambda directory, unit, base: None, {"No people were found"}),
    "administrators-only": (_administrators, {_NOBODY}),
    "one-number-too-long": (_one_too_long, {_GOOD, _PROBLEMS}),
    "one-without-a-number": (_one_without, {_SOME}),
}


@pytest.fixture
def ends(context: Context) -> Iterator[Ends]:
    """Both ends and the workers that reach them."""
    with running_ends(4, PhoneSystemOptions(extensions=1, max_extensions=100)) as running, workers(context):
        yield running


def _newest(context: Context, site_id: str) -> Run | None:
    with context.database.read() as session:
        return session.scalar(select(Run).where(Run.site_id == site_id).order_by(Run.id.desc()).limit(1))


def _ended(context: Context, site_id: str, *more: RunState) -> RunState:
    states = {RunState.IN_STEP, RunState.DONE, RunState.FAILED, RunState.CANCELLED, *more}
    wait_until(
        f"the run of {site_id}",
        lambda: (run := _newest(context, site_id)) is not None and run.state in states,
        60,
    )
    run = _newest(context, site_id)
    assert run is not None
    return RunState(run.state)


def _walk(context: Context, mary: Browser, site_id: str) -> str:
    """Take every default from the step of the number on; the headline of the overview at the end."""
    wizard = f"/console/sites/{site_id}/wizard"
    for step in ("number", "templates", "archive", "rules"):
        page = mary.get(f"{wizard}/{step}")
        page = mary.send(page, f"/{step}", {}, ("action", "next"))
        stays = page.response.url.path == f"{wizard}/{step}"
        if stays and ("action", "anyway") in page.form(f"/{step}").buttons:
            # Where the default is refused, the button beside it is what an impatient person takes; or the next step.
            mary.send(page, f"/{step}", {}, ("action", "anyway"))
    # The preview has begun by itself.
    if _ended(context, site_id, RunState.PLANNED, RunState.HELD) in (RunState.PLANNED, RunState.HELD):
        page = mary.get(f"{wizard}/preview")
        approving = next(form for form in page.forms if ("action", "approve") in form.buttons)
        mary.http.post(approving.action, data=approving.filled({"action": "approve"}))
        assert _ended(context, site_id) is RunState.DONE
    page = mary.send(mary.get(f"{wizard}/schedule"), "/schedule", {}, ("action", "next"))
    assert page.response.url.path == f"/console/sites/{site_id}/"
    headline = page.response.text.partition('aria-label="Status"')[2].partition("<h2>")[2]
    return headline.partition("<")[0].strip()


def test_taking_every_default_never_ends_in_a_false_all_well(
    context: Context, browser: Open, ends: Ends
) -> None:
    mary = browser("mary")
    said = {}
    for index, (site_id, (make, _)) in enumerate(_DIRECTORIES.items()):
        unit = ends.directory.directory.add_unit(f"Case {index}")
        make(ends.directory.directory, unit, 2000 + 10 * index)
        create_site(context, site_id, "test")
        settings = ends.settings()
        settings["directory"]["units"] = [{"dn": unit}]
        apply_settings(context, site_id, settings, "test")
        said[site_id] = _walk(context, mary, site_id)
        # Two sites may not manage one phone system: this one hands it on.
        remove_site(context, site_id, "test", confirm=site_id)
    assert {site: title for site, title in said.items() if title not in _DIRECTORIES[site][1]} == {}
