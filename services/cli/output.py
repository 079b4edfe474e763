"""How the command line talks: tables for people on standard output, JSON for programs, the rest on standard error."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from shared.database.tables import CommandRow, EventLevel, FindingRow, Run, RunState
from shared.domain.command import CommandKind
from shared.domain.owed import RESTORES
from shared.domain.plan import HoldReason, Severity, counts_in_words
from shared.language import counted as count_of
from shared.runs.verdict import WAITING_STATES, has_warnings, waiting_counts
from shared.values.text import mixed_alphabets, visible

if TYPE_CHECKING:
    from services.api.log.queries import Entry

_LEVEL_STYLES = {EventLevel.INFO: "", EventLevel.WARNING: "yellow", EventLevel.ERROR: "red"}
_SEVERITY_STYLES = {Severity.INFO: "", Severity.WARNING: "yellow", Severity.CONFLICT: "red"}
_STATE_STYLES = {
    RunState.IN_STEP: "green",
    RunState.DONE: "green",
    RunState.HELD: "yellow",
    RunState.PLANNED: "cyan",
    RunState.FAILED: "red",
    RunState.CANCELLED: "dim",
}
# 3CX's own word for a group.
_KIND_WORDS = {CommandKind.CREATE_DEPARTMENT.value: "create department"}
# Controls but the line's end (C1 too: 0x9b begins a sequence), and what turns or hides text.
_UNSEEN = re.compile(
    "[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
# Wide enough for a plan where the output is no terminal, as in a log file.
_WIDTH_WITHOUT_TERMINAL = 160


class _Terminal(Console):
    """Shows what is there: no text, from wherever it comes, can move the cursor, colour or hide anything, or become a
    picture (``:ab:``).
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text that is printed comes by here, that of tables too; colours are added behind it."""
        return super().render_str(visible(text, "\n"), **options)


def console() -> Console:
    """Standard output for people. Text from a directory is always escaped: it may hold brackets."""
    return _Terminal(
        width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False, emoji=False
    )


def notes() -> Console:
    """Standard error: progress, hints and failures, which a program that reads the output does not see."""
    return _Terminal(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def say(text: str) -> None:
    """A hint for the person at the terminal."""
    notes().print(escape(text))


def report(value: Any, sentence: str, *, as_json: bool) -> None:
    """What was done: for programs the thing itself, for people a sentence."""
    if as_json:
        print_json(value)
    else:
        say(sentence)


def print_json(value: Any) -> None:
    """One JSON document on standard output; schemas of the API and rows made into them print as the API does."""
    text = json.dumps(_plain(value), ensure_ascii=False, indent=2)
    # JSON's own way of writing them, so that a terminal shows them and a program reads the same.
    sys.stdout.write(_UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text) + "\n")


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "") -> None:
    """A table of plain texts; without rows the sentence ``empty`` instead, where there is one."""
    if empty and not rows:
        console().print(escape(empty))
        return
    made = Table(title=escape(title) or None, title_justify="left", title_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(escape(str(cell)) for cell in row))
    console().print(made)


def run_line(run: Run) -> str:
    """What became of a run, in a line."""
    phrase = {
        RunState.COLLECTING: "is reading the directory and the phone system",
        RunState.IN_STEP: "found directory and phone system in sync: nothing to do",
        RunState.PLANNED: "has a plan that needs your approval",
        RunState.HELD: "needs approval",
        RunState.EXECUTING: "is applying its plan",
        RunState.DONE: "is done with warnings" if has_warnings(run) else "is done",
        RunState.FAILED: "failed",
        RunState.CANCELLED: "was cancelled",
    }[RunState(run.state)]
    why = f". {run.error_message}" if run.error_message else ""
    counted = waiting_counts(run) or run.counts
    counts = f" ({counts_in_words(counted)})" if counted else ""
    return f"Run {run.id} {phrase}{counts}{why}"


def show_run(run: Run, reasons: Sequence[HoldReason]) -> None:
    """The state of a run and, while it waits, why."""
    style = "yellow" if has_warnings(run) else _STATE_STYLES.get(RunState(run.state), "")
    line = escape(run_line(run))
    console().print(f"[{style}]{line}[/]" if style else line)
    for reason in reasons if run.state in WAITING_STATES else ():
        where = f" ({reason.unit})" if reason.unit else ""
        console().print(f"  • {escape(reason.message + where)}")


def show_commands(commands: Sequence[CommandRow], total: int) -> None:
    """A plan's commands, before → after, and why."""
    if not commands:
        return
    made = Table(
        title=f"Plan: {count_of(total, 'command', 'commands')}", title_justify="left", title_style="bold"
    )
    for heading, justify in (("#", "right"), ("what", "left"), ("number", "left"), ("person", "left")):
        made.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    made.add_column("change", overflow="fold", ratio=3)
    made.add_column("why", overflow="fold", ratio=4)
    made.add_column("state")
    for row in commands:
        error = f": {row.error_message}" if row.error_message else ""
        made.add_row(
            str(row.sequence),
            _KIND_WORDS.get(row.kind, row.kind.replace("_", " ")),
            escape(row.number),
            escape("\n".join([row.person_name, *_look_alikes(row)])),
            escape(change_of(row)),
            escape(row.reason),
            escape(row.state.replace("_", " ") + error),
        )
    console().print(made)
    if total > len(commands):
        more = count_of(total - len(commands), "more command", "more commands")
        console().print(f"{more}: --all shows them, --json gives everything.")


def _look_alikes(row: CommandRow) -> list[str]:
    return [
        f"! {mixed}"
        for mixed in mixed_alphabets([row.person_name, *row.before.values(), *row.after.values()])
    ]


def show_findings(findings: Sequence[FindingRow], most: int = 50) -> None:
    """What the plan leaves to a person, worst first."""
    if not findings:
        return
    order = [Severity.CONFLICT, Severity.WARNING, Severity.INFO]
    ranked = sorted(findings, key=lambda row: (order.index(Severity(row.severity)), row.id))
    made = Table(title=f"Findings: {len(findings)}", title_justify="left", title_style="bold")
    for heading in ("severity", "code", "what was found"):
        made.add_column(heading, overflow="fold")
    for row in ranked[:most]:
        style = _SEVERITY_STYLES[Severity(row.severity)]
        severity = f"[{style}]{row.severity}[/]" if style else row.severity
        made.add_row(severity, row.code, escape(row.message))
    console().print(made)
    if len(ranked) > most:
        more = count_of(len(ranked) - most, "more finding", "more findings")
        console().print(f"{more}: --json gives everything.")


def show_events(events: "Sequence[Entry]") -> None:
    """Entries of the Log, oldest first, in the time zone of this computer."""
    if not events:
        console().print("No entries of the Log match.")
        return
    made = Table(title="Log", title_justify="left", title_style="bold")
    for heading in ("date", "type", "event"):
        made.add_column(heading, overflow="fold")
    for event in events:
        style = _LEVEL_STYLES[EventLevel(event.level)]
        level = f"[{style}]{event.level}[/]" if style else event.level
        made.add_row(moment(event.occurred_at), level, escape(event.message))
    console().print(made)


def show_audit(rows: Iterable[tuple[datetime, str, str]]) -> None:
    """Entries of the audit by date, site and sentence, in the time zone of this computer."""
    shown = [(moment(date), site, event) for date, site, event in rows]
    table("Audit", ("date", "site", "event"), shown, "No entries of the audit match.")


def moment(value: datetime | None) -> str:
    """A time as read on this computer's clock."""
    return "" if value is None else f"{value.astimezone():%Y-%m-%d %H:%M:%S}"


def change_of(row: CommandRow) -> str:
    """What a command changes, a line for each field."""
    if row.kind == CommandKind.REBIND_EXTENSION:
        return ""
    shown = []
    for name, after in row.after.items():
        before = row.before.get(name)
        label = name.replace("_", " ")
        shown.append(
            f"{label}: {_value(before)} → {_value(after)}"
            if name in row.before
            # Which command deleted it says nothing to a person.
            else f"{label}: {_value(name == RESTORES or after)}"
        )
    return "\n".join(shown)


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "empty" if value in (None, "") else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
