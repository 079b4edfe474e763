"""Phone numbers in the international form, by the numbering plans of libphonenumber. Pure.

The plans are loaded with the first question: few sites ask, and they take an eighth of a second.
"""

from shared.values.phone import dialled


def e164(text: str, country: str) -> str | None:
    """The number as "+" and digits (ITU-T E.164); ``None`` when it is none of the plan it belongs to.

    :param country: two letters (ISO 3166), for numbers that name no country themselves.
    """
    import phonenumbers

    number = dialled(text)
    if number is None:
        return None
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def is_country(code: str) -> bool:
    """Whether there is a numbering plan for the two letters."""
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS
