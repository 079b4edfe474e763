"""Makes a workbook of people and extensions in a process of its own (see ``console.exports``)."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from services.api.console.file_process import make
from services.api.log.use_cases.formats import MEDIA_TYPES, ExportFormat
from services.api.people.queries import PeopleFilter, PeopleOrder
from shared.language import ENGLISH
from shared.roll.entry import RollState


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """Which rows, in which order."""

    site_id: str
    filter: PeopleFilter
    order: PeopleOrder
    language: str = ENGLISH

    @property
    def maker(self) -> str:
        """The module that makes it."""
        return "services.api.people.use_cases.export_process"

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return f"rollcall-{self.site_id}-people.xlsx"

    @property
    def media_type(self) -> str:
        """What it is."""
        return MEDIA_TYPES[ExportFormat.XLSX]

    def as_json(self, database_url: str) -> str:
        """What the process is told."""
        return json.dumps(
            {
                "database_url": database_url,
                "site_id": self.site_id,
                "filter": asdict(self.filter),
                "order": self.order,
                "language": self.language,
            }
        )


def main() -> None:
    """Write the file that was ordered."""
    # What writes workbooks takes 20 MB, which the API shall not take for it.
    from services.api.people.use_cases.xlsx import as_xlsx

    make(
        lambda database, told: as_xlsx(
            database, told["site_id"], _filter(told["filter"]), PeopleOrder(told["order"])
        )
    )


def _filter(told: dict[str, Any]) -> PeopleFilter:
    return PeopleFilter(**told | {"state": RollState(told["state"]) if told["state"] else None})


if __name__ == "__main__":
    main()
