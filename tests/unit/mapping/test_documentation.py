"""What docs/mapping.md says is so."""

import re
from pathlib import Path

from shared.mapping.functions import FUNCTIONS
from shared.mapping.mapping import compile_mapping

DOCUMENT = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text()


def test_every_function_is_documented_as_it_is() -> None:
    said = dict(re.findall(r"^\| `(\w+\([^`]*\))` \| (.+) \|$", DOCUMENT, re.MULTILINE))
    assert said == {function.usage: function.help for function in FUNCTIONS.values()}


def test_every_example_can_be_used() -> None:
    examples = DOCUMENT.partition("## Examples")[2].partition("## Values")[0]
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)`", examples, re.MULTILINE)
    assert len(rows) > 8
    assert all(compile_mapping(typed).is_expression for typed in rows)
