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
    """``preview`` never executes without an approval; ``person`` plans for one person only, ``changes`` for those whom changes
    noticed in the directory concern, from what is read of them alone; ``what_if`` shows the plan that other
    settings would make, and leaves nothing but that. ``undo`` takes back what another run did, when it is approved.
    """

    FULL = "full"
    PREVIEW = "preview"
    PERSON = "person"
    CHANGES = "changes"
    WHAT_IF = "what_if"
    UNDO = "undo"


class PartKind(StrEnum):
    """The parts of a snapshot: each unit, the bound people found in none of them, and the phone system.

    ``lookup`` comes while the plan is executed: people whom it concerns, looked up again. ``people`` and ``some_extensions``
    are those of a change run: the people and the extensions concerned, and nobody else.
    """

    UNIT = "unit"
    ABSENT = "absent"
    EXTENSIONS = "extensions"
    LOOKUP = "lookup"
    PEOPLE = "people"
    SOME_EXTENSIONS = "some_extensions"


class PartState(StrEnum):
    """``complete`` only with a proof; ``failed`` when it was given up."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"
