"""How extensions differ from the template of their unit, read from the phone system just now. Changes nothing."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from services.relay_client.xapi import template
from services.relay_client.xapi.client import Xapi
from shared.domain.carried import label_of
from shared.language import declared

Json = dict[str, Any]
_MOST_TEXT = 200


def compare(xapi: Xapi, pairs: Sequence[Sequence[str]]) -> list[Json]:
    """Of each (number, template) what differs, in words; extensions that are gone are left out.

    :raises ExtensionNotFound: there is no such template.
    """
    by_template = defaultdict[str, list[str]](list)
    for number, source in pairs:
        by_template[source].append(number)
    found: list[Json] = []
    for source, numbers in by_template.items():
        model = xapi.user(
            source, template.READ_FIELDS, template.EXPANDED, declared("reading the template extension")
        )
        for row in xapi.users(numbers, template.READ_FIELDS, template.EXPANDED):
            differing = template.differences(model, source, row, xapi.further)
            found.append(
                {
                    "number": str(row.get("Number")),
                    "template": source,
                    "differences": [
                        {"field": field, "label": label_of(field), "template": _shown(theirs), "extension": _shown(own)}
                        for field, (theirs, own) in sorted(differing.items())
                    ],
                }
            )  # fmt: skip
    return found


def _shown(value: Any) -> str:
    """A value for people; of what has parts only that it is another one."""
    match value:
        case None | "":
            return ""
        case bool():
            return "yes" if value else "no"
        case str() | int():
            text = str(value)
            return text if len(text) <= _MOST_TEXT and not text.startswith("<") else declared("other keys")
        case _:
            return declared("other details")
