"""The states of watches, for the schedule, the pages, the metrics and the doctor."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.database.tables import ChangeRow, WatchRow
from shared.domain.watching import WatchState, WatchStatus
from shared.language import read_back


def watch_statuses(session: Session, site_ids: Collection[str] | None = None) -> dict[str, list[WatchStatus]]:
    """The watches of these sites, or of all; a site whose directories are not watched is left out."""
    rows = select(
        WatchRow.site_id, WatchRow.directory, WatchRow.state, WatchRow.method, WatchRow.error_message,
        WatchRow.error_message_sentence, WatchRow.last_answer_at, WatchRow.last_change_at,
        WatchRow.needs_full_reading, WatchRow.needs_full_reading_sentence,
    ).order_by(WatchRow.site_id, WatchRow.directory)  # fmt: skip
    if site_ids is not None:
        rows = rows.where(WatchRow.site_id.in_(site_ids))
    found: dict[str, list[WatchStatus]] = {}
    for row in session.execute(rows):
        found.setdefault(row.site_id, []).append(
            WatchStatus(
                row.directory,
                WatchState(row.state),
                row.method,
                read_back(row.error_message or "", row.error_message_sentence),
                row.last_answer_at,
                row.last_change_at,
                read_back(row.needs_full_reading or "", row.needs_full_reading_sentence),
            )
        )
    return found


def waiting_changes(session: Session) -> dict[str, int]:
    """How many changes of each site wait for a run; sites without any are left out."""
    rows = session.execute(
        select(ChangeRow.site_id, func.count().label("waiting"))
        .where(ChangeRow.run_id.is_(None))
        .group_by(ChangeRow.site_id)
    )
    return {row.site_id: row.waiting for row in rows}
