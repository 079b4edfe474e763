"""Starting runs and reading them and their plans, by use case and by route."""

import httpx
import pytest
from sqlalchemy.orm import Session

from services.api.runs.use_cases import runs
from shared.database.tables import RunKind, RunState
from shared.domain.asked import Asked
from shared.domain.command import CommandKind, CommandState
from shared.errors import Conflict, NotFound, SettingsInvalid
from shared.runs.start import RunRequest, start_run
from shared.worker.context import Context
from tests.integration.api.builders import (
    ADA,
    ALAN,
    bind,
    complete_units,
    make_person,
    make_plan,
    make_run,
    set_state,
)
from tests.integration.api.conftest import SITE

pytestmark = pytest.mark.every_database


def test_a_run_needs_configured_ends(context: Context) -> None:
    with pytest.raises(SettingsInvalid, match="domain controller"):
        runs.start(context, SITE, RunKind.FULL, "anna")


def test_a_second_run_waits_for_the_first(ready: Context) -> None:
    first = runs.start(ready, SITE, RunKind.FULL, "anna")
    with pytest.raises(Conflict, match=f"Run {first.id} is still active"):
        runs.start(ready, SITE, RunKind.FULL, "anna")


def test_change_runs_are_listed_by_kind_and_only_if_something_came_of_them(ready: Context) -> None:
    full = make_run(ready)
    set_state(ready, full, RunState.DONE)
    with ready.database.begin() as session:
        quiet, failed = (_change_run(session, ready) for _ in range(2))
    set_state(ready, quiet, RunState.DONE)
    set_state(ready, failed, RunState.FAILED)
    assert [run.id for run in runs.list_runs(ready, SITE)] == [failed, full]
    assert [run.id for run in runs.list_runs(ready, SITE, kind=RunKind.CHANGES)] == [failed]
    assert [run.id for run in runs.list_runs(ready, SITE, kind=RunKind.FULL)] == [full]


def _change_run(session: Session, context: Context) -> int:
    request = RunRequest(SITE, RunKind.CHANGES, asked=Asked(), people={"": [ADA]})
    run = start_run(session, request, context.encryption)
    run.state = RunState.FAILED.value
    session.flush()
    return run.id


@pytest.mark.parametrize(
    "text",
    [ADA, ADA.upper(), "ada", "ADA@corp.example", "100", "Ada Lovelace", make_person().distinguished_name],
)
def test_a_person_is_found_in_the_snapshot_by_whatever_names_them(ready: Context, text: str) -> None:
    run_id = make_run(ready)
    complete_units(
        ready,
        run_id,
        [
            make_person(),
            make_person(
                ALAN,
                login="alan",
                number=None,
                email="",
                first_name="Alan",
                last_name="Turing",
                distinguished_name="CN=Alan",
            ),
        ],
    )
    set_state(ready, run_id, RunState.IN_STEP)
    assert runs.start(ready, SITE, RunKind.PERSON, "anna", person=text).person_guid == ADA


def test_a_person_no_longer_in_the_directory_is_found_by_their_binding(ready: Context) -> None:
    bind(ready)
    assert runs.start(ready, SITE, RunKind.PERSON, "anna", person="100").person_guid == ADA


def test_someone_who_joined_since_the_last_run_is_named_by_guid(ready: Context) -> None:
    assert runs.start(ready, SITE, RunKind.PERSON, "anna", person=ADA).person_guid == ADA


def test_a_text_that_fits_several_people_lists_them(ready: Context) -> None:
    run_id = make_run(ready)
    complete_units(ready, run_id, [make_person(), make_person(ALAN, login="alan")])
    set_state(ready, run_id, RunState.IN_STEP)
    with pytest.raises(Conflict) as refused:
        runs.start(ready, SITE, RunKind.PERSON, "anna", person="100")
    assert ADA in refused.value.message
    assert ALAN in refused.value.message


@pytest.mark.parametrize("text", ["nobody", ""])
def test_a_text_that_fits_nobody_is_not_found(ready: Context, text: str) -> None:
    with pytest.raises(NotFound, match="No person found"):
        runs.start(ready, SITE, RunKind.PERSON, "anna", person=text)


def test_an_incomplete_snapshot_is_not_looked_at(ready: Context) -> None:
    set_state(ready, make_run(ready), RunState.CANCELLED)
    with pytest.raises(NotFound):
        runs.start(ready, SITE, RunKind.PERSON, "anna", person="ada")


@pytest.mark.parametrize(("kind", "person"), [(RunKind.PERSON, None), (RunKind.FULL, "ada")])
def test_kind_and_person_must_fit(ready: Context, kind: RunKind, person: str | None) -> None:
    with pytest.raises(Conflict, match="'person'"):
        runs.start(ready, SITE, kind, "anna", person=person)


def test_a_plan_is_read_page_by_page(ready: Context) -> None:
    run_id, _ = make_plan(ready)
    first = runs.plan_of(ready, run_id, limit=3)
    second = runs.plan_of(ready, run_id, limit=3, after=first.next_after or 0)
    assert [row.sequence for row in first.commands + second.commands] == [1, 2, 3, 4]
    assert (first.total, first.next_after, second.next_after) == (4, 3, None)


def test_a_plan_says_why_it_is_held_and_what_it_found(ready: Context) -> None:
    run_id, _ = make_plan(ready)
    view = runs.plan_of(ready, run_id)
    assert [reason.message for reason in view.reasons] == ["This is the first run."]
    assert [finding.code for finding in view.findings] == ["duplicate_number"]


def test_a_plan_can_be_limited_to_a_kind_and_a_state(ready: Context) -> None:
    run_id, _ = make_plan(ready)
    chosen = runs.plan_of(ready, run_id, kind=CommandKind.DISABLE_EXTENSION, state=CommandState.PENDING)
    assert ([row.sequence for row in chosen.commands], chosen.total) == ([4], 1)


def test_progress_counts_what_was_read_so_far(ready: Context) -> None:
    run_id = make_run(ready)
    complete_units(ready, run_id, [make_person(), make_person(ALAN)])
    now = runs.progress(ready, run_id)
    assert (now.parts_read, now.parts_total, now.people, now.is_ended) == (2, 4, 2, False)


def test_progress_counts_commands_by_state_and_stage(ready: Context) -> None:
    run_id, _ = make_plan(ready)
    now = runs.progress(ready, run_id)
    assert (now.commands, now.commands_total) == ({"pending": 4}, 4)
    assert now.stages["create"] == {"pending": 1}


def test_a_run_is_started_and_found_at_its_location(ready: Context, client: httpx.Client) -> None:
    made = client.post("/api/v1/sites/default/runs", json={"kind": "preview"})
    assert made.status_code == 201
    found = client.get(made.headers["Location"]).json()
    assert (found["kind"], found["state"], found["actor"]) == ("preview", "collecting", "token:tester")


def test_runs_are_listed_newest_first_page_by_page(ready: Context, client: httpx.Client) -> None:
    ids = [make_plan(ready)[0] for _ in range(3)]
    first = client.get("/api/v1/sites/default/runs", params={"limit": 2}).json()
    rest = client.get(
        "/api/v1/sites/default/runs", params={"limit": 2, "before": first["next_before"]}
    ).json()
    assert [run["id"] for run in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_before"] is None


def test_the_plan_of_a_run_comes_with_hash_and_reasons(ready: Context, client: httpx.Client) -> None:
    run_id, plan_hash = make_plan(ready)
    plan = client.get(f"/api/v1/runs/{run_id}/plan", params={"limit": 2}).json()
    assert (plan["plan_hash"], plan["total"], plan["next_after"]) == (plan_hash, 4, 2)
    assert plan["hold_reasons"][0]["code"] == "first_run"
    assert plan["commands"][1]["requires"] == [1]


def test_the_findings_of_a_run_are_paged(ready: Context, client: httpx.Client) -> None:
    run_id, _ = make_plan(ready)
    found = client.get(f"/api/v1/runs/{run_id}/findings").json()
    assert (len(found["items"]), found["next_after"]) == (1, None)
    after = found["items"][0]["id"]
    assert client.get(f"/api/v1/runs/{run_id}/findings", params={"after": after}).json()["items"] == []


@pytest.mark.parametrize("path", ["", "/plan", "/findings", "/progress", "/events"])
def test_an_unknown_run_is_a_404_problem(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/api/v1/runs/77{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_stream_follows_a_run_and_ends_with_it(ready: Context, client: httpx.Client) -> None:
    run_id = make_run(ready)
    told: list[str] = []
    with client.stream("GET", f"/api/v1/runs/{run_id}/events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("event:"):
                told.append(line)
                if len(told) == 1:
                    runs.cancel(ready, run_id, "anna")
    assert told == ["event: progress", "event: progress", "event: end"]
