"""Where a site stands, in one sentence with one number and one way on: "in sync" is said only when nothing speaks
against it. Pure.

What is in the way is looked for in the order of ``_JUDGES``, and the first that has something to say says it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.database.tables import RunState
from shared.domain.plan import FindingCode, Severity, counts_in_words
from shared.values.amounts import counted


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
    def trouble(self) -> int:
        """For sorting: the more, the sooner somebody must look."""
        return ("good", "info", "warn", "bad").index(self.tone)


def judge(facts: Facts) -> Verdict:
    """The site's verdict."""
    for find in _JUDGES:
        verdict = find(facts)
        if verdict is not None:
            return verdict
    notes = facts.findings.get(Severity.INFO, 0)
    text = f"All {facts.people:,} people in the directory have an extension that matches."
    if notes:
        text += f" {counted(notes, 'note')} in the findings."
    return Verdict("good", "Everything is in sync", text, facts.managed)


def _set_up(facts: Facts) -> Verdict | None:
    if not facts.missing:
        return None
    return Verdict(
        "warn", "Set-up required", "Connect Active Directory and the phone system to begin.",
        len(facts.missing), "Start set-up", "/wizard",
    )  # fmt: skip


def _queue(facts: Facts) -> Verdict | None:
    if not facts.queue_problem:
        return None
    return Verdict(
        "bad", "Work is not being processed", facts.queue_problem, None, "Run full health check", "/support"
    )


def _active(facts: Facts) -> Verdict | None:
    if facts.active is None:
        return None
    what = "Reading" if facts.active.state == RunState.COLLECTING else "Making changes"
    return Verdict(
        "info", what, f"Run {facts.active.id} is going.", None, "View progress", f"/runs/{facts.active.id}"
    )


def _failed(facts: Facts) -> Verdict | None:
    run = facts.carried_out
    if run is None or run.state != RunState.FAILED:
        return None
    return Verdict(
        "bad", "The last run failed", run.error_message or "Some changes failed. The run shows which.",
        None, "View details", f"/runs/{run.id}",
    )  # fmt: skip


def _unread(facts: Facts) -> Verdict | None:
    if not facts.unread:
        return None
    return Verdict(
        "bad", "Not everything could be read", facts.unread_why or "The last reading was not finished.",
        facts.unread, "View details", f"/runs/{facts.unread_run_id}",
    )  # fmt: skip


def _held(facts: Facts) -> Verdict | None:
    run = facts.waiting
    if run is None or run.state != RunState.HELD:
        return None
    return Verdict(
        "warn", "A plan needs your approval",
        f"Run {run.id} would {counts_in_words(run.waiting)}. Nothing is changed until it is approved.",
        sum(run.waiting.values()), "Review plan", f"/runs/{run.id}/plan",
    )  # fmt: skip


def _preview(facts: Facts) -> Verdict | None:
    run = facts.waiting
    if run is None:
        return None
    return Verdict(
        "info", "A preview is ready",
        f"Run {run.id} would {counts_in_words(run.waiting)}. Nothing is changed unless it is approved.",
        sum(run.waiting.values()), "Review plan", f"/runs/{run.id}/plan",
    )  # fmt: skip


def _first(facts: Facts) -> Verdict | None:
    if facts.carried_out is not None or _found_nobody(facts) is not None:
        return None
    if facts.planned is None:
        return Verdict(
            "info", "Ready for the first preview",
            "Active Directory and the phone system are connected. A preview shows what a run would change.",
            None, "Start first preview", "/wizard/preview",
        )  # fmt: skip
    return Verdict(
        "info", "The first run has not been made yet",
        f"Run {facts.planned.id} was a preview. A preview changes nothing.",
        None, "View preview", f"/runs/{facts.planned.id}",
    )  # fmt: skip


def _found_nobody(facts: Facts) -> Verdict | None:
    """Nobody in the directory, or nobody who has an extension by it: the end of a set-up that went wrong."""
    if facts.planned is None and facts.carried_out is None:
        return None
    if not facts.people:
        return Verdict(
            "warn", "No people were found", "The organizational units that are read hold nobody. Choose others, or change the "
            "filter.", 0, "Choose organizational units", "/settings/units",
        )  # fmt: skip
    if not facts.managed:
        return Verdict(
            "warn", "No extension is managed",
            f"{counted(facts.people, 'person', 'people')} in the directory, and nobody's extension is linked. "
            "Check which attribute holds the extension number.",
            facts.people, "Check number attribute", "/settings/directory",
        )  # fmt: skip
    return None


def _reservation(facts: Facts) -> Verdict | None:
    run = facts.carried_out
    if run is None or run.error_code is None:
        return None
    if run.error_code == FindingCode.INCOMPLETE_SNAPSHOT and facts.unread:
        # Said with what was not read.
        return None
    titles = {
        FindingCode.CONTROLLER_BEHIND: "A domain controller is behind",
        FindingCode.STEPS_OWED: "Some extensions are not finished",
        FindingCode.STEPS_REFUSED: "Some extensions are not finished",
    }
    title = next((text for code, text in titles.items() if code == run.error_code), "Done with warnings")
    return Verdict("warn", title, run.error_message or "", None, "View details", f"/runs/{run.id}")


def _cancelled(facts: Facts) -> Verdict | None:
    run = facts.carried_out
    if run is None or run.state != RunState.CANCELLED:
        return None
    return Verdict(
        "warn", "The last run was cancelled", "Start a new run to see the current state.",
        None, "View details", f"/runs/{run.id}",
    )  # fmt: skip


def _owed(facts: Facts) -> Verdict | None:
    if not facts.owed:
        return None
    are = "extension is" if facts.owed == 1 else "extensions are"
    return Verdict(
        "warn", "Some extensions are not finished",
        f"{facts.owed:,} {are} created but not finished. The next run continues.",
        facts.owed, "View unfinished", "/owed",
    )  # fmt: skip


def _findings(facts: Facts) -> Verdict | None:
    conflicts, warnings = (facts.findings.get(kind, 0) for kind in (Severity.CONFLICT, Severity.WARNING))
    if facts.planned is None or not conflicts + warnings:
        return None
    found = " and ".join(
        counted(count, what) for count, what in ((conflicts, "conflict"), (warnings, "warning")) if count
    )
    return Verdict(
        "warn", "Problems need your attention",
        f"{found}. {_extensions(facts)}",
        conflicts + warnings, "View findings", f"/runs/{facts.planned.id}/findings",
    )  # fmt: skip


def _schedule(facts: Facts) -> Verdict | None:
    if facts.is_schedule_on:
        return None
    return Verdict(
        "warn", "The schedule is off", "The last run made everything match. Later changes wait until somebody starts a run.",
        None, "Open schedule", "/settings/schedule",
    )  # fmt: skip


def _without(facts: Facts) -> Verdict | None:
    """Whoever has no number needs none, as far as the directory says: the rest is in sync, and how many is told."""
    without = facts.people - facts.managed
    if without <= 0:
        return None
    return Verdict(
        "info", "Some people have no extension",
        f"{_extensions(facts)} Everybody else has no number in the directory, or needs no extension by the rules.",
        without, "Check number attribute", "/settings/directory",
    )  # fmt: skip


def _extensions(facts: Facts) -> str:
    return f"{facts.managed:,} of {counted(facts.people, 'person', 'people')} have a managed extension."


_JUDGES: tuple[Callable[[Facts], Verdict | None], ...] = (
    _set_up, _queue, _active, _failed, _held, _reservation, _unread, _preview, _first, _found_nobody, _cancelled, _owed,
    _findings, _schedule, _without,
)  # fmt: skip
