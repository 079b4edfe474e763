"""Makes one workbook or PDF in a process of its own, with low priority: whatever it takes, the API goes on answering.

Started by ``console.exports``.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.api.console.file_process import make
from services.api.log.queries import LogFilter
from services.api.log.use_cases.formats import MEDIA_TYPES, Dates, ExportFormat
from services.api.log.use_cases.pieces import file_pieces
from shared.database.tables import EventLevel
from shared.language import ENGLISH


@dataclass(frozen=True, slots=True)
class Order:
    """Which entries, as which file, with dates written how."""

    site_id: str
    filter: LogFilter
    format: ExportFormat
    dates: Dates
    language: str = ENGLISH

    @property
    def maker(self) -> str:
        """The module that makes it."""
        return "services.api.log.use_cases.export_process"

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return f"rollcall-{self.site_id}-log.{self.format.value}"

    @property
    def media_type(self) -> str:
        """What it is."""
        return MEDIA_TYPES[self.format]

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
                "language": self.language,
            }
        )


def main() -> None:
    """Write the file that was ordered."""
    make(
        lambda database, told: file_pieces(
            database,
            told["site_id"],
            _filter(told["filter"]),
            ExportFormat(told["format"]),
            Dates(ZoneInfo(told["zone"]), told["pattern"]),
        )
    )


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
