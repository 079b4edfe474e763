"""The overview: is everything in step, what was last, what is next, what waits for somebody."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.api.console.live import live_changes
from services.api.console.rendering import link, page
from services.api.console.request import FormDep, console_request, text_of
from services.api.console.scope import OperatorDep, SiteDep, VisitorDep
from services.api.console.words import ago
from services.api.overview import trend
from services.api.overview.queries import Due, End, find_stranded, read_overview
from services.api.overview.verdict import judge
from services.api.people.use_cases.grace import list_graces
from services.api.people.use_cases.owed import list_owed
from services.api.sites.use_cases.holding import hold_site, release_site
from services.api.web.dependencies import ContextDep
from shared.domain.schedule import Weekday
from shared.domain.watching import WatchStatus, is_watched
from shared.language import declared, listed, phrase
from shared.releases import Release, known_release
from shared.settings.documents import ScheduleSettings, SiteSettings
from shared.worker.context import Context

router = APIRouter()


@router.get("/")
def show_overview(request: Request, context: ContextDep, site: SiteDep, _visitor: VisitorDep) -> Response:
    """The page."""
    settings = context.site_settings(site).settings
    seen = read_overview(context, site)
    now = datetime.now(UTC)
    stranded = find_stranded(context, site, settings.schedule, now)
    queue = _queue(request.app.state.broker_health.answers(), stranded)
    facts = replace(seen.facts, queue_problem="" if queue.is_well else queue.message)
    watched = is_watched(seen.watches, now)
    days = trend.days_of(seen.done, seen.held, now, console_request(request).clock.zone)
    return page(
        request,
        "overview.html",
        seen=seen,
        missing=facts.missing,
        verdict=judge(facts),
        days=[day for day in days if day.total],
        bars=trend.bars(days),
        names=trend.names(),
        tones=trend.TONES,
        chart_size=(trend.WIDTH, trend.HEIGHT),
        blackout=settings.schedule.blackout_at(now),
        schedule=schedule_in_words(settings.schedule, is_watched=watched),
        next_run_at=settings.schedule.next_run_at(now, is_watched=watched),
        live=_live(seen.watches, settings, now),
        leaving=list_graces(context, site),
        owed=list_owed(context, site),
        now=now,
        queue=queue,
        newer_release=_newer_release(context),
    )


def _newer_release(context: Context) -> Release | None:
    release = known_release(context.settings.newest_release)
    return release if release is not None and release.is_newer else None


@router.post("/hold")
def hold(context: ContextDep, site: SiteDep, visitor: OperatorDep, form: FormDep) -> Response:
    """Hold all changes of the site, or release them."""
    if text_of(form, "hold"):
        hold_site(context, site, visitor.actor, text_of(form, "reason"))
    else:
        release_site(context, site, visitor.actor)
    return RedirectResponse(link("/"), HTTPStatus.SEE_OTHER)


def _live(watches: Sequence[WatchStatus], settings: SiteSettings, now: datetime) -> End | None:
    """Whether changes are noticed as they are made; ``None`` where they are not to be."""
    if not settings.schedule.is_live:
        return None
    found = live_changes(watches, settings.directory_titles, now)
    return End(found.is_well, found.message, found.answered_at)


def schedule_in_words(schedule: ScheduleSettings, *, is_watched: bool = False) -> str:
    """When runs start by themselves."""
    if not schedule.is_enabled:
        return declared("Only on demand")
    counted = schedule.to_schedule(is_watched=is_watched)
    if counted.mode == "every":
        return (
            declared("Every minute")
            if schedule.every_minutes == 1
            else phrase("Every {every_minutes} minutes", every_minutes=schedule.every_minutes)
        )
    times = ", ".join(counted.times)
    if len(schedule.weekdays) == len(Weekday):
        return phrase("Daily at {times} ({time_zone})", times=times, time_zone=schedule.time_zone)
    return phrase(
        "{days} at {times} ({time_zone})",
        days=listed(declared(day.label) for day in schedule.weekdays),
        times=times,
        time_zone=schedule.time_zone,
    )


def _queue(is_broker_well: bool, stranded: Due | None) -> End:
    """How what lies between the two ends is: the broker, and the workers that take up work."""
    if not is_broker_well:
        return End(
            False,
            declared(
                "The message broker does not respond. Runs wait until it does. Start the broker or correct its URL."
            ),
            None,
        )
    if stranded is None:
        return End(True, declared("The broker responds and the queue is empty."), None)
    if stranded.run is not None:
        problem = phrase(
            "Run {run} was last worked on {since}: no worker is processing it.",
            run=stranded.run.id,
            since=ago(stranded.since),
        )
    else:
        problem = phrase(
            "The schedule was due {since}, but no run was started: the scheduler (beat) or its worker is not running.",
            since=ago(stranded.since),
        )
    return End(
        False,
        phrase("{problem} Support, Run full health check shows which process to start.", problem=problem),
        None,
    )
