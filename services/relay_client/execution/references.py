"""Whatever in the phone system names an extension's number: found once for a stage, changed one after the other.

A list of 3CX is replaced as a whole, so each thing is read again just before it is written, and nothing else of this
stage writes to it meanwhile. Other stages do not run: one executor per phone system works at a time.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

from services.relay_client.execution.steps import FollowUp
from services.relay_client.xapi import pointing
from services.relay_client.xapi.client import Xapi
from services.relay_client.xapi.errors import REFUSED
from services.relay_client.xapi.pointing import EXTENSION, KINDS, Kind
from shared.language import declared, phrase

Json = dict[str, Any]
# What is to be written of a thing that was just read.
Change = Callable[[Kind, Json], Json]


class References:
    """What names which number, as far as it was asked for. Whoever uses it holds ``lock``."""

    def __init__(self, xapi: Xapi) -> None:
        self.lock = threading.RLock()
        self._xapi = xapi
        self._naming: dict[str, dict[str, set[int]]] = {}
        self._renumbered: dict[str, str] = {}

    def change(
        self, number: str, kinds: Collection[Kind], change: Change, follow_up: FollowUp, what: str
    ) -> None:
        """Change everything of these kinds that names the number; what is refused is noted."""
        for kind in kinds:
            try:
                found = sorted(self._index(kind).get(number, ()))
            except REFUSED as refused:
                follow_up.refuse(
                    phrase("{what} in every {label}", what=what, label=kind.label), refused.message
                )
                continue
            for item in found:
                self._change_one(kind, item, change, follow_up, what)

    def renumber(self, old: str, new: str, former_id: int, follow_up: FollowUp) -> None:
        """Let everything that leads to the old number lead to the new one, but for the former extension itself."""
        self._renumbered[old] = new

        repointing = _repointing(old, new)

        def _change(kind: Kind, row: Json) -> Json:
            is_former = kind is EXTENSION and row.get("Id") == former_id
            return {} if is_former else repointing(kind, row)

        self.change(old, KINDS, _change, follow_up, declared("its number"))

    def made(self, extension_id: int, copied: Json, follow_up: FollowUp) -> None:
        """An extension was made whose keys and forwarding are a copy, perhaps from before a renumbering."""
        self.note(EXTENSION, extension_id, copied)
        named = pointing.numbers_in(EXTENSION, copied)
        for old, new in self._renumbered.items():
            if old in named:
                change = _repointing(old, new)
                self._change_one(
                    EXTENSION, extension_id, change, follow_up, phrase("extension {new}", new=new)
                )

    def note(self, kind: Kind, item: int, row: Json) -> None:
        """Something names numbers from now on, because this stage has written it."""
        if kind.entity in self._naming:
            for number in pointing.numbers_in(kind, row):
                self._naming[kind.entity].setdefault(number, set()).add(item)

    def _change_one(self, kind: Kind, item: int, change: Change, follow_up: FollowUp, what: str) -> None:
        row: Json = {}
        try:
            row = self._xapi.pointer(kind, item)
            body = change(kind, row)
            if body:
                follow_up.enter(phrase("{what} in {name}", what=what, name=kind.named(row)))
                self._xapi.update_pointer(
                    kind, item, body, phrase("writing {what} in {name}", what=what, name=kind.named(row))
                )
                self.note(kind, item, body)
        except REFUSED as refused:
            follow_up.refuse(
                phrase("{what} in {name}", what=what, name=kind.named(row or {"Id": item})), refused.message
            )

    def _index(self, kind: Kind) -> dict[str, set[int]]:
        if kind.entity not in self._naming:
            found = defaultdict[str, set[int]](set)
            for row in self._xapi.pointers(kind):
                for number in pointing.numbers_in(kind, row):
                    found[number].add(int(row["Id"]))
            self._naming[kind.entity] = dict(found)
        return self._naming[kind.entity]


def _repointing(old: str, new: str) -> Change:
    return lambda kind, row: pointing.repointed_fields(kind, row, old, new)
