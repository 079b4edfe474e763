"""The overview: is everything in step, what was last, what is next, what waits for somebody."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from services.api.console.rendering import page
from services.api.console.scope import SiteDep, VisitorDep
from services.api.console.words import ago
from services.api.overview import chart
from services.api.overview.queries import Due, End, Overview, find_stranded, read_overview
from services.api.people.use_cases.grace import list_graces
from services.api.people.use_cases.owed import list_owed
from services.api.web.dependencies import ContextDep
from shared.database.tables import RunState
from shared.domain.plan import FindingCode, counts_in_words
from shared.runs.verdict import has_warnings, waiting_counts
from shared.settings.documents import ScheduleSettings, SiteSettings

router = APIRouter()


@router.get("/")
def show_overview(request: Request, context: ContextDep, site: SiteDep, _visitor: VisitorDep) -> Response:
    """The page."""
    settings = context.site_settings(site).settings
    seen = read_overview(context, site)
    missing = _missing(settings)
    now = datetime.now(UTC)
    stranded = find_stranded(context, site, settings.schedule, now)
    tone, title, text = _standing(seen, missing)
    return page(
        request,
        "overview.html",
        seen=seen,
        missing=missing,
        tone=tone,
        title=title,
        text=text,
        bars=chart.bars(seen.history),
        chart_size=(chart.WIDTH, chart.HEIGHT),
        schedule=schedule_in_words(settings.schedule),
        next_run_at=settings.schedule.next_run_at(now),
        leaving=list_graces(context, site),
        owed=list_owed(context, site),
        now=now,
        queue=_queue(request.app.state.broker_health.answers(), stranded),
    )


def schedule_in_words(schedule: ScheduleSettings) -> str:
    """When runs start by themselves."""
    if not schedule.is_enabled:
        return "Only on demand"
    if schedule.mode == "every":
        return "Every minute" if schedule.every_minutes == 1 else f"Every {schedule.every_minutes} minutes"
    return f"Daily at {', '.join(schedule.times)} ({schedule.time_zone})"


def _queue(is_broker_well: bool, stranded: Due | None) -> End:
    """How what lies between the two ends is: the broker, and the workers that take up work."""
    if not is_broker_well:
        return End(
            False,
            "The message broker does not respond. Runs wait until it does. Start the broker or correct its URL.",
            None,
        )
    if stranded is None:
        return End(True, "The broker responds and the queue is empty.", None)
    if stranded.run is not None:
        said = f"Run {stranded.run.id} was last worked on {ago(stranded.since)}: no worker is processing it."
    else:
        said = f"The schedule was due {ago(stranded.since)}, but no run was started: the scheduler (beat) or its worker is not running."
    return End(False, f"{said} Support, Run full health check shows which process to start.", None)


def _missing(settings: SiteSettings) -> list[tuple[str, str]]:
    """What must be configured before a first run, with the tab of the settings where that is done."""
    needed = (
        ("directory", "a domain controller of Active Directory", settings.directory.servers),
        ("units", "an organizational unit", settings.directory.units),
        ("phone-system", "the phone system's address", settings.phone_system.base_url),
        ("phone-system", "the phone system's API client", settings.phone_system.client_id),
    )
    return [(tab, what) for tab, what, given in needed if not given]


def _standing(seen: Overview, missing: list[tuple[str, str]]) -> tuple[str, str, str]:
    """Colour, headline and sentence for where the site stands."""
    newest = seen.newest
    if missing:
        return "warn", "Set-up required", "Connect Active Directory and the phone system to begin."
    if seen.active is not None:
        what = "Reading" if seen.active.state == RunState.COLLECTING else "Making changes"
        return "info", what, f"Run {seen.active.id} is going."
    if seen.waiting is not None and seen.waiting.state == RunState.HELD:
        return (
            "warn",
            "A plan needs your approval",
            f"Run {seen.waiting.id} would {counts_in_words(waiting_counts(seen.waiting))}. Nothing is changed until it is approved.",
        )
    if seen.waiting is not None:
        return (
            "info",
            "A preview is ready",
            f"Run {seen.waiting.id} would {counts_in_words(seen.waiting.counts)}. Nothing is changed unless it is approved.",
        )
    if newest is None:
        return (
            "info",
            "Ready for the first preview",
            "Active Directory and the phone system are connected. A preview shows what a run would change.",
        )
    if has_warnings(newest):
        headlines = {
            FindingCode.CONTROLLER_BEHIND: "A domain controller is behind",
            FindingCode.STEPS_OWED: "Some extensions are not finished",
            FindingCode.STEPS_REFUSED: "Some extensions are not finished",
        }
        said = next(
            (line for code, line in headlines.items() if code == newest.error_code), "Done with warnings"
        )
        return "warn", said, newest.error_message or ""
    if newest.state in (RunState.IN_STEP, RunState.DONE):
        if seen.conflicts_total:
            return (
                "good",
                "In sync, with open conflicts",
                f"Everything that can be done is done; {seen.conflicts_total} need a person to look.",
            )
        return "good", "Everything is in sync", "The phone system matches the directory."
    if newest.state == RunState.FAILED:
        return (
            "bad",
            "The last run failed",
            newest.error_message or "Some changes failed. The run shows which.",
        )
    return "dim", "The last run was cancelled", "Start a new run to see the current state."
