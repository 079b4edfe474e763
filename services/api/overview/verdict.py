"""Where a site stands, in one sentence with one number and one way on: "in sync" is said only when nothing speaks
against it. Pure.

What is in the way is looked for in the order of ``_JUDGES``, and the first that has something to say says it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.database.tables import RunState
from shared.domain.plan import CONFLICTS_WAIT, FindingCode, Severity, counts_in_words
from shared.language import counted, declared, listed, phrase


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What counts of a run. ``waiting`` is what an approval would do, by kind."""

    id: int
    state: RunState
    error_code: str | None = None
    error_message: str | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a site. ``carried_out`` is the newest run that was no mere preview; ``planned`` the newest that came
    to have a plan, and ``findings`` are its, by severity; ``unread`` counts what the newest reading did not read to its end.
    """

    missing: Sequence[tuple[str, str]] = ()
    queue_problem: str = ""
    active: RunFacts | None = None
    waiting: RunFacts | None = None
    carried_out: RunFacts | None = None
    planned: RunFacts | None = None
    findings: Mapping[Severity, int] = field(default_factory=dict)
    unread: int = 0
    unread_why: str = ""
    unread_run_id: int | None = None
    people: int = 0
    managed: int = 0
    owed: int = 0
    is_schedule_on: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """``tone`` is good, info, warn or bad. ``action`` is the text of the button and ``path`` where it leads, both empty when
    nothing is in the way; ``number`` is how many of it there are.
    """

    tone: str
    title: str
    text: str
    number: int | None = None
    action: str = ""
    path: str = ""

    @property
    def urgency(self) -> int:
        """For sorting: a higher value needs attention sooner."""
        return ("good", "info", "warn", "bad").index(self.tone)


def judge(facts: Facts) -> Verdict:
    """The site's verdict."""
    for find in _JUDGES:
        verdict = find(facts)
        if verdict is not None:
            return verdict
    notes = facts.findings.get(Severity.INFO, 0)
    text = phrase(
        "All {people:,} people in the directory have an extension that matches.", people=facts.people
    )
    if notes:
        found = counted(notes, "note", "notes")
        text = listed([text, phrase("{notes} in the findings.", notes=found)], " ")
    return Verdict("good", declared("Everything is in sync"), text, facts.managed)


def _set_up(facts: Facts) -> Verdict | None:
    if not facts.missing:
        return None
    return Verdict(
        "warn", declared("Set-up required"), declared("Connect Active Directory and the phone system to begin."),
        len(facts.missing), declared("Start set-up"), "/wizard",
    )  # fmt: skip


def _queue(facts: Facts) -> Verdict | None:
    if not facts.queue_problem:
        return None
    return Verdict(
        "bad",
        declared("Work is not being processed"),
        facts.queue_problem,
        None,
        declared("Run full health check"),
        "/support",
    )


def _active(facts: Facts) -> Verdict | None:
    if facts.active is None:
        return None
    what = declared("Reading") if facts.active.state == RunState.COLLECTING else declared("Making changes")
    return Verdict(
        "info",
        what,
        phrase("Run {active} is in progress.", active=facts.active.id),
        None,
        declared("View progress"),
        phrase("/runs/{active}", active=facts.active.id),
    )


def _failed(facts: Facts) -> Verdict | None:
    run = facts.carried_out
    if run is None or run.state != RunState.FAILED:
        return None
    return Verdict(
        "bad", declared("The last run failed"), run.error_message or declared("Some changes failed. The run shows which."),
        None, declared("View details"), phrase("/runs/{run}", run=run.id),
    )  # fmt: skip


def _unread(facts: Facts) -> Verdict | None:
    if not facts.unread:
        return None
    return Verdict(
        "bad", declared("Not everything could be read"), facts.unread_why or declared("The last reading was not finished."),
        facts.unread, declared("View details"), phrase("/runs/{unread_run_id}", unread_run_id=facts.unread_run_id),
    )  # fmt: skip


def _held(facts: Facts) -> Verdict | None:
    run = facts.waiting
    if run is None or run.state != RunState.HELD:
        return None
    return Verdict(
        "warn", declared("A plan needs your approval"),
        phrase("Run {run} would {waiting}. Nothing is changed until it is approved.", run=run.id, waiting=counts_in_words(run.waiting)),
        sum(run.waiting.values()), declared("Review plan"), phrase("/runs/{run}/plan", run=run.id),
    )  # fmt: skip


def _preview(facts: Facts) -> Verdict | None:
    run = facts.waiting
    if run is None:
        return None
    return Verdict(
        "info", declared("A preview is ready"),
        phrase("Run {run} would {waiting}. Nothing is changed unless it is approved.", run=run.id, waiting=counts_in_words(run.waiting)),
        sum(run.waiting.values()), declared("Review plan"), phrase("/runs/{run}/plan", run=run.id),
    )  # fmt: skip


def _first(facts: Facts) -> Verdict | None:
    if facts.carried_out is not None or _found_nobody(facts) is not None:
        return None
    if facts.planned is None:
        return Verdict(
            "info", declared("Ready for the first preview"),
            declared("Active Directory and the phone system are connected. A preview shows what a run would change."),
            None, declared("Start first preview"), "/wizard/preview",
        )  # fmt: skip
    return Verdict(
        "info", declared("No changes have been applied yet"),
        phrase("Run {planned} was a preview. A preview changes nothing.", planned=facts.planned.id),
        None, declared("View preview"), phrase("/runs/{planned}", planned=facts.planned.id),
    )  # fmt: skip


def _found_nobody(facts: Facts) -> Verdict | None:
    """Nobody in the directory, or nobody who has an extension by it: the end of a set-up that went wrong."""
    if facts.planned is None and facts.carried_out is None:
        return None
    if not facts.people:
        return Verdict(
            "warn", declared("No people were found"), declared("The selected organizational units contain no matching people. Select other OUs, or change "
"the filter."), 0, declared("Choose organizational units"), "/settings/units",
        )  # fmt: skip
    if not facts.managed:
        return Verdict(
            "warn", declared("No extension is managed"),
            phrase("{people} in the directory, and nobody's extension is linked. Check which attribute holds the extension number.", people=counted(facts.people, 'person', 'people')),
            facts.people, declared("Check number attribute"), "/settings/directory",
        )  # fmt: skip
    return None


def _reservation(facts: Facts) -> Verdict | None:
    run = facts.carried_out
    if run is None or run.error_code is None:
        return None
    if run.error_code == FindingCode.INCOMPLETE_SNAPSHOT and facts.unread:
        # Said with what was not read.
        return None
    if run.error_code == CONFLICTS_WAIT:
        # Said with the findings of the newest plan: they may be settled by now.
        return None
    titles = {
        FindingCode.CONTROLLER_BEHIND: declared("A domain controller is behind"),
        FindingCode.STEPS_OWED: declared("Some extensions are not finished"),
        FindingCode.STEPS_REFUSED: declared("Some extensions are not finished"),
    }
    title = next(
        (text for code, text in titles.items() if code == run.error_code), declared("Done with warnings")
    )
    return Verdict(
        "warn",
        title,
        run.error_message or "",
        None,
        declared("View details"),
        phrase("/runs/{run}", run=run.id),
    )


def _cancelled(facts: Facts) -> Verdict | None:
    run = facts.carried_out
    if run is None or run.state != RunState.CANCELLED:
        return None
    return Verdict(
        "warn", declared("The last run was cancelled"), declared("Start a new run to see the current state."),
        None, declared("View details"), phrase("/runs/{run}", run=run.id),
    )  # fmt: skip


def _owed(facts: Facts) -> Verdict | None:
    if not facts.owed:
        return None
    are = counted(facts.owed, "extension is", "extensions are")
    return Verdict(
        "warn", declared("Some extensions are not finished"),
        phrase("{are} created but not finished. The next run continues.", are=are),
        facts.owed, declared("View unfinished"), "/owed",
    )  # fmt: skip


def _findings(facts: Facts) -> Verdict | None:
    conflicts, warnings = (facts.findings.get(kind, 0) for kind in (Severity.CONFLICT, Severity.WARNING))
    if facts.planned is None or not conflicts + warnings:
        return None
    found = listed(
        [
            *([counted(conflicts, "conflict", "conflicts")] if conflicts else []),
            *([counted(warnings, "warning", "warnings")] if warnings else []),
        ]
    )
    return Verdict(
        "warn", declared("Problems need your attention"),
        f"{found}. {_extensions(facts)}",
        conflicts + warnings, declared("View findings"), phrase("/runs/{planned}/findings", planned=facts.planned.id),
    )  # fmt: skip


def _schedule(facts: Facts) -> Verdict | None:
    if facts.is_schedule_on:
        return None
    return Verdict(
        "warn", declared("The schedule is off"), declared("Everything matched after the last run. Later changes wait until somebody starts a run."),
        None, declared("Open schedule"), "/settings/schedule",
    )  # fmt: skip


def _without(facts: Facts) -> Verdict | None:
    """Whoever has no number needs none, as far as the directory says: the rest is in sync, and how many is told."""
    without = facts.people - facts.managed
    if without <= 0:
        return None
    return Verdict(
        "info", declared("Some people have no extension"),
        phrase("{facts} Everybody else has no number in the directory, or needs no extension by the rules.", facts=_extensions(facts)),
        without, declared("Check number attribute"), "/settings/directory",
    )  # fmt: skip


def _extensions(facts: Facts) -> str:
    return phrase(
        "{managed:,} of {people} have a managed extension.",
        managed=facts.managed,
        people=counted(facts.people, "person", "people"),
    )


_JUDGES: tuple[Callable[[Facts], Verdict | None], ...] = (
    _set_up, _queue, _active, _failed, _held, _reservation, _unread, _preview, _first, _found_nobody, _cancelled, _owed,
    _findings, _schedule, _without,
)  # fmt: skip
