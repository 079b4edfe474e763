"""Which accounts of the units are hardly people: administrators and services. Called by ``questions``.

They are read like everybody else, and have an extension as soon as they have a number; so whoever chooses units is told.
"""

from services.collector.active_directory import ActiveDirectory
from services.collector.mapping import clean
from services.collector.reader import Search, first_value
from shared.language import declared, phrase

_NAMED = 3
# Kept by AdminSDHolder (MS-ADTS 3.1.1.6.1.2), or made with the domain.
_ADMINISTRATORS = "(|(adminCount=1)(isCriticalSystemObject=TRUE))"
# With a name of a service (MS-ADTS 2.2.21), or called like one, as administrators do.
_SERVICES = "(|(servicePrincipalName=*)(sAMAccountName=svc*)(sAMAccountName=*service*))"


def unusual_accounts(directory: ActiveDirectory) -> list[str]:
    """A sentence for each unit and kind of such accounts that the settings take in.

    :raises RollcallError: the directory cannot be read.
    """
    chosen = directory.people_filter()
    sentences = []
    for unit in directory.settings.units:
        for clause, kind in (
            (_ADMINISTRATORS, declared("Administrator accounts")),
            (f"(&{_SERVICES}(!{_ADMINISTRATORS}))", declared("Service accounts")),
        ):
            names = [
                clean(first_value(entry, "sAMAccountName"))
                for entry in directory.reader.entries(
                    Search(unit.dn, f"(&{chosen}{clause})", ("sAMAccountName",))
                )
            ]
            if names:
                sentences.append(
                    phrase(
                        "{kind} in {unit}: {names}{more}. They get an extension if they have a number. Select a "
                        "sub-OU, or add them to Exclude extensions.",
                        kind=kind,
                        unit=unit.dn,
                        names=", ".join(sorted(names, key=str.casefold)[:_NAMED]),
                        more=phrase(" and {more} more", more=len(names) - _NAMED)
                        if len(names) > _NAMED
                        else "",
                    )
                )
    return sentences
