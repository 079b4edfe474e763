"""Phone numbers become what is dialled, addresses what is written to; nothing is guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values.e164 import e164, is_country
from shared.values.email import address, one_address, primary_address
from shared.values.phone import dialled, is_dialled_alike


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+49 171 1234567", "+491711234567"),
        ("+49 (0)171/1234567", "+491711234567"),
        ("+49 (171) 123-45 67", "+491711234567"),
        ("0049 (0)171 1234567", "00491711234567"),
        ("0171/1234567", "01711234567"),
        ("(0171) 123 45 67", "01711234567"),
        ("+1 (801) 555-0123", "+18015550123"),
        ("801.555.0123", "8015550123"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("06.12.34.56.78", "0612345678"),
        ("\u202a+41 79 123 45 67\u202c", "+41791234567"),
        ("+39\u00a0347\u00a01234567", "+393471234567"),
        ("204", "204"),
        ("0171 1234567/68", None),
        ("0171 1234567 / 0172 1234567", None),
        ("0171 1234567 0172 1234567", None),
        ("01711234 01721234", None),
        ("0171 1234567 (private)", None),
        ("mobile: 0171 1234567", None),
        ("+49 171 1234567 x204", None),
        ("1-800-FLOWERS", None),
        ("０１７１", None),
        ("++49 171 1234567", None),
        ("0171+1234567", None),
        ("", None),
    ],
)
def test_a_number_becomes_what_is_dialled_or_nothing(text: str, number: str | None) -> None:
    assert dialled(text) == number


@given(st.text("0123456789 +-()/.x\u202a", max_size=30))
def test_what_is_dialled_are_the_digits_of_the_text_in_their_order(text: str) -> None:
    number = dialled(text)
    if number is not None:
        assert number.removeprefix("+").isdecimal()
        assert dialled(number) == number
        assert is_dialled_alike(number, number)


def test_two_forms_of_a_number_are_dialled_alike_unless_one_cannot_be_dialled_as_it_stands() -> None:
    assert is_dialled_alike("+49 171 1234567", "+491711234567")
    assert not is_dialled_alike("+49 171 1234567", "0171 1234567")
    assert not is_dialled_alike("+491711234567", "\u202a+491711234567")
    assert not is_dialled_alike("private", "private")


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("0171 1234567", "DE", "+491711234567"),
        ("+49 (0)171/1234567", "US", "+491711234567"),
        ("801-555-0123", "US", "+18015550123"),
        ("079 123 45 67", "CH", "+41791234567"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("347 1234567", "IT", "+393471234567"),
        ("204", "DE", None),
        ("private", "DE", None),
    ],
)
def test_a_number_gets_its_country(text: str, country: str, number: str | None) -> None:
    assert e164(text, country) == number


def test_a_country_is_one_with_a_numbering_plan() -> None:
    assert is_country("DE")
    assert not is_country("XX")


@pytest.mark.parametrize(
    "text",
    ["ada@corp.example", " ada@corp.example\u200b", "mailto:ada@corp.example", "MAILTO: ada@corp.example?subject=x",
     "smtp:ada@corp.example", "SMTP:ada@corp.example", "SIP:ada@corp.example", "sips:ada@corp.example"],
)  # fmt: skip
def test_an_address_loses_what_is_written_around_it(text: str) -> None:
    assert address(text) == "ada@corp.example"


def test_of_several_addresses_the_primary_one_counts_or_always_the_same() -> None:
    assert one_address(["smtp:b@corp.example", "SMTP:c@corp.example"]) == "c@corp.example"
    assert one_address(["b@corp.example", "a@corp.example"]) == "a@corp.example"
    assert one_address([]) == ""


@given(
    st.permutations(["smtp:a@corp.example", "SMTP:b@corp.example", "SIP:c@corp.example", "X500:/o=Corp/cn=d"])
)
def test_proxy_addresses_give_the_primary_one(values: list[str]) -> None:
    assert primary_address(values) == "b@corp.example"


@pytest.mark.parametrize(
    "values",
    [["smtp:a@corp.example", "sip:c@corp.example"], ["SMTP:a@corp.example", "SMTP:b@corp.example"]],
)
def test_proxy_addresses_without_exactly_one_primary_give_no_address(values: list[str]) -> None:
    given = primary_address(values)
    assert given.lower().startswith("smtp:")
    assert primary_address([]) == ""
