"""What a run's row says of its plan: why rows are held, how many wait, whether it ended with warnings. Pure."""

from collections.abc import Mapping
from typing import Any

from shared.database.tables import Run, RunState
from shared.domain.plan import HoldReason
from shared.language import read_back

ACTIVE_STATES = (RunState.COLLECTING.value, RunState.EXECUTING.value)
WAITING_STATES = (RunState.PLANNED.value, RunState.HELD.value)
GOOD_ENDS = (RunState.DONE.value, RunState.IN_STEP.value)


def hold_reasons(run: Run) -> list[HoldReason]:
    """Why the guards hold rows of the run's plan; empty when they do not."""
    stored: list[Mapping[str, Any]] = run.hold_reasons.get("reasons", [])
    return [
        HoldReason(item["code"], read_back(item["message"], item.get("sentence")), item.get("unit"))
        for item in stored
    ]


def waiting_counts(run: Run) -> dict[str, int]:
    """How many commands of each kind wait for an approval; empty when the run does not wait."""
    if run.state not in WAITING_STATES:
        return {}
    return dict(run.hold_reasons.get("waiting", run.counts))


def has_warnings(run: Run) -> bool:
    """Whether the run ended well but for something that ``error_code`` and ``error_message`` name: not in step."""
    return run.state in GOOD_ENDS and run.error_code is not None
