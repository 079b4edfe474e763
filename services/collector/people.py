"""Reads people: raw pages of a unit mapped to ``Person``. Called by ``snapshot``."""

from collections.abc import Iterator
from datetime import datetime

from services.collector.active_directory import ActiveDirectory
from services.collector.mapping import PersonMapping, Sources, UnusableEntry
from services.collector.numbers import NumberOptions
from services.collector.reader import RawEntry
from shared.domain.person import Person
from shared.errors import InvalidEntry
from shared.language import phrase
from shared.settings.documents import DirectorySettings
from shared.settings.sections.directory import DisabledAccounts


def sources_of(settings: DirectorySettings) -> Sources:
    """What gives which field by the settings, as plain values."""
    return Sources(**settings.attributes.model_dump())


def number_options(settings: DirectorySettings) -> NumberOptions:
    """The number rule of the settings as plain values."""
    rule = settings.number_rule
    return NumberOptions(rule.min_digits, rule.max_digits, rule.last_digits)


def mapping_of(
    settings: DirectorySettings, unit: str, now: datetime, *, with_sids: bool = False
) -> PersonMapping:
    """How entries of a unit become people under these settings; empty for entries of anywhere."""
    keeping = {item.dn for item in settings.units if item.disabled_accounts is DisabledAccounts.ACTIVE}
    return PersonMapping(
        unit,
        sources_of(settings),
        number_options(settings),
        now,
        settings.mobile_country or "",
        keeps_disabled=unit in keeping,
        with_sids=with_sids,
    )


def unit_pages(
    directory: ActiveDirectory, mapping: PersonMapping, people_filter: str
) -> Iterator[list[Person]]:
    """Everyone in the mapping's unit, one list per LDAP page; ends only when the unit was read completely.

    :raises InvalidEntry: an entry has no objectGUID, so the reading cannot count.
    :raises RollcallError: as ``reader.Reader.pages``.
    """
    for page in directory.people_pages(mapping.unit, people_filter, mapping.requested()):
        try:
            yield [mapping.person(entry.distinguished_name, entry.attributes) for entry in _used_up(page)]
        except UnusableEntry as error:
            raise InvalidEntry(
                phrase(
                    "{error} The account may not be allowed to read it, so {unit} counts as not read.",
                    error=error,
                    unit=mapping.unit,
                )
            ) from error


def _used_up(page: list[RawEntry]) -> Iterator[RawEntry]:
    """The entries in order, each let go of when the next one is wanted: a page is never in memory twice."""
    page.reverse()
    while page:
        yield page.pop()
