"""The tables of states: sound in themselves, drawn in the docs, and written by one module alone."""

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from shared.database.tables import CommandRow, Run, SnapshotPart
from shared.work.transitions import COMMANDS, PARTS, RUNS, CommandEvent, PartEvent, RunEvent, Table

ROOT = Path(__file__).parents[3]
TABLES: dict[str, tuple[Table[Any, Any], type[Any], Any]] = {
    "runs": (RUNS, RunEvent, Run),
    "parts": (PARTS, PartEvent, SnapshotPart),
    "commands": (COMMANDS, CommandEvent, CommandRow),
}
ROWS = {row.__name__ for _table, _events, row in TABLES.values()}


@pytest.mark.parametrize("name", TABLES)
def test_every_event_leads_to_one_state_and_every_state_is_reached(name: str) -> None:
    table, events, row = TABLES[name]
    for event in events:
        assert len({after for (_, known), after in table.moves.items() if known is event}) == 1, event
    states: type[StrEnum] = type(table.start)
    assert {table.start, *table.moves.values()} == set(states)
    assert row.__table__.c.state.default.arg == table.start.value


@pytest.mark.parametrize("name", TABLES)
def test_the_docs_show_the_table(name: str) -> None:
    drawn = f"```mermaid\n{TABLES[name][0].drawing()}\n```"
    assert drawn in (ROOT / "docs" / "runs.md").read_text(), f"docs/runs.md must show:\n{drawn}"


def _written_states(source: str) -> Iterator[int]:
    """The lines that write a state of a run, part or command."""
    tree = ast.parse(source)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not names & ROWS:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets):
                written = [target for target in targets if isinstance(target, ast.Attribute | ast.Subscript)]
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
                written = [target] if isinstance(target, ast.Attribute | ast.Subscript) else []
            case ast.Call(func=ast.Name(id=name), keywords=given) if name in ROWS:
                if any(keyword.arg == "state" for keyword in given):
                    yield node.lineno
                continue
            case ast.Call(func=ast.Attribute(attr="values"), keywords=given):
                if any(keyword.arg == "state" for keyword in given):
                    yield node.lineno
                continue
            # Where nothing is updated or inserted, it is what is shown or asked for.
            case ast.Dict(keys=keys) if names & {"update", "insert"}:
                if any(isinstance(key, ast.Constant) and key.value == "state" for key in keys):
                    yield node.lineno
                continue
            case _:
                continue
        for target in written:
            named = target.attr if isinstance(target, ast.Attribute) else getattr(target.slice, "value", None)
            if named == "state":
                yield target.lineno


@pytest.mark.parametrize(
    "line",
    [
        "run.state = RunState.DONE.value",
        "values['state'] = 'done'",
        "session.execute(update(Run).values(state='done'))",
        "session.execute(update(Run).values(**{'state': 'done'}))",
        "changes = {'state': 'done'} | {'finished_at': now}",
        "session.execute(update(CommandRow), [{'id': 1, 'state': 'done'}])",
        "session.add(Run(state='done'))",
    ],
)
def test_a_write_of_a_state_is_found(line: str) -> None:
    assert list(_written_states(f"update(Run)\n{line}\n")) == [2]


def test_nothing_but_the_moves_writes_a_state() -> None:
    allowed = {ROOT / "shared/work/moves.py", ROOT / "shared/database/tables.py"}
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("services", "shared")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path not in allowed
        for line in _written_states(path.read_text())
    ]
    assert found == []
