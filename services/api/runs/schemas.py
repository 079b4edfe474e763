"""Runs, their plans and their progress on the wire."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field, model_validator

from services.api.runs.queries.plans import PlanView
from services.api.web.schemas import Added, Answer, Request, example
from shared.database.tables import Run, RunKind, RunState
from shared.domain.command import CommandKind, CommandState, Stage
from shared.domain.plan import FindingCode, Severity
from shared.runs.verdict import has_warnings, hold_reasons, waiting_counts

_HASH = "9f2c4f0f0c8d0b1f5c1f0f5d6a7b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f7"
_REASON = {
    "code": "removals",
    "message": "12 of 140 extensions would be removed, above both limits (5 and 5 %).",
    "unit": None,
}
_RUN = {
    "id": 7,
    "site_id": "default",
    "kind": "full",
    "state": "held",
    "trigger": "demand",
    "actor": "token:monitoring",
    "person_guid": None,
    "settings_versions": {"directory": 2, "phone_system": 1},
    "plan_hash": _HASH,
    "counts": {"delete_extension": 12, "update_extension": 3},
    "waiting": {"delete_extension": 12},
    "people": 128,
    "hold_reasons": [_REASON],
    "approved_by": None,
    "approved_at": None,
    "superseded_by": None,
    "ignores_blackout": None,
    "undoes": None,
    "has_warnings": False,
    "error_code": None,
    "error_message": None,
    "created_at": "2026-11-23T12:00:00Z",
    "planned_at": "2026-11-23T12:00:04Z",
    "finished_at": None,
}
_COMMAND = {
    "sequence": 1,
    "wave": 0,
    "stage": "update",
    "kind": "update_extension",
    "number": "100",
    "person_guid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "person_name": "Ada Lovelace",
    "before": {"mobile": ""},
    "after": {"mobile": "+15550100"},
    "requires": [],
    "unit": "OU=Sales,DC=corp,DC=example",
    "reason": "The mobile number was changed in the directory.",
    "evidence": "CN=Ada Lovelace,OU=Sales,DC=corp,DC=example",
    "state": "pending",
    "error_code": None,
    "error_message": None,
    "started_at": None,
    "finished_at": None,
}
_FINDING = {
    "id": 3,
    "code": "duplicate_number",
    "severity": "conflict",
    "message": "Ada Lovelace and Alan Turing both have the number 100; neither is given it.",
    "number": "100",
    "person_guids": ["0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"],
    "person_names": ["Ada Lovelace", "Alan Turing"],
}
PROGRESS_EXAMPLE: dict[str, Any] = {
    "run_id": 7,
    "state": "executing",
    "parts_read": 3,
    "parts_total": 3,
    "people": 128,
    "commands": {"done": 4, "pending": 8},
    "stages": {"update": {"done": 4, "pending": 8}},
    "commands_total": 12,
}


class NewRun(Request):
    """A run to be started."""

    model_config = example(kind="person", person="ada.lovelace")
    kind: RunKind = Field(RunKind.FULL, description="preview never executes without an approval.")
    person: str | None = Field(
        None,
        max_length=2048,
        description="For kind person: objectGUID, login, e-mail address, number, name or distinguished name.",
    )

    @model_validator(mode="after")
    def _person_fits_the_kind(self) -> Self:
        if self.kind is RunKind.CHANGES:
            raise ValueError("runs of kind 'changes' start by themselves")
        if (self.kind is RunKind.PERSON) != (self.person is not None):
            raise ValueError("person must be given for kind 'person', and for no other kind")
        if self.kind is RunKind.WHAT_IF:
            raise ValueError("a run of kind 'what_if' is started from the settings in the console")
        if self.kind is RunKind.UNDO:
            raise ValueError("a run of kind 'undo' is started at /runs/{run_id}/undo")
        return self


class HoldReasonOut(Answer):
    """One limit that the plan exceeds."""

    model_config = example(**_REASON)
    code: str
    message: str
    unit: str | None


class RunOut(Answer):
    """One run as it stands."""

    model_config = example(**_RUN)
    id: int
    site_id: str
    kind: RunKind | Added
    state: RunState
    trigger: str
    actor: str
    person_guid: str | None
    settings_versions: dict[str, int]
    plan_hash: str | None = Field(description="What an approval must name.")
    counts: dict[str, int] = Field(description="Commands of the plan by kind.")
    waiting: dict[str, int] = Field(description="Commands that an approval would release, by kind.")
    people: int
    hold_reasons: list[HoldReasonOut]
    approved_by: str | None
    approved_at: datetime | None
    superseded_by: int | None
    ignores_blackout: bool | None = Field(
        default=None, description="Whether its changes are applied in a blackout window of the schedule."
    )
    undoes: int | None = Field(description="For kind undo, the run that it takes back.")
    has_warnings: bool = Field(description="Done, but not in sync: see error_code and error_message.")
    error_code: str | None
    error_message: str | None
    created_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        """The run's row as an answer."""
        computed = {
            "hold_reasons": [HoldReasonOut.model_validate(reason) for reason in hold_reasons(run)],
            "waiting": waiting_counts(run),
            "has_warnings": has_warnings(run),
        }
        stored = {name: getattr(run, name) for name in cls.model_fields if name not in computed}
        return cls.model_validate(stored | computed)


class RunList(Answer):
    """A page of runs, newest first."""

    model_config = example(items=[_RUN], next_before=None)
    items: list[RunOut]
    next_before: int | None = Field(description="The before of the next page; null on the last.")


class CommandOut(Answer):
    """One step of a plan and what became of it."""

    model_config = example(**_COMMAND)
    sequence: int
    wave: int
    stage: Stage | Added
    kind: CommandKind | Added
    number: str
    person_guid: str | None
    person_name: str
    before: dict[str, Any]
    after: dict[str, Any]
    requires: list[int]
    unit: str
    reason: str
    evidence: str
    state: CommandState
    error_code: str | None = Field(description="Why it was not done; of a held command, why it waits.")
    error_message: str | None
    started_at: datetime | None
    finished_at: datetime | None


class FindingOut(Answer):
    """Something the plan did not do, or did with a reservation."""

    model_config = example(**_FINDING)
    id: int
    code: FindingCode | Added
    severity: Severity
    message: str
    number: str
    person_guids: list[str]
    person_names: list[str]


class FindingList(Answer):
    """A page of findings."""

    model_config = example(items=[_FINDING], next_after=None)
    items: list[FindingOut]
    next_after: int | None


class PlanOut(Answer):
    """A page of a plan."""

    model_config = example(
        run=_RUN, plan_hash=_HASH, hold_reasons=[_REASON], total=1, commands=[_COMMAND], next_after=None
    )
    run: RunOut
    plan_hash: str | None
    hold_reasons: list[HoldReasonOut]
    total: int = Field(description="Commands that fit the filter, on all pages.")
    commands: list[CommandOut]
    next_after: int | None = Field(description="The after of the next page; null on the last.")

    @classmethod
    def of(cls, view: PlanView) -> "PlanOut":
        """A page as an answer."""
        run = RunOut.of(view.run)
        return cls(
            run=run,
            plan_hash=run.plan_hash,
            hold_reasons=run.hold_reasons,
            total=view.total,
            commands=[CommandOut.model_validate(row) for row in view.commands],
            next_after=view.next_after,
        )


class Approval(Request):
    """Which plan is approved, and which of its commands are not."""

    model_config = example(plan_hash=_HASH, leave_out=[3])
    plan_hash: str = Field(min_length=64, max_length=64)
    leave_out: list[int] = Field(
        [], max_length=200_000, description="Sequences; whatever requires one of them is left out too."
    )


class Rejection(Request):
    """Why a plan is refused, if anyone wants to say."""

    model_config = example(reason="Sales is being moved to another unit today.")
    reason: str = Field("", max_length=500)


class ProgressOut(Answer):
    """How far a run is."""

    model_config = example(**PROGRESS_EXAMPLE)
    run_id: int
    state: RunState
    parts_read: int
    parts_total: int
    people: int
    commands: dict[str, int] = Field(description="Commands by state.")
    stages: dict[str, dict[str, int]] = Field(description="Commands by stage and state.")
    commands_total: int
