"""Commands about runs: start, look at the plan, decide, explain."""

from contextlib import nullcontext
from typing import Annotated

import typer

from services.api.people.schemas.people import ExplanationOut
from services.api.people.use_cases.explain import explain as explain_person
from services.api.runs.schemas import FindingOut, PlanOut, RunOut
from services.api.runs.use_cases import runs
from services.cli.deployment import is_served, workers_where_embedded
from services.cli.exit_codes import FAILED, HELD, WARNINGS
from services.cli.following import follow
from services.cli.options import (
    ACTOR,
    DEFAULT_SITE,
    AsJson,
    RunNumber,
    Site,
    Wait,
    deployment_of,
)
from services.cli.output import (
    console,
    moment,
    print_json,
    run_line,
    say,
    show_commands,
    show_findings,
    show_run,
    table,
)
from shared.database.tables import Run, RunKind, RunState
from shared.domain.command import CommandKind
from shared.domain.plan import counts_in_words
from shared.errors import Conflict, WorkerUnavailable
from shared.runs.start import WAITING_STATES
from shared.runs.verdict import has_warnings, hold_reasons, waiting_counts
from shared.values.digits import whole_number
from shared.worker.context import Context

_SHOWN = 60
_SHORTEST_HASH = 8
_MOST_ROWS = 1_000_000
_GOOD = (RunState.IN_STEP, RunState.DONE, RunState.PLANNED)


def run(
    command: typer.Context,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only plan. Nothing is changed without approval.")
    ] = False,
    person: Annotated[
        str | None,
        typer.Option(help="Only for this person: objectGUID, login, e-mail, number, name or DN."),
    ] = None,
    wait: Wait = False,
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Compare the directory with the phone system and sync them.

    Exit code: 0 in sync, done or previewed; 1 failed; 3 held: some changes need approval; 4 done with warnings.
    """
    if preview and person is not None:
        raise typer.BadParameter("--preview and --person exclude each other.")
    context = deployment_of(command)
    if not wait and not is_served(context):
        raise _no_worker()
    kind = RunKind.PREVIEW if preview else RunKind.PERSON if person is not None else RunKind.FULL
    if not wait:
        started = runs.start(context, site, kind, ACTOR, person=person)
        if as_json:
            print_json(RunOut.of(started))
        else:
            say(f"Run {started.id} started. See its progress: `rollcall plan {started.id}`.")
        return
    with workers_where_embedded(context):
        started = runs.start(context, site, kind, ACTOR, person=person)
        ended = follow(context, started.id)
    _report(context, ended, as_json)


def list_runs(
    command: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    kind: Annotated[RunKind | None, typer.Option(help="Only runs of this kind.")] = None,
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """List the runs of a site, newest first; without change runs that had nothing to do."""
    found = runs.list_runs(deployment_of(command), site, limit, kind=kind)
    if as_json:
        print_json([RunOut.of(item) for item in found])
        return
    table(
        "Runs",
        ("run", "started", "kind", "by", "state", "people", "plan"),
        [
            (
                item.id,
                moment(item.created_at),
                item.kind,
                item.trigger,
                item.state.replace("_", " "),
                item.people,
                counts_in_words(item.counts) if item.planned_at else item.error_message or "",
            )
            for item in found
        ],
        "There are no runs yet.",
    )


def plan(
    command: typer.Context,
    run_id: RunNumber,
    kind: Annotated[CommandKind | None, typer.Option(help="Only commands of this kind.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every command, not only the first ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a run will change or has changed, and why."""
    context = deployment_of(command)
    view = runs.plan_of(context, run_id, kind=kind, limit=None if everything or as_json else _SHOWN)
    if as_json:
        findings = [FindingOut.model_validate(row).model_dump(mode="json") for row in view.findings]
        print_json(PlanOut.of(view).model_dump(mode="json") | {"findings": findings})
        return
    show_run(view.run, view.reasons)
    show_commands(view.commands, view.total)
    show_findings(view.findings)
    if view.run.state in WAITING_STATES:
        say(
            f"Approve exactly this plan: rollcall approve {run_id} --hash {(view.run.plan_hash or '')[:12]}\n"
            f"Or refuse it:              rollcall reject {run_id} --reason '...'"
        )


def approve(
    command: typer.Context,
    run_id: RunNumber,
    plan_hash: Annotated[
        str | None,
        typer.Option(
            "--hash", help="The plan's hash, or its first 8 characters, as `rollcall plan` shows it."
        ),
    ] = None,
    leave_out: Annotated[
        str, typer.Option(help="Rows not to execute, e.g. 3,7-9; what requires them is left out too.")
    ] = "",
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Approve exactly the plan that was shown, without the rows left out."""
    context = deployment_of(command)
    rows = _rows(leave_out)
    known = runs.get_run(context, run_id)
    chosen = _whole_hash(known, plan_hash) if plan_hash is not None else _asked(known)
    with workers_where_embedded(context) if wait else nullcontext():
        approved = runs.approve(context, run_id, chosen, ACTOR, rows)
        if wait:
            approved = follow(context, approved.id)
    if wait:
        _report(context, approved, as_json)
    elif as_json:
        print_json(RunOut.of(approved))
    else:
        say(run_line(approved) + ".")
        if not is_served(context):
            say("No `rollcall up` works with this database: start it, and it executes the plan.")


def reject(
    command: typer.Context,
    run_id: RunNumber,
    reason: Annotated[str, typer.Option(help="Reason, shown in the Log.")] = "",
) -> None:
    """Reject a plan. Nothing is changed."""
    say(run_line(runs.reject(deployment_of(command), run_id, ACTOR, reason)) + ".")


def cancel(command: typer.Context, run_id: RunNumber) -> None:
    """Cancel a run: a command in progress is finished, the others are skipped, nothing is undone."""
    say(run_line(runs.cancel(deployment_of(command), run_id, ACTOR)) + ".")


def apply_now(command: typer.Context, run_id: RunNumber) -> None:
    """Apply the changes of an active run although a blackout window of the schedule applies."""
    say(run_line(runs.apply_now(deployment_of(command), run_id, ACTOR)) + ".")


def undo(command: typer.Context, run_id: RunNumber, wait: Wait = False, as_json: AsJson = False) -> None:
    """Plan to take back what a run did. Nothing is changed before the plan is approved.

    What somebody has changed since that run is left as it is.
    """
    context = deployment_of(command)
    if not wait and not is_served(context):
        raise _no_worker()
    with workers_where_embedded(context) if wait else nullcontext():
        run = runs.undo(context, run_id, ACTOR)
        if wait:
            run = follow(context, run.id)
    if wait:
        _report(context, run, as_json)
    elif as_json:
        print_json(RunOut.of(run))
    else:
        say(f"Run {run.id} started. See its plan: `rollcall plan {run.id}`.")


def explain(
    command: typer.Context,
    person: Annotated[str, typer.Argument(help="objectGUID, login, e-mail, number, name or DN.")],
    as_json: AsJson = False,
    site: Site = DEFAULT_SITE,
) -> None:
    """Explain a person's extension."""
    explanation = explain_person(deployment_of(command), site, person)
    if as_json:
        print_json(ExplanationOut.model_validate(explanation))
        return
    console().print(f"{explanation.name} ({explanation.guid})", style="bold", markup=False, soft_wrap=True)
    for sentence in explanation.sentences:
        console().print(f"• {sentence}", markup=False, soft_wrap=True)


def _no_worker() -> WorkerUnavailable:
    return WorkerUnavailable(
        "No `rollcall up` works with this database, so the run would not be executed. Add --wait to execute it here."
    )


def _report(context: Context, ended: Run, as_json: bool) -> None:
    if as_json:
        print_json(RunOut.of(ended))
    else:
        view = runs.plan_of(context, ended.id, limit=_SHOWN)
        show_run(ended, hold_reasons(ended))
        show_commands(view.commands, view.total)
        show_findings(view.findings)
        if ended.state in WAITING_STATES:
            say(f"Approve it: rollcall approve {ended.id} --hash {(ended.plan_hash or '')[:12]} --wait")
    if ended.state == RunState.HELD:
        raise typer.Exit(HELD)
    if ended.state not in _GOOD:
        raise typer.Exit(FAILED)
    if has_warnings(ended):
        raise typer.Exit(WARNINGS)


def _whole_hash(run: Run, given: str) -> str:
    stands = run.plan_hash or ""
    if len(given) < _SHORTEST_HASH:
        raise typer.BadParameter(f"--hash needs at least {_SHORTEST_HASH} characters of the plan's hash.")
    # A hash of another plan goes on as it is: the use case knows what to say about it.
    return stands if stands.startswith(given.lower()) else given


def _asked(run: Run) -> str:
    if run.plan_hash is None or run.state not in WAITING_STATES:
        raise Conflict(run_line(run) + ". It does not wait for an approval.", run_id=run.id)
    if not typer.get_text_stream("stdin").isatty():
        raise typer.BadParameter(
            f"Name the plan you have seen: --hash {run.plan_hash[:12]} (from `rollcall plan {run.id}`)."
        )
    if not typer.confirm(f"Execute the plan of run {run.id} ({counts_in_words(waiting_counts(run))})?"):
        say("Nothing was approved.")
        raise typer.Exit(FAILED)
    return run.plan_hash


def _rows(text: str) -> list[int]:
    rows: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        begin, end = whole_number(first, 9), whole_number(last if dash else first, 9)
        if begin is None or end is None or not 0 <= end - begin < _MOST_ROWS:
            raise typer.BadParameter(f"--leave-out takes rows such as 3,7-9; '{part}' is not one.")
        rows.update(range(begin, end + 1))
    return sorted(rows)
