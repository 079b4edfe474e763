"""Numbers that nobody may be given: emergency numbers, what an administrator reserves, lengths 3CX does not have. Pure."""

from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.rules import EMERGENCY_NUMBERS
from shared.language import declared, phrase


class ReservedNumbers:
    """Says of a number why nobody is given it."""

    def __init__(self, reserved: tuple[str, ...], phone_system: PhoneSystemSnapshot) -> None:
        """From the rules (each a number or a range such as ``900-999``) and what the phone system says of itself."""
        self._numbers = frozenset(item for item in reserved if "-" not in item)
        self._ranges = [(*item.split("-", 1), item) for item in reserved if "-" in item]
        self._emergency = frozenset(phone_system.emergency_numbers)
        self._codes = frozenset(phone_system.dial_codes)
        self._lengths = phone_system.number_lengths

    def reason(self, number: str) -> str | None:
        """The end of a sentence that begins with the number ("is reserved by the rules"), or ``None``."""
        if number in self._emergency:
            return declared("is an emergency number in 3CX")
        if number in self._codes:
            return declared("is a dial code in 3CX")
        if number in self._numbers:
            is_emergency = number in EMERGENCY_NUMBERS
            return (
                declared("is an emergency number in many countries")
                if is_emergency
                else declared("is reserved by the rules")
            )
        for first, last, text in self._ranges:
            # Of numbers of another length, a range says nothing: 0900 does not lie between 900 and 999.
            if len(first) == len(number) == len(last) and first <= number <= last:
                return phrase("is reserved by the rules ({range})", range=text)
        if self._lengths and len(number) not in self._lengths:
            lengths = " or ".join(str(length) for length in self._lengths)
            return phrase(
                "has {number} digits, and extension numbers in 3CX have {lengths}",
                number=len(number),
                lengths=lengths,
            )
        return None
