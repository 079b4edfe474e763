"""A snapshot of 10,000 people with seven expressions, beside the same with plain attributes.

Both are what workers do, as in ``bench.snapshot``. The reference is the same reading of the same people by the attributes
of the default settings, taken in turns. The expressions read the same attributes, because asking the controller for more
costs as much without any expression.
"""

from bench.report import Figure, best_of_both
from bench.snapshot import PEOPLE, UNITS, fill, reading
from shared.settings.documents import AttributeSettings
from tests.support.samba import samba_domain

REPEATS = 7
GOAL = 1.5
EXPRESSIONS = AttributeSettings(
    number="first(last(digits(telephoneNumber), 4), mobile)",
    first_name="title(givenName)",
    last_name='replace(sn, "\u00e4", "ae")',
    display_name='sn + ", " + givenName',
    email="lower(first(mail, displayName))",
    mobile='mobile == "" ? "" : e164(mobile, "DE")',
    department='table(department, {"IT": "Support", "HR": "Office"})',
)


def measure() -> list[Figure]:
    """Time with expressions against the time without."""
    with samba_domain() as domain:
        site = fill(domain, "Many", PEOPLE)
        with reading(site, EXPRESSIONS) as ours, reading(site) as reference:
            for read in (ours, reference):
                if (found := read()) != PEOPLE:
                    raise AssertionError(f"{found:,} people were read, not {PEOPLE:,}")
            seconds, plain = best_of_both(REPEATS, ours, reference)
    what = f"snapshot of {PEOPLE:,} people, {UNITS} units, seven expressions"
    return [Figure(what, seconds, plain, GOAL, "against plain attributes")]
