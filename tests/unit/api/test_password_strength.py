"""Which passwords are taken, and why the others are not."""

import pytest

from services.api.access.passwords.strength import weakness

NAMES = ("anna.adler@corp.example", "Anna Zoë Adler")


@pytest.mark.parametrize(
    "password",
    [
        "quiet river stone",
        "seven green bottles",
        "kT4#v9pQ-zR2m",
        "drei kleine Füchse",
        "河 山 石 quiet river",
        "q" * 3 + "uiet river" * 12,
    ],
)
def test_what_is_hard_to_guess_is_taken(password: str) -> None:
    assert weakness(password, NAMES) == ""


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "12 to 200 characters"),
        ("quiet river", "12 to 200 characters"),
        ("quiet river" * 19, "12 to 200 characters"),
        ("aaaaaaaaaaaaaaaab", "repeats a few characters"),
        ("Password1234", "a common password"),
        ("p4ssw0rd12345", "a common password"),
        ("qwertyuiop123", "a common password"),
        ("123456789012345", "a common password"),
        ("trustno1trustno1", "a common password"),
        ("monkeymonkey1", "a common password"),
        ("Quiet ADLER stone", "contains the name"),
        ("my anna stone 77", "contains the name"),
        ("rollcall river 77", "contains the name"),
        ("ANNA.ADLER@corp.example", "contains the name"),
    ],
)
def test_what_is_easily_guessed_is_refused_with_the_reason(password: str, why: str) -> None:
    said = weakness(password, NAMES)
    assert why in said
    # A refusal never repeats what was typed.
    assert not password or password not in said


def test_a_short_name_keeps_nobody_from_using_words_that_hold_it() -> None:
    assert weakness("quiet river stone", ("bo", "Bo Li Stoneman")) == ""
    assert weakness("robots like rivers", ("x.bo", "Bo")) == (
        "This password is too easily guessed: it contains the name of the account or of its owner. "
        "Use other words."
    )
