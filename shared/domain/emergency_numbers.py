"""Numbers that bring help, and must never ring at a desk. Pure data.

Taken from the countries' numbering plans; a test holds it against libphonenumber's. An extension under one of them would answer instead of the police: a phone system looks at its extensions first.
"""

_BY_COUNTRY: dict[str, tuple[str, ...]] = {
    "AT": ("112", "122", "133", "140", "141", "142", "144"),
    "AU": ("000", "106", "112"),
    "CA": ("112", "911"),
    "CH": ("112", "117", "118", "144"),
    "DE": ("110", "112"),
    "FR": ("15", "17", "18", "112", "114", "115", "119"),
    "GB": ("112", "999"),
    "IE": ("112", "999"),
    "IT": ("112", "113", "115", "117", "118"),
    "LU": ("112", "113"),
    "NL": ("112", "911"),
    "NO": ("110", "112", "113"),
    "SE": ("112",),
    "US": ("112", "911"),
}


def _by_number() -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for country, numbers in _BY_COUNTRY.items():
        for number in numbers:
            found.setdefault(number, []).append(country)
    return {number: ", ".join(countries) for number, countries in found.items()}


# By number, the countries (ISO 3166) in which it is one.
COUNTRIES_OF: dict[str, str] = _by_number()
EMERGENCY_NUMBERS: tuple[str, ...] = tuple(sorted(COUNTRIES_OF, key=lambda number: (len(number), number)))
