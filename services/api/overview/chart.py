"""The bars of the overview: one for each run, as high as its plan is long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.api.console.words import run_state
from shared.database.tables import Run
from shared.domain.plan import counts_in_words
from shared.language import declared, phrase

WIDTH, HEIGHT = 600, 120
_LEAST = 3.0
_GAP = 0.28
# With few runs a bar must not fill the page.
_FEWEST_SLOTS = 15


@dataclass(frozen=True, slots=True)
class Bar:
    """One run, in units of the picture."""

    run_id: int
    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


def bars(runs: Sequence[Run]) -> list[Bar]:
    """A bar for each run in the order given, the newest at the right edge."""
    lengths = [sum(run.counts.values()) for run in runs]
    longest = max([*lengths, 1])
    slot = WIDTH / max(len(runs), _FEWEST_SLOTS)
    first = WIDTH - slot * len(runs)
    drawn = []
    for position, (run, length) in enumerate(zip(runs, lengths, strict=True)):
        height = _LEAST + (HEIGHT - _LEAST) * length / longest
        counts = counts_in_words(run.counts) if run.planned_at is not None else declared("not planned")
        drawn.append(
            Bar(
                run.id,
                round(first + slot * (position + _GAP / 2), 1),
                round(HEIGHT - height, 1),
                round(slot * (1 - _GAP), 1),
                round(height, 1),
                run_state(run.kind, run.state)[1],
                phrase(
                    "Run {run}: {state}, {counts}",
                    run=run.id,
                    state=run_state(run.kind, run.state)[0],
                    counts=counts,
                ),
            )
        )
    return drawn
