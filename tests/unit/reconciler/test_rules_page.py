"""The administrators' page of the rules tells everything that they can meet."""

import re
from pathlib import Path

from services.reconciler import guards
from shared.domain.plan import FindingCode

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")


def _codes_of_table(heading: str) -> set[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z0-9_]+)` \|", section, re.MULTILINE))


def test_every_finding_is_on_the_page_and_no_other() -> None:
    assert _codes_of_table("Findings") == set(FindingCode)


def test_every_reason_to_hold_a_plan_is_on_the_page_and_no_other() -> None:
    source = Path(guards.__file__).read_text(encoding="utf-8")
    named = set(re.findall(r'(?:HoldReason|_Limit)\(\s*"([a-z_]+)"', source))
    assert _codes_of_table("When a plan waits for you") == named
