"""Where a page stands among the others: the pages above it, from the overview on. Pure.

Parents are known here alone: a page is below the one whose address its own begins with, unless ``_BELOW`` says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.language import declared, template

# What is in braces comes from the address, or from the page itself; a page without a name is called by the last of it.
_NAMES: Mapping[str, str] = {
    "/runs": declared("Runs"),
    "/runs/{run}": template("Run {run}"),
    "/runs/{run}/plan": declared("Plan"),
    "/runs/{run}/plan/row": template("Row {row}"),
    "/runs/{run}/plan/print": declared("Print"),
    "/runs/{run}/findings": declared("Findings"),
    "/log": declared("Log"),
    "/log/clear": declared("Clear"),
    "/people": declared("People"),
    "/people/{person}": "",
    "/leaving": declared("Leaving soon"),
    "/owed": declared("Not finished"),
    "/templates": declared("Templates"),
    "/settings": declared("Settings"),
    "/settings/{tab}": "",
    "/settings/{tab}/history": declared("History"),
    "/database": declared("Database"),
    "/notifications": declared("Notifications"),
    "/take-over": declared("Take over settings"),
    "/exclusions": declared("Never change these"),
    "/account": declared("Your account"),
    "/account/security": declared("Security"),
    "/account/security/app": declared("Authenticator app"),
    "/account/security/passkey": declared("Passkey"),
    "/help": declared("Help"),
    "/help/{document}": "",
}
_BELOW: Mapping[str, str] = {
    "/leaving": "/people",
    "/owed": "/people",
    "/templates": "/people",
    "/database": "/settings",
    "/notifications": "/settings",
    "/take-over": "/settings",
    "/exclusions": "/settings",
}
_PATTERNS = {
    pattern: re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + "/?") for pattern in _NAMES
}


@dataclass(frozen=True, slots=True)
class Crumb:
    """One page of the way: its address within the site, and its name."""

    path: str
    name: str


def trail_of(path: str, named: Mapping[str, str]) -> list[Crumb]:
    """The way to a page within its site, itself last; empty for a page that stands in the menu, and for one that is not known.

    ``named`` are names that the address does not say, or says otherwise than people read it.
    """
    found = next(
        ((pattern, match) for pattern in _PATTERNS if (match := _PATTERNS[pattern].fullmatch(path))), None
    )
    if found is None:
        return []
    pattern, match = found
    values = {**match.groupdict(), **named}
    crumbs: list[Crumb] = []
    while pattern:
        crumbs.append(Crumb(pattern.format_map(match.groupdict()), _name(pattern, values)))
        pattern = _parent(pattern)
    return crumbs[::-1] if len(crumbs) > 1 else []


def _name(pattern: str, values: Mapping[str, str]) -> str:
    if _NAMES[pattern]:
        return declared(_NAMES[pattern]).format(**values)
    return values[pattern.rpartition("{")[2].rstrip("}")]


def _parent(pattern: str) -> str:
    if pattern in _BELOW:
        return _BELOW[pattern]
    above = pattern.rpartition("/")[0]
    return above if above in _NAMES else ""
