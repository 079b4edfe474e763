"""A site whose runs end as a test says, and what it tells then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import sites
from services.notifier.notifying import notify
from shared.database.commands import finding_values
from shared.database.tables import FindingRow, OutboxRow, Run, RunKind, RunState
from shared.domain.plan import Finding
from shared.worker.context import Context
from tests.integration.api.builders import make_run
from tests.integration.api.conftest import READY
from tests.support.receivers import HOST, MailServer

SITE = "default"


def by_mail(server: MailServer, **changes: Any) -> dict[str, Any]:
    """Settings that send everything to this server, unprotected."""
    return {
        "smtp_host": HOST,
        "smtp_port": server.port,
        "smtp_security": "none",
        "sender": "rollcall@example.com",
        "recipients": ["phones@example.com"],
        "console_address": "https://rollcall.example.com",
        **changes,
    }


def open_site(context: Context, site: str, name: str) -> None:
    """Another site, ready to run."""
    sites.create_site(context, site, "test", name)
    phone_system = {**READY["phone_system"], "base_url": f"https://{site}.example.test:5001"}
    settings.apply_settings(context, site, {**READY, "phone_system": phone_system}, "test")


def configure(context: Context, site: str = SITE, **values: Any) -> None:
    """Save the section as an administrator would."""
    settings.apply_settings(context, site, {"notifications": values}, "test")


def run_that(
    context: Context, state: RunState, site: str = SITE, findings: Sequence[Finding] = (), **values: Any
) -> int:
    """A full run that came to this state, with these findings."""
    run_id = make_run(context, site=site)
    now = datetime.now(UTC)
    ended = None if state is RunState.HELD else now
    with context.database.begin() as session:
        found = {
            "state": state.value,
            "kind": RunKind.FULL.value,
            "planned_at": now,
            "finished_at": ended,
            **values,
        }
        session.execute(update(Run).where(Run.id == run_id).values(**found))
        if findings:
            session.execute(insert(FindingRow), [finding_values(run_id, finding) for finding in findings])
    return run_id


def outbox(context: Context, site: str = SITE) -> list[OutboxRow]:
    """All messages of the site, in order."""
    with context.database.read() as session:
        return list(
            session.scalars(select(OutboxRow).where(OutboxRow.site_id == site).order_by(OutboxRow.id))
        )


def states(context: Context, site: str = SITE) -> list[tuple[str, str]]:
    """Kind and state of each."""
    return [(row.kind, row.state) for row in outbox(context, site)]


def bring_forward(context: Context) -> None:
    """Let the time pass until everything that waits is due."""
    with context.database.begin() as session:
        session.execute(update(OutboxRow).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))


def look(context: Context, site: str = SITE) -> None:
    """What ``sweep`` asks for."""
    notify(context, site)
