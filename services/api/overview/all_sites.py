"""All sites at a glance, those with problems first; read with the same few queries, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from services.api.access.site_roles import SiteRoles
from services.api.overview.facts import SiteFacts, read_facts
from services.api.overview.verdict import Verdict, judge
from shared.database.tables import Site
from shared.settings.documents import Section
from shared.settings.neighbours import sharing
from shared.worker.context import Context

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site. ``waiting`` counts what an approval would do; ``free`` is what the licence has left, ``None`` when it has no
    limit or was never read; ``shares_with`` names the sites that manage the same phone system.
    """

    id: str
    name: str
    verdict: Verdict
    last_good_at: datetime | None
    waiting: int
    free: int | None
    version: str
    shares_with: Sequence[str]


def read_sites(context: Context, roles: SiteRoles) -> list[SiteRow]:
    """The sites that are there for somebody with these roles."""
    with context.database.read() as session:
        everything = select(Site.id, Site.name)
        if roles.everywhere is None:
            everything = everything.where(Site.id.in_(roles.at))
        names = {site_id: name for site_id, name in session.execute(everything)}  # noqa: C416  (mypy)
        facts = read_facts(session, list(names))
    together = sharing(
        {
            site_id: str(known.documents.get(Section.PHONE_SYSTEM.value, {}).get("base_url") or "")
            for site_id, known in facts.items()
        }
    )
    rows = [_row(site_id, name, facts[site_id], together.get(site_id, ())) for site_id, name in names.items()]
    return sorted(rows, key=_by_trouble)


def _row(site_id: str, name: str, known: SiteFacts, shares_with: Sequence[str]) -> SiteRow:
    verdict = judge(known.facts)
    waiting = known.facts.waiting
    return SiteRow(
        site_id,
        name,
        verdict,
        known.last_good_at,
        sum(waiting.waiting.values()) if waiting is not None else 0,
        known.free_extensions,
        known.version,
        shares_with,
    )


def _by_trouble(row: SiteRow) -> tuple[int, int, datetime, str]:
    return (-row.verdict.urgency, -len(row.shares_with), row.last_good_at or _NEVER, row.name.lower())
