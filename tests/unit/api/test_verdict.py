"""What the overview says of a site: "in sync" only when nothing speaks against it."""

from dataclasses import replace

import pytest

from services.api.overview.verdict import Facts, RunFacts, judge
from shared.database.tables import RunState
from shared.domain.plan import CONFLICTS_WAIT, Severity

DONE = RunFacts(7, RunState.DONE)
WELL = Facts(carried_out=DONE, planned=DONE, people=300, managed=300, is_schedule_on=True)
HELD = RunFacts(8, RunState.HELD, waiting={"delete_extension": 4})
PREVIEW = RunFacts(8, RunState.PLANNED, waiting={"create_extension": 300})


def test_in_sync_is_said_when_nothing_speaks_against_it() -> None:
    verdict = judge(WELL)
    assert (verdict.tone, verdict.title, verdict.number) == ("good", "Everything is in sync", 300)
    assert verdict.action == verdict.path == ""


@pytest.mark.parametrize(
    ("changes", "tone", "title", "number", "path"),
    [
        ({"missing": [("units", "an organizational unit")]}, "warn", "Set-up required", 1, "/wizard"),
        ({"queue_problem": "The broker is away."}, "bad", "Work is not being processed", None, "/support"),
        ({"active": RunFacts(9, RunState.COLLECTING)}, "info", "Reading", None, "/runs/9"),
        ({"active": RunFacts(9, RunState.EXECUTING)}, "info", "Making changes", None, "/runs/9"),
        ({"carried_out": RunFacts(7, RunState.FAILED)}, "bad", "The last run failed", None, "/runs/7"),
        ({"unread": 2, "unread_run_id": 7}, "bad", "Not everything could be read", 2, "/runs/7"),
        ({"waiting": HELD}, "warn", "A plan needs your approval", 4, "/runs/8/plan"),
        ({"waiting": PREVIEW}, "info", "A preview is ready", 300, "/runs/8/plan"),
        (
            {"carried_out": None, "planned": None},
            "info",
            "Ready for the first preview",
            None,
            "/wizard/preview",
        ),
        # A preview that found nothing to do has put nothing in sync.
        ({"carried_out": None}, "info", "No changes have been applied yet", None, "/runs/7"),
        ({"people": 0, "managed": 0}, "warn", "No people were found", 0, "/settings/units"),
        ({"managed": 0}, "warn", "No extension is managed", 300, "/settings/directory"),
        ({"managed": 0, "carried_out": None}, "warn", "No extension is managed", 300, "/settings/directory"),
        (
            {"carried_out": RunFacts(7, RunState.CANCELLED)},
            "warn",
            "The last run was cancelled",
            None,
            "/runs/7",
        ),
        (
            {"carried_out": RunFacts(7, RunState.DONE, "controller_behind", "dc2 is behind.")},
            "warn",
            "A domain controller is behind",
            None,
            "/runs/7",
        ),
        ({"owed": 3}, "warn", "Some extensions are not finished", 3, "/owed"),
        ({"findings": {Severity.CONFLICT: 1}}, "warn", "Problems need your attention", 1, "/runs/7/findings"),
        (
            {"findings": {Severity.WARNING: 290}},
            "warn",
            "Problems need your attention",
            290,
            "/runs/7/findings",
        ),
        ({"is_schedule_on": False}, "warn", "The schedule is off", None, "/settings/schedule"),
        ({"managed": 250}, "info", "Some people have no extension", 50, "/settings/directory"),
    ],
)
def test_whatever_is_in_the_way_is_said_with_its_number_and_the_way_on(
    changes: dict[str, object], tone: str, title: str, number: int | None, path: str
) -> None:
    verdict = judge(replace(WELL, **changes))  # type: ignore[arg-type]
    assert (verdict.tone, verdict.title, verdict.number, verdict.path) == (tone, title, number, path)
    assert verdict.action
    assert verdict.text
    assert "sync" not in verdict.title


def test_what_must_be_seen_first_is_said_first() -> None:
    worst = replace(
        WELL, unread=1, waiting=HELD, managed=0, owed=2, findings={Severity.WARNING: 1}, is_schedule_on=False
    )
    said = [judge(worst).title]
    steps: tuple[dict[str, object], ...] = (
        {"waiting": None}, {"unread": 0}, {"managed": 300}, {"owed": 0}, {"findings": {}},
    )  # fmt: skip
    for better in steps:
        worst = replace(worst, **better)  # type: ignore[arg-type]
        said.append(judge(worst).title)
    assert said == [
        "A plan needs your approval",
        "Not everything could be read",
        "No extension is managed",
        "Some extensions are not finished",
        "Problems need your attention",
        "The schedule is off",
    ]


def test_conflicts_that_are_settled_since_the_last_run_are_in_the_way_no_more() -> None:
    run = RunFacts(7, RunState.DONE, CONFLICTS_WAIT, "1 conflict must be settled by a person.")
    there = replace(WELL, carried_out=run, findings={Severity.CONFLICT: 1})
    assert judge(there).title == "Problems need your attention"
    assert judge(replace(there, findings={})).title == "Everything is in sync"


def test_notes_are_counted_and_do_not_alarm() -> None:
    verdict = judge(replace(WELL, findings={Severity.INFO: 2}))
    assert verdict.tone == "good"
    assert "2 notes" in verdict.text
