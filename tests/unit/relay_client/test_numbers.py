"""What 3CX says of numbers: only what can be meant is believed."""

from typing import Any

import pytest

from services.relay_client.xapi import numbers


@pytest.mark.parametrize(
    ("said", "lengths"),
    [
        ({"ENL": 3, "ENLRange": {"From": 3, "To": 5}}, (3, 4, 5)),
        ({"ENL": 4}, (4,)),
        ({"ENL": 3, "ENLRange": None}, (3,)),
        ({}, ()),
        ({"ENL": 0}, ()),
        ({"ENLRange": {"From": 5, "To": 3}}, ()),
        ({"ENLRange": {"From": "3", "To": "5"}}, ()),
    ],
)
def test_extensions_have_as_many_digits_as_the_system_says(
    said: dict[str, Any], lengths: tuple[int, ...]
) -> None:
    assert numbers.lengths(said) == lengths


def test_emergency_numbers_are_those_of_the_rules() -> None:
    rules: list[dict[str, Any]] = [
        {"Prefix": "112, 911;999"},
        {"Prefix": None},
        {"Prefix": "*5,11x"},
        {"Prefix": "112"},
    ]
    assert numbers.prefixes(rules) == ("112", "911", "999")


def test_only_a_dial_code_of_digits_can_be_an_extension() -> None:
    said = {"DialCodeVMail": "*4", "DialCodePark": "800", "DialCodeIntercom": None, "Id": "7"}
    assert numbers.codes(said) == ("800",)
