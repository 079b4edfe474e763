"""A plan is read at a glance: removals first, what can be filtered, why it waits said once, and all of it on paper."""

import io
import re
from datetime import UTC, datetime

import pypdf
import pytest
from sqlalchemy import insert, select, update

from services.api.console import sending
from services.api.runs.plan_words import apply_words, facts_of, holds_in_words, short_reason
from services.api.runs.queries.plan_filter import PlanFilter
from services.api.runs.queries.plan_page import read_plan
from shared.database.commands import finding_values
from shared.database.tables import CommandRow, FindingRow, Run, RunState
from shared.domain.command import Command, CommandKind
from shared.domain.plan import REVIEW, Finding, FindingCode, HoldReason, Severity
from shared.worker.context import Context
from tests.integration.api.builders import ADA, SALES, bind, make_plan, make_run
from tests.integration.console.browser import Page
from tests.integration.console.conftest import Open

pytestmark = pytest.mark.usefixtures("people", "ready")

IT = "OU=IT,DC=corp,DC=example"
UPDATE, DISABLE, DELETE = (
    CommandKind.UPDATE_EXTENSION,
    CommandKind.DISABLE_EXTENSION,
    CommandKind.DELETE_EXTENSION,
)
COMMANDS = [
    Command(1, UPDATE, "Mobile of Ada differs.", number="201", person_name="Ada", unit=SALES),
    Command(2, UPDATE, "Mobile of Alan differs.", number="202", person_name="Alan", unit=IT),
    Command(3, UPDATE, "E-mail of Grace differs.", number="203", person_name="Grace", unit=IT),
    Command(
        4, DISABLE, "Mary was deleted.", number="204", person_name="Mary", unit=SALES, evidence="Looked up."
    ),
    Command(5, DELETE, "Mary was deleted.", number="204", person_name="Mary", unit=SALES, requires=(4,)),
    Command(6, DELETE, "Joan was deleted.", number="205", person_name="Joan", unit=IT),
]


def _rows(page: Page) -> list[int]:
    return [int(row) for row in re.findall(r'name="row" value="(\d+)"', page.response.text)]


def test_removals_come_first_and_are_counted_on_the_button(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    oscar = browser("oscar")
    page = oscar.get(f"/console/runs/{run_id}/plan")
    assert _rows(page) == [5, 6, 4, 1, 2, 3]
    assert "Apply 6 changes, 2 deletions" in page.text
    assert "Apply 6 changes now? This deletes 2 extensions." in page.response.text
    # What is left out is not counted: row 5 goes with row 4.
    page = oscar.get(f"/console/runs/{run_id}/plan?leave_out=4")
    assert "Apply 4 changes, 1 deletion" in page.text


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (f"unit={IT}", [6, 2, 3]),
        ("why=Mobile of … differs.", [1, 2]),
        (f"why=… was deleted.&unit={SALES}", [5, 4]),
        ("kind=delete_extension", [5, 6]),
        ("hold=removals", [6]),
    ],
)
def test_rows_are_filtered_by_unit_kind_and_reason(
    context: Context, browser: Open, query: str, rows: list[int]
) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    with context.database.begin() as session:
        session.execute(update(CommandRow).values(state="held", error_code="first_run"))
        session.execute(update(CommandRow).where(CommandRow.sequence == 6).values(error_code="removals"))
    page = browser("oscar").get(f"/console/runs/{run_id}/plan?{query}")
    assert _rows(page) == rows
    assert "Mobile of … differs. (2)" in page.text
    assert f"{SALES} (3)" in page.text
    assert "Many deletions (1)" in page.text


def test_all_rows_of_a_filter_are_left_out_at_once(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    oscar = browser("oscar")
    page = oscar.get(f"/console/runs/{run_id}/plan?kind=delete_extension")
    page = oscar.send(page, "#rows", {"which": "all"}, ("do", "leave"))
    assert "Left out: 2 rows (5-6)." in page.text
    page = oscar.get(f"/console/runs/{run_id}/plan?unit={IT}&leave_out=5-6")
    page = oscar.send(page, "#rows", {"which": "all"}, ("do", "only"))
    assert "Left out: 3 rows (1,4-5)." in page.text


def test_pages_follow_the_order_in_which_a_plan_is_read(context: Context) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    seen: list[int] = []
    after = 0
    while True:
        found = read_plan(context.database, run_id, PlanFilter(after=after), most=2)
        seen += [row.sequence for row in found.rows]
        if found.next_after is None:
            break
        after = found.next_after
    assert seen == [5, 6, 4, 1, 2, 3]


def test_rows_become_exclusions_and_all_rows_of_the_same_extension_are_left_out(
    context: Context, browser: Open
) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    mary = browser("mary")
    page = mary.get(f"/console/runs/{run_id}/plan")
    page = mary.send(page, "#rows", {"row": ["5", "1"]}, ("do", "exclude"))
    page = mary.send(page, "/exclusions")
    assert "Left out: 3 rows (1,4-5)." in page.text
    assert _exclusions(context) == [("numbers", "201"), ("numbers", "204")]
    # Once more, by name this time, and for one of them alone.
    page = mary.send(mary.get(f"/console/runs/{run_id}/plan?do=exclude&row=1&row=6"), "/exclusions", {
        "by": "name", "who": ["205:Joan"]
    })  # fmt: skip
    assert _exclusions(context) == [("numbers", "201"), ("numbers", "204"), ("exact", "Joan")]
    assert browser("oscar").get("/console/exclusions?who=201:Ada").status == 403


def test_findings_and_people_become_exclusions_too(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    mary = browser("mary")
    page = mary.get(f"/console/runs/{run_id}/findings")
    page = mary.send(page, "#rows", {"who": ["100:Ada"]})
    mary.send(page, "/exclusions")
    assert _exclusions(context) == [("numbers", "100")]
    bind(context)
    assert any("/exclusions?who=100" in link for link in mary.get(f"/console/people?q={ADA}").links)
    many = "&".join(f"who={number}:" for number in range(1000, 1201))
    assert "Select at most 200" in mary.get(f"/console/exclusions?{many}").text
    assert "Nobody selected" in mary.get("/console/exclusions?who=%CD%A1:").text


def _exclusions(context: Context) -> list[tuple[str, str]]:
    found = context.site_settings("default").settings.rules.exclusions
    return [(item.kind.value, item.value) for item in found]


def test_findings_are_not_none_while_the_run_reads(context: Context, browser: Open) -> None:
    run_id = make_run(context)
    page = browser("vera").get(f"/console/runs/{run_id}/findings")
    assert "Not planned yet" in page.text
    assert "No findings" not in page.text


def test_the_plan_of_an_undo_says_what_the_next_sync_would_do_and_offers_to_hold(
    context: Context, browser: Open
) -> None:
    done, _ = make_plan(context, state=RunState.DONE)
    with context.database.begin() as session:
        of_run = CommandRow.run_id == done
        session.execute(update(CommandRow).where(of_run).values(state="done"))
        session.execute(update(Run).where(Run.id == done).values(finished_at=datetime.now(UTC)))
        disabled = session.scalars(
            select(CommandRow.id).where(of_run, CommandRow.kind == CommandKind.DISABLE_EXTENSION.value)
        ).one()
    oscar = browser("oscar")
    assert f"/runs/{done}/undo" in oscar.get(f"/console/runs/{done}").response.text
    assert f"/runs/{done}/undo" not in browser("vera").get(f"/console/runs/{done}").response.text
    enabling = Command(1, CommandKind.ENABLE_EXTENSION, "It is enabled again.", number="101", undoes=disabled)
    undo, _ = make_plan(context, (enabling,), state=RunState.PLANNED)
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == undo).values(kind="undo", undoes=done))
        told = Finding(FindingCode.NOT_UNDONE, Severity.WARNING, "Check 204 in 3CX.", "204")
        session.execute(insert(FindingRow).values(finding_values(undo, told)))
    page = oscar.get(f"/console/runs/{undo}/plan")
    assert "1 change is not undone" in page.text
    assert "Check 204 in 3CX." in page.text
    assert "People read" not in oscar.get(f"/console/runs/{undo}").text
    assert "the next sync plans this again (disable 1)" in page.text
    assert "Not restored: recorded greetings" in page.text
    oscar.send(page, "/hold", {"reason": "until Monday"})
    assert "All changes are held" in oscar.get(f"/console/runs/{undo}").text


def test_why_a_plan_waits_is_said_once(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    reasons = [
        {"code": "removals", "message": f"{unit}: too many. {REVIEW}", "unit": unit} for unit in (SALES, IT)
    ] + [{"code": "first_run", "message": f"The first run. {REVIEW}", "unit": None}]
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == run_id).values(hold_reasons={"reasons": reasons}))
        held = {"state": "held", "error_code": "removals", "error_message": f"Too many. {REVIEW}"}
        session.execute(update(CommandRow).values(held))
    for path in (f"/console/runs/{run_id}/plan", f"/console/runs/{run_id}"):
        text = browser("vera").get(path).text
        assert "Many deletions (2), First run" in text
        assert text.count("too many.") == 2
        assert REVIEW not in text


def test_the_whole_plan_is_on_paper_without_a_form(context: Context, browser: Open) -> None:
    commands = [
        Command(n, UPDATE, f"Reason {n}.", number=str(1000 + n), person_name=f"Person {n}")
        for n in range(1, 161)
    ]
    run_id, plan_hash = make_plan(context, commands)
    page = browser("vera").get(f"/console/runs/{run_id}/plan/print")
    assert page.mistakes == []
    assert all(f"Reason {n}." in page.text for n in range(1, 161))
    assert plan_hash in page.text
    assert [form.action for form in page.forms if "plan" in form.action] == []


def test_a_plan_is_a_pdf_of_the_rows_that_fit(
    context: Context, browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is.
    monkeypatch.setattr(sending, "_PATIENCE_SECONDS", 60)
    run_id, plan_hash = make_plan(context, COMMANDS)
    answer = browser("vera").http.get(f"/console/runs/{run_id}/plan/pdf", params={"unit": IT})
    assert answer.headers["Content-Type"] == "application/pdf"
    reader = pypdf.PdfReader(io.BytesIO(answer.content))
    text = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    assert f"Plan of run {run_id}" in text
    assert "3 rows fit the filter; the plan has 6." in text
    assert text.index("Joan was deleted.") < text.index("Mobile of Alan differs.")
    assert "Mary" not in text
    assert plan_hash in text


def test_a_row_of_no_plan_is_not_found(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    answer = browser("vera").get(f"/console/runs/{run_id}/plan/row?row=7")
    assert answer.status == 404
    assert f"The plan of run {run_id} has no row 7." in answer.text


def test_how_rows_are_shown_is_remembered(context: Context, browser: Open) -> None:
    run_id, _ = make_plan(context, COMMANDS)
    vera = browser("vera")
    plan = f"/console/runs/{run_id}/plan"
    assert "Full rows" in vera.get(plan).text
    assert "Compact rows" in vera.get(f"{plan}?rows=comfortable").text
    assert "Compact rows" in vera.get(plan).text


def test_few_words_say_why() -> None:
    row = CommandRow(
        person_name="Ada Lovelace",
        unit="OU=Sales,DC=corp",
        reason="Ada Lovelace is in OU=Sales,DC=corp with number 204 and has no extension in 3CX.",
    )
    assert short_reason(row) == "is in Sales with number 204 and has no extension in 3CX."
    assert (
        short_reason(CommandRow(person_name="", unit="", reason="Sales is missing.")) == "Sales is missing."
    )
    row = CommandRow(person_name="Ada Lovelace", unit="", reason="The account of Ada Lovelace is disabled.")
    assert short_reason(row) == "The account is disabled."
    assert holds_in_words([HoldReason("new_code", "x"), HoldReason("new_code", "y")]) == "New code (2)"
    assert facts_of([HoldReason("a", f"So. {REVIEW}"), HoldReason("a", "So.")]) == ["So."]
    assert apply_words(1, 0).label == "Apply 1 change"
    assert apply_words(1, 1).question == "Apply 1 change now? This deletes 1 extension."
