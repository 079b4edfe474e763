"""The writes that follow a creation, one after the other: each written only as far as it is missing.

One refused field keeps no other away, and one refused step no other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from services.relay_client.xapi import template
from services.relay_client.xapi.client import Xapi
from services.relay_client.xapi.errors import REFUSED
from shared.domain.owed import PARTLY_DONE
from shared.errors import CommandRejected, PermanentError
from shared.language import phrase

Json = dict[str, Any]


class PartlyDone(PermanentError):
    """The extension was created, but some of its later steps were refused."""

    code = PARTLY_DONE

    def __init__(self, extension_id: int, message: str) -> None:
        super().__init__(message, extension_id=extension_id)
        self.extension_id = extension_id


@dataclass(frozen=True, slots=True)
class Step:
    """One write after a creation, to the new extension unless it says another; an empty body is nothing to do.

    What is ``is_placing`` may be written with the creation itself.
    """

    name: str
    body: Json
    of_extension: int | None = None
    is_placing: bool = False


@dataclass
class FollowUp:
    """The further steps of one extension. ``present`` is what it has when it was made by an earlier try, else ``None``.

    ``enter`` is told each step by its name before its write; what it raises keeps the step from being written.
    """

    xapi: Xapi
    number: str
    extension_id: int
    enter: Callable[[str], None]
    present: Json | None = None
    refusals: list[str] = field(default_factory=list)

    def write(self, steps: Iterable[Step]) -> None:
        """Every step that has something to write; what is refused is noted."""
        for step in steps:
            self.write_one(step)

    def write_one(self, step: Step) -> bool:
        """One step; whether nothing of it was refused."""
        body = step.body
        if self.present is not None and step.of_extension is None:
            body = template.differing(body, self.present)
        if not body:
            return True
        self.enter(step.name)
        what = phrase("writing {name} after creating extension {number}", name=step.name, number=self.number)
        refused = write_what_is_taken(self.xapi, step.of_extension or self.extension_id, body, what)
        for why, fields in refused.items():
            only = f" ({', '.join(fields)})" if len(body) > 1 else ""
            self.refuse(f"{step.name}{only}", why)
        return not refused

    def refuse(self, what: str, why: str) -> None:
        """Note something that could not be written."""
        self.refusals.append(phrase("{what} could not be written: {why}", what=what, why=why))

    def end(self) -> None:
        """Say what was refused.

        :raises PartlyDone: something was.
        """
        if self.refusals:
            reasons = " Also, ".join(self.refusals)
            raise PartlyDone(
                self.extension_id,
                phrase("Extension {number} was created, but {reasons}", number=self.number, reasons=reasons),
            )


def write_what_is_taken(xapi: Xapi, extension_id: int, body: Json, what: str) -> dict[str, list[str]]:
    """Write the fields; by each reason, those that were refused for it. One refused field keeps no other away.

    A refused write changed nothing. Where 3CX does not name the field, each half is tried by itself.
    """
    try:
        xapi.update_user(extension_id, body, what)
    except CommandRejected as refused:
        names = list(body)
        if len(names) == 1:
            return {refused.message: names}
        named = str(refused.details.get("target") or "").partition("[")[0]
        parts = [[named], [name for name in names if name != named]]
        if named not in body:
            middle = len(names) // 2
            parts = [names[:middle], names[middle:]]
        found: dict[str, list[str]] = {}
        for part in parts:
            some = {name: body[name] for name in part}
            for why, fields in write_what_is_taken(xapi, extension_id, some, what).items():
                found.setdefault(why, []).extend(fields)
        return found
    except REFUSED as refused:
        return {refused.message: list(body)}
    return {}
