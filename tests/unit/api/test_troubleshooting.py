"""docs/troubleshooting.md knows every code that a person can meet, and none that there is not."""

import re
from collections.abc import Iterator
from pathlib import Path

from shared.errors import RollcallError

ROOT = Path(__file__).parents[3]
_PLACES = (
    "services/api",
    "services/cli",
    "services/collector",
    "services/reconciler",
    "services/relay_client",
    "shared",
)


def _described() -> set[str]:
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", text, re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)}


def _classes(kind: type[RollcallError] = RollcallError) -> Iterator[type[RollcallError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _classes(child)


def _written_codes() -> set[str]:
    """The codes that stand as texts where problems, failed runs and failed commands are made."""
    found: set[str] = set()
    for place in _PLACES:
        for path in (ROOT / place).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for pattern in (
                r'problem_response\(\s*[^"]{1,60}?"([a-z_]+)"',
                r'error_code=\(?\s*"([a-z_]+)"',
                r'"error_code": "([a-z_]+)"',
                r'_say_failure\(.{0,200}?"([a-z_]+)"\)',
                r'(?:fail_run|_give_up)\([^"]{1,60}?"([a-z_]+)"',
                r'^OUTCOME_UNKNOWN = "([a-z_]+)"',
            ):
                found.update(re.findall(pattern, text, re.DOTALL | re.MULTILINE))
    return found


def test_every_error_has_its_entry() -> None:
    codes = {kind.code for kind in _classes() if kind.__module__ == "shared.errors"}
    assert codes - _described() == set()


def test_every_code_written_out_has_its_entry() -> None:
    written = _written_codes()
    assert {"unauthorized", "commands_failed", "cancelled", "outcome_unknown", "not_json"} <= written
    assert written - _described() == set()


def test_no_entry_is_about_what_there_is_not() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for place in _PLACES for path in (ROOT / place).rglob("*.py")
    )
    assert [code for code in sorted(_described()) if f'"{code}"' not in source] == []
