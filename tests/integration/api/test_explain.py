"""Explaining a person: what was read, what is bound, what was done and found, in sentences."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import delete, insert, select, update

from services.api.settings.use_cases.sections import apply_settings
from shared.database import events
from shared.database.commands import command_values, finding_values
from shared.database.pages import write_page
from shared.database.tables import (
    BindingRow,
    CommandRow,
    FindingRow,
    GivenNumberRow,
    PartKind,
    PartState,
    Run,
    RunKind,
    RunState,
    SnapshotPage,
    SnapshotPart,
)
from shared.domain.asked import Asked
from shared.domain.command import Command
from shared.domain.person import AccountState, Person
from shared.domain.plan import Finding
from shared.runs.start import RunRequest, start_run
from shared.worker.context import Context
from tests.integration.api.builders import (
    ADA,
    ALAN,
    CLASH,
    COMMANDS,
    SALES,
    bind,
    complete_units,
    make_person,
    make_plan,
    make_run,
    set_state,
)
from tests.integration.api.conftest import READY, SITE

pytestmark = pytest.mark.every_database


def _explain(client: httpx.Client, person: str) -> httpx.Response:
    return client.get(f"/api/v1/sites/{SITE}/people/{quote(person, safe='')}/explain")


def _said(client: httpx.Client, person: str = ADA) -> str:
    answer = _explain(client, person)
    assert answer.status_code == 200, answer.text
    return "\n".join(answer.json()["sentences"])


def _read(context: Context, *people: Person) -> int:
    run_id = make_run(context)
    complete_units(context, run_id, people)
    set_state(context, run_id, RunState.IN_STEP)
    return run_id


def _planned(
    context: Context, commands: tuple[Command, ...] = (), findings: tuple[Finding, ...] = (), **values: object
) -> int:
    run_id, _ = make_plan(context, (), state=RunState.DONE)
    with context.database.begin() as session:
        session.execute(delete(FindingRow).where(FindingRow.run_id == run_id))
        for command in commands:
            session.execute(insert(CommandRow).values(command_values(run_id, command)))
        for finding in findings:
            session.execute(insert(FindingRow).values(finding_values(run_id, finding)))
        if values:
            session.execute(update(Run).where(Run.id == run_id).values(**values))
    return run_id


def test_everything_known_of_a_person_is_told(ready: Context, client: httpx.Client) -> None:
    run_id = _read(ready, make_person())
    planned, _ = make_plan(ready, state=RunState.DONE)
    bind(ready)
    answer = _explain(client, "ada").json()
    assert (answer["guid"], answer["name"], answer["number"]) == (ADA, "Ada Lovelace", "100")
    said = "\n".join(answer["sentences"])
    assert f"in run {run_id}" in said
    assert "'+1 555 0100', which gives extension 100" in said
    assert "Extension 100 (id 100) is linked to them; it was created for them." in said
    assert f"Run {planned}, command 2: create extension 100 is waiting. Ada is new." in said
    assert f"Run {planned} found (conflict): Ada and Alan both have 100." in said
    assert [row["sequence"] for row in answer["commands"]] == [2, 3]
    assert [row["code"] for row in answer["findings"]] == ["duplicate_number"]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"number": None, "number_text": ""}, "empty"),
        (
            {"number": None, "number_text": "desk", "number_problem": "it has no digits."},
            "'desk', which is not an extension number: it has no digits.",
        ),
        ({"number": "100", "number_text": "100"}, "The number attribute gives extension 100."),
        ({"account_state": AccountState.DISABLED}, "The account is disabled."),
    ],
)
def test_what_the_directory_says_is_told(
    ready: Context, client: httpx.Client, changes: dict[str, Any], wanted: str
) -> None:
    _read(ready, make_person(**changes))
    assert wanted in _said(client)


def test_somebody_of_a_unit_whose_disabled_accounts_are_active_is_not_called_enabled(
    ready: Context, client: httpx.Client
) -> None:
    unit = {"dn": SALES, "disabled_accounts": "active"}
    apply_settings(ready, SITE, {"directory": READY["directory"] | {"units": [unit]}}, "test")
    _read(ready, make_person())
    assert "counts as enabled, because disabled accounts of its unit are treated as active" in _said(client)


def test_whoever_was_not_found_is_said_not_to_be_there(ready: Context, client: httpx.Client) -> None:
    run_id = _read(ready, make_person(ALAN, login="alan", number="101"))
    bind(ready)
    assert f"Run {run_id} read all organizational units and found Ada Lovelace in none of them." in _said(
        client
    )


def test_nothing_is_said_of_a_directory_that_was_never_read(ready: Context, client: httpx.Client) -> None:
    bind(ready)
    assert "No complete reading of the directory is stored" in _said(client)
    assert "No run was planned yet." in _said(client)


def test_nothing_is_concluded_from_a_reading_that_was_forgotten(ready: Context, client: httpx.Client) -> None:
    _read(ready, make_person())
    with ready.database.begin() as session:
        session.execute(delete(SnapshotPage))
    assert "No complete reading of the directory is stored" in _said(client)


def test_what_was_done_long_ago_is_still_told(ready: Context, client: httpx.Client) -> None:
    first = _planned(ready, COMMANDS)
    for _ in range(12):
        _planned(ready)
    assert f"Run {first}, command 2" in _said(client)


def test_only_the_newest_plan_says_what_stands_in_the_way(ready: Context, client: httpx.Client) -> None:
    _planned(ready, findings=(CLASH,))
    newest = _planned(ready, findings=(replace(CLASH, message="Still both."),))
    said = _said(client)
    assert f"Run {newest} found (conflict): Still both." in said
    assert CLASH.message not in said
    _planned(ready)
    assert "No run has changed anything for them yet." in _said(client)


def test_what_a_change_run_has_read_of_a_person_since_is_told(ready: Context, client: httpx.Client) -> None:
    _read(ready, make_person())
    _planned(ready, findings=(CLASH,))
    bind(ready)
    assert "both have 100" in _said(client)
    moved = make_person(unit=SALES, number="107", number_text="107")
    run_id = _live(ready, [ADA], [moved])
    said = _said(client)
    assert f"was read from {SALES}" in said
    assert f"in run {run_id}." in said
    assert "gives extension 107." in said
    assert "both have 100" not in said
    # About somebody else.
    _live(ready, [ALAN], [])
    assert f"in run {run_id}." in _said(client)
    gone = _live(ready, [ADA], [])
    assert f"Run {gone} looked Ada Lovelace up and found them in none of the selected OUs." in _said(client)


def _live(context: Context, asked: list[str], found: list[Person]) -> int:
    """A change run that asked about these and found those."""
    people = {"": asked}
    request = RunRequest(SITE, RunKind.CHANGES, asked=Asked(people=frozenset(asked)), people=people)
    with context.database.begin() as session:
        run = start_run(session, request, context.encryption)
        parts = select(SnapshotPart).where(SnapshotPart.run_id == run.id)
        part = session.scalars(parts.where(SnapshotPart.kind == PartKind.PEOPLE.value)).one()
        write_page(session, part.id, 0, 0, found)
        part.state, part.page_count = PartState.COMPLETE.value, 1
        run.state, run.planned_at = RunState.DONE.value, datetime.now(UTC)
        return run.id


def test_a_run_for_somebody_else_says_nothing_of_a_person(ready: Context, client: httpx.Client) -> None:
    _planned(ready, findings=(CLASH,))
    _planned(ready, kind=RunKind.PERSON.value, person_guid=ALAN)
    assert CLASH.message in _said(client)


def test_what_happened_to_a_number_under_another_owner_is_not_theirs(
    ready: Context, client: httpx.Client
) -> None:
    bind(ready)
    with ready.database.begin() as session:
        for guid, message in ((ADA, "Hers."), (ALAN, "His."), (None, "Anyone's.")):
            events.record(
                session, SITE, events.LogEntry("extension.x", message, number="100", person_guid=guid)
            )
    said = _said(client)
    assert "Hers." in said
    assert "Anyone's." in said
    assert "His." not in said


def test_an_extension_that_rollcall_disabled_is_said_to_be(ready: Context, client: httpx.Client) -> None:
    bind(ready)
    with ready.database.begin() as session:
        session.execute(update(BindingRow).values(is_disabled_by_rollcall=True, origin="adopted"))
    said = _said(client)
    assert "Rollcall has disabled it." in said
    assert "adopted" in said


@pytest.mark.parametrize("name", ["CN=Lovelace\\, Ada,OU=A/B,DC=x", "Ada Ünïcode 😀", "a%2Fb?c#d"])
def test_a_person_is_found_by_a_name_with_any_character(
    ready: Context, client: httpx.Client, name: str
) -> None:
    _read(ready, make_person(distinguished_name=name), make_person(ALAN, login="alan", number="101"))
    assert _explain(client, name).json()["guid"] == ADA


def test_a_person_is_explained_by_the_new_number_of_the_directory(
    ready: Context, client: httpx.Client
) -> None:
    bind(ready, number="99")
    _read(ready, make_person(number="100"))
    answer = _explain(client, "100").json()
    assert (answer["guid"], answer["number"]) == (ADA, "100")
    assert "Extension 99" in "\n".join(answer["sentences"])


def test_a_text_that_fits_several_people_is_a_conflict_that_lists_them(
    ready: Context, client: httpx.Client
) -> None:
    _read(ready, make_person(), make_person(ALAN, login="alan"))
    answer = _explain(client, "100")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert ADA in answer.json()["detail"]
    assert ALAN in answer.json()["detail"]


@pytest.mark.parametrize("person", ["nobody", "%00", " "])
def test_whoever_is_unknown_is_not_found(ready: Context, client: httpx.Client, person: str) -> None:
    answer = _explain(client, person)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_person_run_is_started_over_http_and_refused_when_kind_and_person_do_not_fit(
    ready: Context, client: httpx.Client
) -> None:
    _read(ready, make_person())
    runs = f"/api/v1/sites/{SITE}/runs"
    for body in ({"kind": "person"}, {"kind": "full", "person": "ada"}):
        refused = client.post(runs, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid")
    started = client.post(runs, json={"kind": "person", "person": "ADA@corp.example"})
    assert (started.status_code, started.json()["person_guid"]) == (201, ADA)


def test_a_number_from_a_range_is_explained_with_what_kept_it_from_the_directory(
    client: httpx.Client, ready: Context
) -> None:
    _read(ready, make_person(ADA, number=None, number_text=""))
    with ready.database.begin() as session:
        session.add(
            GivenNumberRow(
                site_id=SITE, number="231", person_guid=ADA, given_at=datetime(2026, 11, 30, tzinfo=UTC), write_to="ipPhone",
                write_error_message="No right.",
            )
        )  # fmt: skip
    said = _said(client)
    assert "The number attribute is empty.\n" in said
    assert (
        "231 was given to them from a range on 2026-11-30. It could not be written to ipPhone in the "
        "directory: No right." in said
    )
    with ready.database.begin() as session:
        session.get_one(GivenNumberRow, (SITE, "231")).written_to = "ipPhone"
    assert "on 2026-11-30 and is stored in ipPhone in the directory." in _said(client)
