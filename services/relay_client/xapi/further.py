"""3CX's own names of the further fields (``shared.domain.further``), and how they are read. Pure."""

from collections.abc import Mapping
from typing import Any

from shared.domain.further import FURTHER, Further

Json = dict[str, Any]
NAMES: Mapping[str, str] = dict(
    zip(FURTHER, ("OutboundCallerID", "Language", "EmergencyAdditionalInfo"), strict=True)
)


def further_of(row: Json) -> Further:
    """Those that a row has."""
    return tuple((name, str(row[field] or "")) for name, field in NAMES.items() if field in row)


def body(after: Mapping[str, Any]) -> Json:
    """Those of a command, to be written."""
    return {field: after[name] for name, field in NAMES.items() if name in after}
