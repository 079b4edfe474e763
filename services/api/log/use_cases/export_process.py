"""Makes one workbook or PDF in a process of its own, with low priority: whatever it takes, the API goes on answering.

Started by ``exports``. The order comes as JSON on the standard input; the file goes to the descriptor that is named.
"""

import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.api.log.queries import LogFilter
from services.api.log.use_cases.formats import Dates, ExportFormat
from services.api.log.use_cases.pieces import file_pieces
from shared.database.engine import Database
from shared.database.tables import EventLevel

# A larger file fails: the disk is others' too.
_LARGEST_BYTES = 1 << 30
_NICE = 10


@dataclass(frozen=True, slots=True)
class Order:
    """Which entries, as which file, with dates written how."""

    site_id: str
    filter: LogFilter
    format: ExportFormat
    dates: Dates

    def as_json(self, database_url: str) -> str:
        """What the process is told."""
        chosen = asdict(self.filter) | {
            name: value.isoformat() if value is not None else None
            for name, value in (("since", self.filter.since), ("until", self.filter.until))
        }
        return json.dumps(
            {
                "database_url": database_url,
                "site_id": self.site_id,
                "filter": chosen,
                "format": self.format,
                "zone": self.dates.zone.key,
                "pattern": self.dates.pattern,
            }
        )


def main() -> None:
    """Write the file that was ordered."""
    order: dict[str, Any] = json.loads(sys.stdin.read())
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_BYTES, _LARGEST_BYTES))
    database = Database(order["database_url"], 1)
    try:
        with os.fdopen(int(sys.argv[1]), "wb") as file:
            for piece in file_pieces(
                database,
                order["site_id"],
                _filter(order["filter"]),
                ExportFormat(order["format"]),
                Dates(ZoneInfo(order["zone"]), order["pattern"]),
            ):
                file.write(piece)
    finally:
        database.close()


def _filter(order: dict[str, Any]) -> LogFilter:
    return LogFilter(
        **order
        | {
            "level": EventLevel(order["level"]) if order["level"] else None,
            "since": datetime.fromisoformat(order["since"]) if order["since"] else None,
            "until": datetime.fromisoformat(order["until"]) if order["until"] else None,
        }
    )


if __name__ == "__main__":
    main()
