"""Figures of what runs have read of both ends. Called by ``metrics``.

A site with one directory has no label for it, so that its series are what they always were.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from shared.database.tables import WHOLE_RUNS, PartKind, PartState, Run, RunState, SnapshotPart
from shared.encryption import Encryption
from shared.errors import RollcallError
from shared.runs.history import ended_well
from shared.settings import store
from shared.settings.documents import SiteSettings

_Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a run that was to be read."""

    site: str
    kind: str
    unit: str
    state: str
    seconds: float
    items: int


def readings(session: Session, encryption: Encryption) -> Iterator[GaugeMetricFamily]:
    """How long each end took in the last good run, and how much was read; which directories could not be read in the newest."""
    good = _parts(session, ended_well())
    newest = _parts(session, Run.state.not_in([RunState.COLLECTING.value, RunState.CANCELLED.value]))
    titles = _Titles(session, encryption, [*good, *newest])
    for kind, name, what in (
        (PartKind.UNIT, "directory", "People"),
        (PartKind.EXTENSIONS, "phone_system", "Extensions"),
    ):
        slowest: dict[_Labels, float] = {}
        items: dict[_Labels, float] = {}
        for part in good:
            if part.kind == kind and part.state == PartState.COMPLETE:
                labels = titles.labels_of(part)
                slowest[labels] = max(slowest.get(labels, 0.0), part.seconds)
                items[labels] = items.get(labels, 0) + part.items
        yield _family(
            f"rollcall_{name}_read_seconds",
            f"How long the {name.replace('_', ' ')} took to be read in the last good run (its slowest part).",
            slowest,
        )
        yield _family(f"rollcall_{name}_items", f"{what} that were read in the last good run.", items)
    complete: dict[_Labels, float] = {}
    for part in newest:
        if part.kind == PartKind.UNIT:
            labels = titles.labels_of(part)
            complete[labels] = min(complete.get(labels, 1), part.state == PartState.COMPLETE)
    yield _family(
        "rollcall_directory_complete",
        "Whether the directory was read to its end in the newest run: 1 or 0. While it is 0, nobody of it is removed.",
        complete,
    )


class _Titles:
    """What the directories of sites with several are called."""

    def __init__(self, session: Session, encryption: Encryption, parts: Iterable[_Part]) -> None:
        # Each directory has a part of its own that looks for people who were not found.
        keys: dict[str, set[str]] = {}
        for part in parts:
            if part.kind == PartKind.ABSENT:
                keys.setdefault(part.site, set()).add(part.unit)
        self._sites: dict[str, SiteSettings] = {}
        for site in [site for site, found in keys.items() if len(found) > 1]:
            try:
                self._sites[site] = store.read(session, site, encryption).settings
            except RollcallError:
                # Figures are told all the same, of all directories together.
                continue

    def labels_of(self, part: _Part) -> _Labels:
        settings = self._sites.get(part.site)
        if settings is None or part.kind != PartKind.UNIT:
            return (("site", part.site),)
        title = settings.directory_titles.get(settings.key_of_unit(part.unit) or "", "")
        return (("site", part.site), *((("directory", title),) if title else ()))


def _parts(session: Session, which: ColumnElement[bool]) -> Sequence[_Part]:
    newest = select(func.max(Run.id)).where(which, Run.kind.in_(WHOLE_RUNS)).group_by(Run.site_id)
    rows = session.execute(
        select(
            Run.site_id,
            SnapshotPart.kind,
            SnapshotPart.unit,
            SnapshotPart.state,
            SnapshotPart.proof["seconds"].as_float(),
            SnapshotPart.item_count,
        )
        .join(Run, Run.id == SnapshotPart.run_id)
        .where(Run.id.in_(newest))
        .order_by(Run.site_id, SnapshotPart.position)
    )
    return [
        _Part(site, kind, unit, state, seconds or 0.0, items or 0)
        for site, kind, unit, state, seconds, items in rows
    ]


def _family(name: str, help_text: str, samples: Mapping[_Labels, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text)
    for labels, figure in sorted(samples.items()):
        family.add_sample(name, dict(labels), figure)
    return family
