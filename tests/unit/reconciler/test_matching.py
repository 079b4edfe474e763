"""When two names are the same."""

import pytest

from services.reconciler.matching import have_same_name
from tests.builders.domain import make_extension, make_person


@pytest.mark.parametrize(
    ("person", "extension"),
    [
        (("Anna", "Berg"), ("anna", "BERG")),
        (("Anna", "Berg"), ("Berg", "Anna")),
        (("Anna Maria", "Berg"), ("Anna", "Maria Berg")),
        (("André", "Müller"), ("Andre", "Muller")),
        (("Ren\u00e9", "X"), ("Rene\u0301", "X")),
        (("Jürgen", "Groß"), ("JÜRGEN", "GROSS")),
        (("Sean", "O'Hara-Smith"), ("Sean", "O Hara Smith")),
        (("李", "小龙"), ("李", "小龙")),
    ],
)
def test_the_same_name_is_recognised(person: tuple[str, str], extension: tuple[str, str]) -> None:
    assert _same(person, extension)


@pytest.mark.parametrize(
    ("person", "extension"),
    [
        (("Anna", "Berg"), ("Anna", "Bergman")),
        (("Anna", "Berg"), ("Anna", "")),
        (("Anna", "Berg"), ("Anna Maria", "Berg")),
        (("", ""), ("", "")),
        (("🦜", ""), ("🐢", "")),
        (("李", "小龙"), ("李", "连杰")),
    ],
)
def test_another_name_is_another_name(person: tuple[str, str], extension: tuple[str, str]) -> None:
    assert not _same(person, extension)


def _same(person: tuple[str, str], extension: tuple[str, str]) -> bool:
    return have_same_name(
        make_person(first_name=person[0], last_name=person[1]),
        make_extension(first_name=extension[0], last_name=extension[1]),
    )
