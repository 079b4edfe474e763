"""A check for Schemathesis: whatever is refused says why, with a code that docs/troubleshooting.md has.

A request that fits the description of the API may be refused for a reason of its own (there is no such run, the site has
no directory yet). It must not be refused for its form: then the description is wrong.
"""

import re
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

_TROUBLESHOOTING = Path(__file__).parents[2] / "docs/troubleshooting.md"
_ROW = re.compile(r"^\| (`[a-z_`, ]+`) \|", re.MULTILINE)


def _documented() -> set[str]:
    rows = _ROW.findall(_TROUBLESHOOTING.read_text(encoding="utf-8"))
    return {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)}


@schemathesis.check
def refused_for_a_documented_reason(_context: CheckContext, response: Response, case: "Case[Any]") -> None:
    """Every refusal is a problem document with a documented code."""
    if response.status_code < 400:
        return
    code = response.json()["code"]
    assert code in _documented(), f"{response.status_code} with the code {code}, which is documented nowhere"
    if case.meta is not None and case.meta.generation.mode.is_positive:
        # A rule about several fields together is told in words; a description cannot hold it.
        fields = {error["field"] for error in response.json()["errors"]}
        assert code != "request_invalid" or fields == {"body"}, f"it fits: {response.json()['detail']}"
