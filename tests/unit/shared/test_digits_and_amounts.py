"""Numbers as they are written to us, and amounts as we write them."""

import pytest

from shared.language import counted
from shared.values.amounts import size
from shared.values.digits import whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("9999", 9999)]
    + [(text, None) for text in ("", "99999", "+7", "-7", " 7", "7\n", "1_0", "٣", "²", "7.0")],
)
def test_a_whole_number_is_ascii_digits_alone_and_no_longer_than_allowed(
    text: str, number: int | None
) -> None:
    assert whole_number(text, 4) == number


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (counted(1, "person", "people"), "1 person"),
        (counted(0, "person", "people"), "0 people"),
        (counted(12345, "unit", "units"), "12,345 units"),
        (size(999), "999 bytes"),
        (size(1500), "1.5 kB"),
        (size(2.5e15), "2500.0 TB"),
    ],
)
def test_an_amount_reads_as_people_write_it(said: str, wanted: str) -> None:
    assert said == wanted
