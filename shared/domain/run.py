"""The states and kinds of runs and of the parts of their snapshots."""

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is; see docs/runs.md for the transitions."""

    COLLECTING = "collecting"
    IN_STEP = "in_step"
    PLANNED = "planned"
    HELD = "held"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunKind(StrEnum):
    """``preview`` never executes without an approval; ``person`` plans for one person only."""

    FULL = "full"
    PREVIEW = "preview"
    PERSON = "person"


class PartKind(StrEnum):
    """The parts of a snapshot: each unit, the bound people found in none of them, and the phone system.

    ``lookup`` comes while the plan is executed: people whom it concerns, looked up again.
    """

    UNIT = "unit"
    ABSENT = "absent"
    EXTENSIONS = "extensions"
    LOOKUP = "lookup"


class PartState(StrEnum):
    """``complete`` only with a proof; ``failed`` when it was given up."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"
