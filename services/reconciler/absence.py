"""What several directories together say of people who were read in none of them. Pure.

Each speaks for its own domain, so a directory that does not answer holds the removals of its people alone. But an entry can
move to another domain of its forest and keep its objectGUID: whoever is gone from one domain is taken to be deleted only when
no unread directory may be of the same forest.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from shared.domain.person import AbsentPerson


def agreed(
    answers: Mapping[str, Mapping[str, AbsentPerson]],
    silent: Collection[str],
    homes: Mapping[str, str | None],
    forests: Mapping[str, str],
) -> Iterator[AbsentPerson]:
    """The facts that count.

    ``answers`` is what each directory states, by key and objectGUID; somebody whom one does not state is in its units by now.
    ``silent`` are directories that were not read to their end; ``homes`` who was last read from which, ``forests`` the root
    of each directory's forest as far as it is known.
    """
    heard = {key: facts for key, facts in answers.items() if key not in silent}
    known = {*answers, *silent}
    for guid in sorted({guid for facts in heard.values() for guid in facts}):
        home = homes.get(guid)
        fact = _fact_of(guid, home if home in known else None, heard, silent, forests)
        if fact is not None:
            yield fact


def _fact_of(
    guid: str,
    home: str | None,
    heard: Mapping[str, Mapping[str, AbsentPerson]],
    silent: Collection[str],
    forests: Mapping[str, str],
) -> AbsentPerson | None:
    if home in silent or any(guid not in facts for facts in heard.values()):
        return None
    order = sorted(heard, key=lambda key: (key != home, key))
    found = next((key for key in order if heard[key][guid].found), None)
    if found is not None:
        return replace(heard[found][guid], directory=found)
    unread = silent if home is None else [key for key in silent if _may_share(forests, home, key)]
    return None if unread else AbsentPerson(guid, found=False, directory=home)


def _may_share(forests: Mapping[str, str], one: str, other: str) -> bool:
    roots = (forests.get(one, "").casefold(), forests.get(other, "").casefold())
    return not all(roots) or roots[0] == roots[1]
