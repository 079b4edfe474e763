"""What planning a run comes to, before it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.memory import Memory
from shared.domain.numbers import GivenNumber
from shared.domain.plan import Plan, Verdict
from shared.domain.rules import RunFacts
from shared.domain.seen import Seen


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and its verdict, with what is stored in the same transaction.

    ``settings_versions`` are those it was made by, ``advice`` what should be mended in time, ``memories`` what is remembered
    of readings by directory, ``homes`` which directory people are of (where there are several), ``numbers`` what was known
    of given numbers, ``write_back`` the attribute that is to hold these, ``seen`` and ``facts`` what the plan was made from.
    """

    plan: Plan
    verdict: Verdict
    settings_versions: Mapping[str, int]
    memories: Mapping[str, Memory]
    homes: Mapping[str, str | None]
    numbers: tuple[GivenNumber, ...]
    write_back: str
    seen: Seen | None
    facts: RunFacts
    now: datetime
    advice: tuple[str, ...] = ()
