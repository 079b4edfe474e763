"""A choice that an administrator makes: each value with the words that people read for it."""

from enum import StrEnum
from typing import Self


class Choice(StrEnum):
    """Base of every list of choices. A member is its stored value and its label: ``KEEP = "keep", "Keep"``."""

    _value_: str
    label: str

    def __new__(cls, value: str, label: str = "") -> Self:
        if not label:
            # Only looking a member up by its value leaves the label out, and that does not come here.
            raise TypeError(f"The choice {value} has no label.")
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member
