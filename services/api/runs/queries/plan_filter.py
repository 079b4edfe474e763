"""Which rows of a plan a reader wants to see, and what of a plan can be filtered by."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, or_

from services.api.runs.plan_words import READING_ORDER
from shared.database.search import holds
from shared.database.tables import CommandRow
from shared.domain.command import CommandState
from shared.language import replaced

# In a reason stands whose it is; without that, the same sentence is the same reason.
_WHOSE = (CommandRow.person_name, CommandRow.number, CommandRow.unit)
_BLANK = "…"


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """Which rows; what is ``None`` or empty does not limit. ``why`` is a reason as ``sentence`` has it, ``hold`` the code
    of the reason that a row waits for, ``after`` the last row of the page before.
    """

    kind: str = ""
    state: CommandState | None = None
    unit: str = ""
    why: str = ""
    hold: str = ""
    text: str = ""
    after: int = 0

    def conditions(self, run_id: int) -> list[ColumnElement[bool]]:
        """Of rows, that they are the run's and fit."""
        found: list[ColumnElement[bool]] = [CommandRow.run_id == run_id]
        if self.kind:
            found.append(CommandRow.kind == self.kind)
        if self.state is not None:
            found.append(CommandRow.state == self.state.value)
        if self.unit:
            found.append(CommandRow.unit == self.unit)
        if self.hold:
            found.append(CommandRow.error_code == self.hold)
        if self.why:
            found.append(sentence() == self.why)
        if self.text:
            searched = (CommandRow.number, CommandRow.person_name, CommandRow.reason, CommandRow.unit)
            found.append(or_(*(holds(column, self.text) for column in searched)))
        return found


def sentence() -> ColumnElement[str]:
    """A row's reason without whose it is."""
    text: ColumnElement[str] = CommandRow.reason.expression
    for whose in _WHOSE:
        # What is empty replaces nothing, on each database.
        text = func.replace(text, whose, _BLANK)
    return text


def sentence_of(row: CommandRow) -> str:
    """As ``sentence``, of a row that was read: to be shown in another language."""
    return replaced(row.reason, [row.person_name or "", row.number or "", row.unit or ""], _BLANK)


def rank() -> ColumnElement[int]:
    """Where a row's kind comes when a plan is read: removals first."""
    return case(
        {kind.value: place for place, kind in enumerate(READING_ORDER)},
        value=CommandRow.kind,
        else_=len(READING_ORDER),
    )
