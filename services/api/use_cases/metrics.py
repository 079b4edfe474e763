"""Figures for monitoring, in the Prometheus text format (version 0.0.4).

Read by ``/metrics`` at every scrape: counts only, made by the indexes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import func, select

from shared.database.tables import CommandRow, Run, RunState
from shared.domain.command import CommandState
from shared.runs.start import GOOD_ENDS
from shared.worker.context import Context


def metrics(context: Context) -> str:
    """Runs and commands by site and state, and the age of each site's last good run in seconds."""
    now = datetime.now(UTC)
    with context.database.read() as session:
        runs = session.execute(
            select(Run.site_id, Run.state, func.count()).group_by(Run.site_id, Run.state)
        ).all()
        commands = session.execute(
            select(Run.site_id, CommandRow.state, func.count())
            .join(Run, Run.id == CommandRow.run_id)
            .group_by(Run.site_id, CommandRow.state)
        ).all()
        good = session.execute(
            select(Run.site_id, func.max(Run.finished_at))
            .where(Run.state.in_(GOOD_ENDS))
            .group_by(Run.site_id)
        ).all()
    lines = [
        *_by_state("rollcall_runs", "Runs by state.", runs, RunState),
        *_by_state("rollcall_commands", "Commands by state.", commands, CommandState),
        "# HELP rollcall_last_good_run_age_seconds Time since the last run that ended well.",
        "# TYPE rollcall_last_good_run_age_seconds gauge",
    ]
    lines += [
        f'rollcall_last_good_run_age_seconds{{site="{site}"}} {(now - finished).total_seconds():.0f}'
        for site, finished in good
        if finished is not None
    ]
    return "\n".join(lines) + "\n"


def _by_state(
    name: str, help_text: str, rows: Iterable[tuple[str, str, int]], states: Iterable[str]
) -> list[str]:
    counted = {(site, state): count for site, state, count in rows}
    sites = sorted({site for site, _ in counted})
    # Every state of a known site, zero too: a series that comes and goes cannot be alerted on.
    return [
        f"# HELP {name} {help_text}",
        f"# TYPE {name} gauge",
        *(
            f'{name}{{site="{site}",state="{state}"}} {counted.get((site, str(state)), 0)}'
            for site in sites
            for state in states
        ),
    ]
