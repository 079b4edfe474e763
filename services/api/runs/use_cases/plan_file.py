"""The PDF of a plan, made in a process of its own (see ``console.exports``)."""

import json
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from services.api.access.date_format import DateFormat
from services.api.console.clock import Clock
from services.api.console.file_process import make
from services.api.runs.queries.plan_filter import PlanFilter
from shared.domain.command import CommandState
from shared.language import ENGLISH


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Which rows of which plan, with dates written how."""

    run_id: int
    filter: PlanFilter
    clock: Clock
    site: str = ""
    language: str = ENGLISH

    @property
    def maker(self) -> str:
        """The module that makes it."""
        return "services.api.runs.use_cases.plan_file"

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return f"rollcall-run-{self.run_id}-plan.pdf"

    @property
    def media_type(self) -> str:
        """What it is."""
        return "application/pdf"

    def as_json(self, database_url: str) -> str:
        """What the process is told."""
        return json.dumps(
            {
                "database_url": database_url,
                "run_id": self.run_id,
                "filter": asdict(self.filter),
                "zone": self.clock.key,
                "format": self.clock.format,
                "site": self.site,
                "language": self.language,
            }
        )


def main() -> None:
    """Write the file that was ordered."""
    # What writes PDFs takes 20 MB, which the API shall not take for it.
    from services.api.runs.use_cases.plan_paper import as_pdf

    make(
        lambda database, told: as_pdf(
            database,
            told["run_id"],
            _filter(told["filter"]),
            Clock(ZoneInfo(told["zone"]), DateFormat(told["format"])),
            told["site"],
        )
    )


def _filter(told: dict[str, Any]) -> PlanFilter:
    return PlanFilter(**told | {"state": CommandState(told["state"]) if told["state"] else None})


if __name__ == "__main__":
    main()
