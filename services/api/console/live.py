"""How live changes of a site stand, in a sentence. Pure, but for "how long ago", which the clock of the page tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.api.console.words import ago
from shared.domain.watching import WatchState, WatchStatus, is_watched
from shared.language import declared, listed, phrase

_FALLS_BACK = declared("Until then, full runs start on schedule.")


@dataclass(frozen=True, slots=True)
class Live:
    """``is_well`` is ``None`` while nobody can tell yet; ``answered_at`` is when the directory last answered."""

    is_well: bool | None
    message: str
    answered_at: datetime | None


def live_changes(watches: Sequence[WatchStatus], titles: Mapping[str, str], now: datetime) -> Live:
    """Whether changes are noticed as they are made, and if not, why. ``titles`` are of sites with several directories."""
    changed = max((watch.last_change_at for watch in watches if watch.last_change_at), default=None)
    answered = min((watch.last_answer_at for watch in watches if watch.last_answer_at), default=None)
    if is_watched(watches, now):
        text = (
            phrase("Live, last change {since}.", since=ago(changed, now))
            if changed
            else declared("Live, no change yet.")
        )
        needed = next((watch.needs_full_reading for watch in watches if watch.needs_full_reading), "")
        if needed:
            text = listed([text, phrase("A full run is required: {reason}", reason=needed)], " ")
        return Live(True, text, None)
    failing = next((watch for watch in watches if watch.state is WatchState.FAILING), None)
    if failing is not None:
        reason = failing.error_message
        if failing.directory in titles:
            reason = phrase("{directory}: {reason}", directory=titles[failing.directory], reason=reason)
        return Live(False, listed([declared("Not live."), reason, _FALLS_BACK], " "), answered)
    if any(watch.state is WatchState.STARTING for watch in watches):
        return Live(None, declared("Connecting to the domain controller."), answered)
    return Live(
        False,
        listed(
            [
                declared("Not live: no process watches the directory. Start one `rollcall watch`."),
                _FALLS_BACK,
            ],
            " ",
        ),
        answered,
    )
