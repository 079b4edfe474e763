"""What a transfer is going to do, fixed before it starts and written to the journal. Pure values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollcall_relay.changes import Change, Kind
from rollcall_relay.errors import Problem
from rollcall_relay.files import Signature


@dataclass(frozen=True, slots=True)
class Part:
    """One item: the file to copy (if it has one) and the rows that follow it.

    ``source`` and ``target`` are relative to the plan's folders. ``sha256`` is given where the content is known
    beforehand.
    """

    kind: Kind
    label: str
    source: str | None
    target: str | None
    signature: Signature | None
    changes: tuple[Change, ...]
    sha256: str | None = None

    @property
    def size(self) -> int:
        """Bytes to copy."""
        return self.signature[1] if self.signature else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """All parts, and where from and where to. ``parts`` are known by their index."""

    number: str
    parts: tuple[Part, ...]
    sources: dict[Kind, Path]
    targets: dict[Kind, Path]
    # Whether the sources are removed once everything is proven to be at its new place.
    removes: bool
    problems: tuple[Problem, ...] = ()

    def source(self, part: Part) -> Path:
        """The file to copy."""
        assert part.source is not None
        return self.sources[part.kind] / part.source

    def target(self, part: Part) -> Path:
        """Where it goes."""
        assert part.target is not None
        return self.targets[part.kind] / part.target

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "number": self.number,
            "parts": [_part_as_json(part) for part in self.parts],
            "sources": {kind: str(folder) for kind, folder in self.sources.items()},
            "targets": {kind: str(folder) for kind, folder in self.targets.items()},
            "removes": self.removes,
            "problems": [problem.as_json() for problem in self.problems],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Plan":
        """What :meth:`as_json` made."""
        return cls(
            number=document["number"],
            parts=tuple(_part_from_json(part) for part in document["parts"]),
            sources={Kind(kind): Path(folder) for kind, folder in document["sources"].items()},
            targets={Kind(kind): Path(folder) for kind, folder in document["targets"].items()},
            removes=document["removes"],
            problems=tuple(Problem.from_json(problem) for problem in document["problems"]),
        )


def _part_as_json(part: Part) -> dict[str, Any]:
    return {
        "kind": part.kind, "label": part.label, "source": part.source, "target": part.target,
        "signature": part.signature, "sha256": part.sha256,
        "changes": [change.as_json() for change in part.changes],
    }  # fmt: skip


def _part_from_json(document: dict[str, Any]) -> Part:
    signature = document["signature"]
    return Part(
        Kind(document["kind"]), document["label"], document["source"], document["target"],
        (signature[0], signature[1], signature[2]) if signature else None,
        tuple(Change.from_json(change) for change in document["changes"]), document["sha256"],
    )  # fmt: skip
