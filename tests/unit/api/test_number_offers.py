"""What the wizard's number step offers, and what is chosen when the page is opened."""

from typing import Any

import pytest

from services.api.settings.forms.proposals import Offer, offers, take, without_number

UNTOUCHED: dict[str, Any] = {
    "attributes": {"number": "telephoneNumber"},
    "number_rule": {"min_digits": 2, "max_digits": 5, "last_digits": None},
}


def _proposal(source: str, usable: int, last_digits: int | None = None) -> dict[str, Any]:
    return {
        "source": source, "last_digits": last_digits, "people": 9, "numbers": max(usable, 1), "usable": usable,
        "examples": [{"name": "Ada", "text": "204", "number": "204"}],
    }  # fmt: skip


def _set(number: str, last_digits: Any = None) -> dict[str, Any]:
    return UNTOUCHED | {
        "attributes": {"number": number},
        "number_rule": UNTOUCHED["number_rule"] | {"last_digits": last_digits},
    }


def _chosen(listed: list[Offer]) -> list[str]:
    return [item.value for item in listed if item.is_chosen]


def test_the_best_is_chosen_for_whoever_has_chosen_nothing() -> None:
    best, other = _proposal("telephoneNumber", 9, 3), _proposal("ipPhone", 4)
    assert _chosen(offers([best, other], [], UNTOUCHED)) == ["telephoneNumber#3"]


def test_nothing_that_gives_nobody_a_number_of_their_own_is_chosen() -> None:
    attributes = [{"name": "telephoneNumber", "people": 9, "samples": ["20/21"]}]
    assert _chosen(offers([_proposal("telephoneNumber", 0)], attributes, UNTOUCHED)) == []
    listed = offers([], attributes, UNTOUCHED)
    assert [(item.source, item.usable, item.is_chosen) for item in listed] == [("telephoneNumber", 0, False)]


def test_what_is_set_stays_chosen_even_beside_a_better_one() -> None:
    proposals = [_proposal("ipPhone", 9), _proposal("extensionAttribute1", 2)]
    assert _chosen(offers(proposals, [], _set("extensionAttribute1"))) == ["extensionAttribute1"]
    assert _chosen(offers(proposals, [], _set("first(pager, co)"))) == ["first(pager, co)"]
    # As a form sends it.
    assert _chosen(offers([_proposal("telephoneNumber", 9, 3)], [], _set("telephoneNumber", "3"))) == [
        "telephoneNumber"
    ]


def test_what_was_sent_just_now_stays_chosen() -> None:
    proposals = [_proposal("ipPhone", 9), _proposal("telephoneNumber", 2)]
    assert _chosen(offers(proposals, [], UNTOUCHED, is_sent=True)) == ["telephoneNumber"]


def test_a_choice_of_last_digits_sets_the_number_rule_too() -> None:
    values = _set("telephoneNumber#3")
    take(values)
    assert (values["attributes"]["number"], values["number_rule"]["last_digits"]) == ("telephoneNumber", "3")
    for text in ('replace(co, "#3", "")', "ipPhone", ""):
        kept = _set(text, 4)
        take(kept)
        assert (kept["attributes"]["number"], kept["number_rule"]["last_digits"]) == (text, 4)


def test_what_comes_of_an_expression_that_is_not_proposed_is_shown_too() -> None:
    chosen = _proposal("first(pager, co)", 3)
    (offer,) = offers([], [], _set("first(pager, co)"), chosen)
    assert (offer.is_chosen, offer.usable, offer.people) == (True, 3, 9)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"people": 9, "numbers": 5, "usable": 1}, ""),
        ({"people": 9, "numbers": 0, "usable": 0}, "none of 9 people"),
        ({"people": 9, "numbers": 9, "usable": 0}, "share the same numbers"),
        ({"people": 0, "numbers": 0, "usable": 0}, "contain nobody"),
    ],
)
def test_a_source_that_gives_nobody_a_number_is_not_taken_by_accident(
    found: dict[str, int], said: str
) -> None:
    reason = without_number({"source": "ipPhone", **found})
    assert said in reason
    assert bool(reason) == bool(said)
