"""Which domain controller gave a reading of the directory, and whether one is at least as fresh as another. Pure.

Update sequence numbers count the changes on one controller alone; between two of them only the up-to-dateness vector
compares (MS-DRSR 4.1.1.1.1, MS-ADTS 3.1.1.3.2.5). A controller that was restored has another invocationId.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.language import declared


class Freshness(StrEnum):
    """What is known of a reading beside one that is remembered."""

    PROVEN = "proven"
    BEHIND = "behind"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """One controller at one moment.

    ``controller`` is its host name, ``server`` the address it was asked at, ``service`` its dsServiceName. ``usn`` is
    its highestCommittedUSN before the first page (what the reading surely holds), ``usn_after`` after the last (what it
    may hold); ``None`` when it does not say. ``knows`` is its up-to-dateness vector: up to which number it has the
    changes of each other source. ``is_suspect``: it was seen with a lower number since, so its numbers prove nothing.
    ``is_read_only``: it hears of changes from others alone, so nothing shows that its first reading is not an old one.
    """

    controller: str = ""
    server: str = ""
    service: str = ""
    invocation_id: str = ""
    usn: int | None = None
    usn_after: int | None = None
    knows: Mapping[str, int] = field(default_factory=dict)
    read_at: datetime | None = None
    is_suspect: bool = False
    is_read_only: bool = False
    # Where it is reached by, which tells it from the others when the address is the domain's name.
    host: str = field(default="", compare=False)
    # The key of the directory of the site that it is a controller of.
    directory: str = ""
    # The root of its forest, which an entry can move about in and keep its objectGUID.
    forest: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """What to call the controller in a sentence; with the address, because two may give one host name."""
        if self.controller and self.server:
            return f"{self.controller} ({self.server})"
        return self.controller or self.server or declared("the directory")

    @property
    def source(self) -> str:
        """What tells controllers apart: the invocationId, else the dsServiceName, else the address."""
        return self.invocation_id or self.service.casefold() or self.server.casefold()

    def is_called(self, name: str) -> bool:
        """Whether a person means this controller: by host name (short or full), address or invocationId."""
        wanted = name.strip().casefold()
        host = self.controller.casefold()
        return bool(wanted) and wanted in {
            host,
            host.partition(".")[0],
            self.server.casefold(),
            self.server.rpartition(":")[0].casefold(),
            self.invocation_id,
            self.name.casefold(),
        }

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "controller": self.controller,
            "server": self.server,
            "service": self.service,
            "invocation_id": self.invocation_id,
            "usn": self.usn,
            "usn_after": self.usn_after,
            "knows": dict(self.knows),
            "read_at": self.read_at.isoformat() if self.read_at else None,
            "is_suspect": self.is_suspect,
            "is_read_only": self.is_read_only,
            "host": self.host,
            "directory": self.directory,
            "forest": self.forest,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From what is stored; a release that knew fewer facts left some out."""
        read_at = document.get("read_at")
        return cls(
            controller=document.get("controller", ""),
            server=document.get("server", ""),
            service=document.get("service", ""),
            invocation_id=document.get("invocation_id", ""),
            usn=document.get("usn"),
            usn_after=document.get("usn_after"),
            knows=document.get("knows", {}),
            read_at=datetime.fromisoformat(read_at) if read_at else None,
            is_suspect=document.get("is_suspect", False),
            is_read_only=document.get("is_read_only", False),
            host=document.get("host", ""),
            directory=document.get("directory", ""),
            forest=document.get("forest", ""),
        )


def is_at_least_as_fresh(reading: Reading, remembered: Reading) -> Freshness:
    """Whether the reading holds every change that the remembered one may have held."""
    needed = remembered.usn if remembered.usn_after is None else remembered.usn_after
    if _is_same_source(reading, remembered):
        if remembered.is_suspect:
            return Freshness.ROLLED_BACK
        if needed is None:
            return Freshness.PROVEN
        if reading.usn is None:
            return Freshness.UNKNOWN
        return Freshness.PROVEN if reading.usn >= needed else Freshness.ROLLED_BACK
    known = reading.knows.get(remembered.invocation_id) if remembered.invocation_id else None
    if known is None or needed is None:
        return Freshness.UNKNOWN
    return Freshness.PROVEN if known >= needed else Freshness.BEHIND


def _is_same_source(reading: Reading, remembered: Reading) -> bool:
    if reading.invocation_id and remembered.invocation_id:
        return reading.invocation_id == remembered.invocation_id
    if reading.service or remembered.service:
        # The account may have been given the right to see the invocationId, or lost it.
        return reading.service.casefold() == remembered.service.casefold()
    return reading.source == remembered.source


def all_cover(readings: Sequence[Reading], remembered: Iterable[Reading]) -> Freshness:
    """The worst that any of the readings is beside any of those remembered: a mixed reading is as old as its oldest part."""
    remembered = tuple(remembered)
    if remembered and not readings:
        return Freshness.UNKNOWN
    for kind in (Freshness.ROLLED_BACK, Freshness.BEHIND, Freshness.UNKNOWN):
        for other in remembered:
            if any(is_at_least_as_fresh(reading, other) is kind for reading in readings):
                return kind
    return Freshness.PROVEN


def merged(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """The parts of one directory by controller: of each what all its parts surely hold, and the most that one may hold."""
    found: dict[str, Reading] = {}
    for reading in readings:
        other = found.get(reading.source)
        found[reading.source] = reading if other is None else _together(other, reading)
    return tuple(found[source] for source in sorted(found))


def _together(one: Reading, other: Reading) -> Reading:
    surely = [usn for usn in (one.usn, other.usn) if usn is not None]
    perhaps = [usn for usn in (one.usn, one.usn_after, other.usn, other.usn_after) if usn is not None]
    return replace(
        one,
        usn=min(surely) if len(surely) == 2 else None,
        usn_after=max(perhaps, default=None),
        knows={
            source: min(number, other.knows[source])
            for source, number in one.knows.items()
            if source in other.knows
        },
    )
