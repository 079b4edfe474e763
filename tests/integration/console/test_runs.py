"""Runs, plans and decisions in the console: what is shown, and that exactly what was chosen is done."""

import re
import tracemalloc

import pytest
from sqlalchemy import select

from services.api.runs.row_numbers import parse_rows, show_rows
from services.api.settings.use_cases.sections import apply_settings
from shared.database.tables import CommandRow, Run, RunState
from shared.domain.command import Command, CommandKind
from shared.errors import NotFound
from shared.worker.context import Context
from tests.integration.api.builders import ADA, make_plan, make_run, set_state
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")


def _states(context: Context, run_id: int) -> dict[int, str]:
    with context.database.read() as session:
        rows = session.execute(
            select(CommandRow.sequence, CommandRow.state).where(CommandRow.run_id == run_id)
        )
        return {sequence: state for sequence, state in rows}  # noqa: C416


def _run(context: Context, run_id: int) -> Run:
    with context.database.read() as session:
        return session.get_one(Run, run_id)


def test_the_overview_says_where_things_stand(context: Context, browser: Open) -> None:
    oscar = browser("oscar")
    assert "Ready for the first preview" in oscar.get("/console/").text
    run_id, _ = make_plan(context)
    page = oscar.get("/console/")
    assert "A plan needs your approval" in page.text
    assert "create 1, update 1, disable 1" in page.text
    assert "Ada and Alan both have 100." in page.text
    assert f"/console/runs/{run_id}/plan" in page.links
    set_state(context, run_id, RunState.FAILED, error_message="3CX did not answer.")
    page = oscar.get("/console/")
    assert "The last run failed" in page.text
    assert "3CX did not answer." in page.text


def test_without_settings_the_overview_leads_to_them(context: Context, browser: Open) -> None:
    apply_settings(context, "default", {"phone_system": {}, "directory": {}}, "test")
    page = browser("mary").get("/console/")
    assert "Set-up required" in page.text
    assert {"/console/settings/directory", "/console/settings/units"} <= set(page.links)


def test_a_run_is_started_from_the_overview(context: Context, browser: Open) -> None:
    oscar = browser("oscar")
    form = next(form for form in oscar.get("/console/").forms if ("kind", "preview") in form.buttons)
    answer = oscar.http.post(form.action, data={**form.filled({}), "kind": "preview"})
    run_id = int(answer.url.path.rpartition("/")[2])
    run = _run(context, run_id)
    assert (run.kind, run.actor, run.state) == ("preview", "account:oscar", "collecting")
    second = oscar.http.post(form.action, data={**form.filled({}), "kind": "full"})
    assert second.status_code == 409
    assert f"Run {run_id} is still active" in second.text


def test_a_plan_shows_before_and_after_why_and_what_needs_what(context: Context, browser: Open) -> None:
    command = Command(
        1,
        CommandKind.UPDATE_EXTENSION,
        "The mobile number changed in the directory.",
        number="204",
        person_guid=ADA,
        person_name="Ada Lovelace",
        extension_id=4,
        before={"mobile": "+1 555 0100", "departments": ("Sales",), "enabled": True},
        after={"mobile": "", "departments": ("Sales", "IT"), "enabled": True},
        evidence="Read at 12:04 from dc1.",
    )
    run_id, _ = make_plan(context, [command])
    page = browser("vera").get(f"/console/runs/{run_id}/plan")
    text = re.sub(r"\s+", " ", page.text)
    assert "Mobile +1 555 0100 → (empty)" in text
    assert "Departments Sales → Sales, IT" in text
    assert "Enabled" not in text
    assert "The mobile number changed in the directory." in text
    assert "This is the first run." in text
    (details,) = [link for link in page.links if "/plan/row" in link]
    row = re.sub(r"\s+", " ", browser("vera").get(details).text)
    assert "Read at 12:04 from dc1." in row
    assert "The mobile number changed in the directory." in row


@pytest.mark.parametrize("name", ["mary", "oscar"])
def test_every_box_of_a_waiting_plan_has_its_label(context: Context, browser: Open, name: str) -> None:
    run_id, _ = make_plan(context)
    page = browser(name).get(f"/console/runs/{run_id}/plan")
    assert page.mistakes == []
    assert {f"row-{row}" for row in (1, 2, 3, 4)} <= page.labels


def test_a_whole_plan_is_approved(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context)
    oscar = browser("oscar")
    page = oscar.send(oscar.get(f"/console/runs/{run_id}/plan"), "/approve")
    assert page.response.url.path == f"/console/runs/{run_id}"
    run = _run(context, run_id)
    assert (run.state, run.approved_by) == ("executing", "account:oscar")
    assert "account:" not in oscar.get(f"/console/runs/{run_id}").text
    assert set(_states(context, run_id).values()) == {"pending"}


def test_rows_are_left_out_with_what_requires_them_over_several_steps(
    context: Context, browser: Open
) -> None:
    run_id, _ = make_plan(context)
    oscar = browser("oscar")
    page = oscar.get(f"/console/runs/{run_id}/plan")
    page = oscar.send(page, "#rows", {"row": ["2"]}, ("do", "leave"))
    assert "Left out: 2 rows (2-3)." in page.text
    # A search in between forgets nothing.
    page = oscar.send(page, "#search", {"q": "Alan"})
    assert "Left out: 2 rows (2-3)." in page.text
    page = oscar.send(page, "#rows", {"row": ["4"]}, ("do", "leave"))
    assert "Left out: 3 rows (2-4)." in page.text
    page = oscar.get(f"/console/runs/{run_id}/plan?leave_out=2-4")
    page = oscar.send(page, "#rows", {"row": ["4"]}, ("do", "back"))
    assert "Left out: 2 rows (2-3)." in page.text
    assert "Apply 2 changes" in page.text
    oscar.send(page, "/approve")
    assert _states(context, run_id) == {1: "pending", 2: "left_out", 3: "left_out", 4: "pending"}


def test_keeping_only_some_rows_keeps_what_they_require(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context)
    oscar = browser("oscar")
    page = oscar.send(oscar.get(f"/console/runs/{run_id}/plan"), "#rows", {"row": ["2"]}, ("do", "only"))
    oscar.send(page, "/approve")
    assert _states(context, run_id) == {1: "pending", 2: "pending", 3: "left_out", 4: "left_out"}


def test_a_plan_that_changed_since_it_was_seen_is_not_approved(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context)
    oscar = browser("oscar")
    page = oscar.get(f"/console/runs/{run_id}/plan")
    set_state(context, run_id, RunState.HELD, plan_hash="0" * 64)
    answer = oscar.send(page, "/approve")
    assert answer.status == 409
    assert "Nothing was approved" in answer.text
    assert _run(context, run_id).state == "held"


def test_a_plan_is_rejected_with_a_reason(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context)
    oscar = browser("oscar")
    oscar.send(oscar.get(f"/console/runs/{run_id}/plan"), "/reject", {"reason": "Sales moves today."})
    assert _run(context, run_id).state == "cancelled"
    assert "Sales moves today." in oscar.get(f"/console/log?run={run_id}").text


def test_a_run_is_cancelled(context: Context, browser: Open) -> None:
    run_id = make_run(context)
    oscar = browser("oscar")
    page = oscar.send(oscar.get(f"/console/runs/{run_id}"), "/cancel")
    assert "Cancelled" in page.text
    assert _run(context, run_id).state == "cancelled"


def test_rows_are_found_by_kind_search_and_page(context: Context, browser: Open) -> None:
    commands = [
        Command(
            number,
            CommandKind.CREATE_EXTENSION if number <= 150 else CommandKind.DISABLE_EXTENSION,
            f"Reason {number}.",
            number=str(1000 + number),
            person_name=f"Person {number}",
        )
        for number in range(1, 161)
    ]
    run_id, _ = make_plan(context, commands)
    vera = browser("vera")

    def _numbers(path: str) -> list[str]:
        return re.findall(r"<strong>(1\d\d\d)</strong>", vera.get(path).response.text)

    plan = f"/console/runs/{run_id}/plan"
    first = vera.get(plan)
    assert len(_numbers(plan)) == 100
    # The ten that disable come first.
    assert _numbers(plan)[:11] == [*(str(1000 + n) for n in range(151, 161)), "1001"]
    further = next(link for link in first.links if "after=90" in link)
    assert _numbers(further)[0] == "1091"
    assert len(_numbers(further)) == 60
    assert len(_numbers(f"{plan}?kind=disable_extension")) == 10
    assert _numbers(f"{plan}?q=person+7") == ["1007", *(str(1000 + n) for n in range(70, 80))]
    assert _numbers(f"{plan}?q=1160") == ["1160"]
    assert "No matching rows" in vera.get(f"{plan}?q=%25").text


def test_progress_follows_the_session_and_ends_with_the_run(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, state=RunState.DONE)
    vera = browser("vera")
    page = vera.http.get(f"/console/runs/{run_id}/events")
    assert page.headers["Content-Type"].startswith("text/event-stream")
    assert "event: end" in page.text
    nobody = browser().http.get(f"/console/runs/{run_id}/events", follow_redirects=False)
    assert nobody.status_code == 303


def test_a_going_run_shows_its_progress_without_javascript_too(context: Context, browser: Open) -> None:
    run_id = make_run(context)
    page = browser("vera").get(f"/console/runs/{run_id}")
    assert '<noscript><meta http-equiv="refresh"' in page.response.text
    assert "0 of 4 sources read" in page.text
    assert any("progress.js" in address for address in page.loaded)


def test_what_does_not_exist_is_said_on_a_page(browser: Open) -> None:
    vera = browser("vera")
    for path in ("/runs/99", "/runs/99/plan", "/runs/x", "/nothing", "/runs/1/plan?leave_out=a"):
        page = vera.get(f"/console{path}")
        assert page.status == 404, path
        assert "ot found</h1>" in page.response.text
        assert page.mistakes == []


@pytest.mark.parametrize(
    ("text", "rows"), [("", ""), ("3, 1,2", "1-3"), ("5,7-9,6,20", "5-9,20"), ("1,3,5", "1,3,5")]
)
def test_rows_are_written_in_their_shortest_form(text: str, rows: str) -> None:
    assert show_rows(parse_rows(text, 20)) == rows


@pytest.mark.parametrize("text", ["a", "-", "1-", "-2", "3-1", "1-99999999", "٣", "1;2"])
def test_what_names_no_row_is_refused(text: str) -> None:
    with pytest.raises(NotFound, match="is not a row"):
        parse_rows(text, 20)


def test_ranges_are_counted_together_before_they_are_expanded() -> None:
    # A thousand ranges of a million rows each: 1.1 GiB and half a minute, if they were.
    many = ",".join(f"{first}-{first + 999_999}" for first in range(1, 1001))
    tracemalloc.start()
    with pytest.raises(NotFound, match="These are more rows than the plan has"):
        parse_rows(many, 100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert parse_rows("1-50000,50001-100000", 100_000) == set(range(1, 100_001))
    with pytest.raises(NotFound):
        parse_rows("1-50000,50000-100000", 100_000)


def test_more_rows_than_the_plan_has_are_refused_on_a_page(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context)
    vera = browser("vera")
    assert vera.get(f"/console/runs/{run_id}/plan?leave_out=1-4").status == 200
    page = vera.get(f"/console/runs/{run_id}/plan?leave_out=1-4,1-9000000")
    assert page.status == 404
    assert "These are more rows than the plan has (4)" in page.text


def _partly_done(context: Context) -> int:
    """A run of which the first row was executed and the others wait for approval."""
    run_id, _ = make_plan(context)
    with context.database.begin() as session:
        rows = session.scalars(select(CommandRow).where(CommandRow.run_id == run_id)).all()
        for row in rows:
            row.state = "done" if row.sequence == 1 else "held"
            row.error_message = None if row.sequence == 1 else "Too many are disabled."
        waiting = {"create_extension": 1, "update_extension": 1, "disable_extension": 1}
        run = session.get_one(Run, run_id)
        run.hold_reasons = {**run.hold_reasons, "waiting": waiting}
    return run_id


def test_of_a_plan_in_part_executed_each_row_says_whether_it_waits_and_why(
    context: Context, browser: Open
) -> None:
    run_id = _partly_done(context)
    page = browser("oscar").get(f"/console/runs/{run_id}/plan")
    assert "3 rows wait." in page.text
    assert "Apply 3 changes" in page.text
    assert page.text.count("Needs approval") >= 3
    raw = browser("oscar").http.get(f"/console/runs/{run_id}/plan").text
    assert [number for number in "1234" if f'name="row" value="{number}"' in raw] == ["2", "3", "4"]
    run = browser("oscar").get(f"/console/runs/{run_id}")
    assert "3 of 4 changes need approval" in run.text
    assert "create 1, update 1, disable 1" in browser("oscar").get("/console/").text


def test_a_preview_does_not_say_that_none_of_its_changes_needs_approval(
    context: Context, browser: Open
) -> None:
    run_id, _ = make_plan(context)
    set_state(context, run_id, RunState.PLANNED)
    run = browser("oscar").get(f"/console/runs/{run_id}")
    assert "Approval needed" in run.text
    assert "0 of" not in run.text


def test_a_run_done_with_warnings_says_so_on_its_page_and_the_overview(
    context: Context, browser: Open
) -> None:
    run_id = make_run(context)
    gone = "OU=Sales was not read."
    set_state(context, run_id, RunState.DONE, error_code="incomplete_snapshot", error_message=gone)
    for address in ("/console/", f"/console/runs/{run_id}", "/console/runs"):
        page = browser("oscar").get(address)
        assert "Done with warnings" in page.text
        assert gone in page.text
