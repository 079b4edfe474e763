"""Reads one organizational unit for a run and proves the reading complete. Called by the task of that name.

The proof: the base exists, every attribute of the settings is in the schema, the last page came with success and
an empty cookie, and the count of what was stored. Without all of it the part fails and nobody is removed.
"""

from datetime import UTC, datetime

from services.collector.active_directory import ActiveDirectory
from services.collector.advice import advice_on, password_ends_at
from services.collector.controller import directory_of, ended, reading_of
from services.collector.people import mapping_of, sources_of, unit_pages
from shared.database.tables import PartKind
from shared.domain.content import digest_of, written
from shared.settings.documents import Security
from shared.work.parts import PartWork, read_part
from shared.worker.context import Context


def snapshot_unit(context: Context, part_id: int) -> None:
    """Read and store the part if it waits to be read.

    :raises LeaseHeld: another worker has taken over meanwhile.
    """
    read_part(context, part_id, PartKind.UNIT, _read)


def _read(part: PartWork) -> None:
    site = part.settings()
    key, settings = part.directory(site)
    with directory_of(part, settings, key) as directory:
        domain, asked_at = directory.domain(), datetime.now(UTC)
        directory.check_exists(part.unit)
        directory.check_attributes(sources_of(settings).configured(), domain.schema_dn)
        people_filter = directory.people_filter()
        has_several = bool(site.directories.others)
        mapping = mapping_of(settings, part.unit, datetime.now(UTC), with_sids=has_several)
        reading = reading_of(directory, key)
        content = 0
        for page in unit_pages(directory, mapping, people_filter):
            part.store(page)
            content = digest_of(page, content)
        part.complete(
            source=domain.controller or directory.server,
            proof={
                "base_exists": True,
                "result": "success",
                "last_cookie": "empty",
                "pages": part.pages,
                "people": part.items,
                "filter": people_filter,
                "controller": ended(directory, reading).to_document(),
                "content": written(content),
                "encrypted": settings.security is not Security.PLAIN,
                "advice": advice_on(directory, domain, asked_at),
                **_ends(directory, is_first=part.unit == settings.units[0].dn),
            },
        )


def _ends(directory: ActiveDirectory, *, is_first: bool) -> dict[str, str | None]:
    """Until when the certificate is good and, asked once for each directory, the password of the account that reads."""
    certificate = directory.certificate_ends_at
    password = password_ends_at(directory) if is_first else None
    return {
        "certificate_ends_at": certificate.isoformat() if certificate else None,
        "password_ends_at": password.isoformat() if password else None,
        "account": directory.settings.user,
    }
