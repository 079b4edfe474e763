"""A module that says of itself that it is pure takes values and returns values: no clock, no chance, no network, no session."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_WORLD = (
    "asyncio", "celery", "httpx", "kombu", "ldap3", "random", "requests", "secrets", "socket", "sqlalchemy.orm",
    "subprocess", "threading", "time", "shared.worker", "shared.database.engine", "shared.work.leases",
)  # fmt: skip
_CLOCK_AND_CHANCE = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom"}


def _pure() -> dict[str, ast.Module]:
    found = {}
    for folder in ("services", "shared"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            module = ast.parse(path.read_text(encoding="utf-8"))
            if re.search(
                r"(^|[.)?!] )(Pure[.;:]|A pure function\.)", ast.get_docstring(module) or "", re.MULTILINE
            ):
                found[path.relative_to(ROOT).as_posix()] = module
    return found


PURE = _pure()


def test_the_rules_are_in_pure_modules() -> None:
    assert {
        "services/reconciler/planner.py", "services/reconciler/guards.py", "services/relay_client/execution/outdated.py",
        "shared/work/transitions.py",
    } <= PURE.keys()  # fmt: skip
    assert len(PURE) > 80


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_asks_nobody_and_nothing(name: str) -> None:
    reached = []
    for node in ast.walk(PURE[name]):
        if isinstance(node, ast.Import):
            reached += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            reached += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if called in _CLOCK_AND_CHANCE:
                reached.append(f"{called}()")
    outside = [
        item
        for item in reached
        if item.endswith("()") or f"{item}.".startswith(tuple(f"{world}." for world in _WORLD))
    ]
    assert outside == []
