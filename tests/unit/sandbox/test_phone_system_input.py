"""What a client may send to the sandbox phone system: filters, queries and bodies of any kind."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from services.sandbox.phone_system import PhoneSystemOptions
from services.sandbox.phone_system.answers import Refusal
from services.sandbox.phone_system.filters import parse_filter
from services.sandbox.phone_system.odata import parse_query
from services.sandbox.phone_system.schema import BOOL, GROUP, INT, STRING, USER, Entity, Property
from services.sandbox.phone_system.store import PhoneSystem

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = st.sampled_from(
    "Number Enabled Id FirstName EmailAddress eq ne gt and or not ( ) , 'x' '1' 1 2.5 true null tolower contains"
    " 2026-11-24T10:00:00Z".split()
)
PLAIN = {
    STRING: TEXT | st.sampled_from(["100", "200", "a@x.test", "A@X.TEST", "users", "managers", "DEFAULT"]),
    INT: st.integers(-1, 25),
    BOOL: st.booleans(),
}


def _values(known: Property) -> st.SearchStrategy[Any]:
    """Values that a property may have, and a few that it may not."""
    if known.of is not None:
        one = _bodies(known.of)
    elif known.values:
        one = st.sampled_from([*known.values, "Nonsense"])
    else:
        one = PLAIN.get(known.type, st.just({}))
    typed = st.lists(one, max_size=2) if known.is_many else one
    return typed | st.none() if known.type == BOOL else st.one_of(typed, typed, typed, st.none() | TEXT)


def _bodies(entity: Entity) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional={name: _values(known) for name, known in entity.items()})


WRITES = {
    "add": st.fixed_dictionaries(
        {},
        optional={
            name: _values(USER[name])
            for name in ("Number", "EmailAddress", "Groups", "PrimaryGroupId", "Enabled")
        },
    ),
    "change": st.fixed_dictionaries(
        {},
        optional={
            name: _values(USER[name])
            for name in ("EmailAddress", "FirstName", "Groups", "PrimaryGroupId", "ForwardingProfiles")
        },
    ),
    "group": st.fixed_dictionaries({"Name": _values(GROUP["Name"])}),
    "members": st.fixed_dictionaries(
        {}, optional={name: _values(GROUP[name]) for name in ("Name", "Members", "Language")}
    ),
}


def _refused(call: Callable[[], Any]) -> int | None:
    """The status of a refusal, or None."""
    try:
        call()
    except Refusal as refused:
        return refused.status
    return None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@given(TEXT, TEXT)
@example("O'Brien", "O'Brien")
@example("''", "'")
def test_a_text_is_found_however_many_quotes_are_in_it(value: str, other: str) -> None:
    row = {"FirstName": value}
    parsed = parse_filter(f"FirstName eq {_quoted(other)}", USER)
    assert parsed.test(row) is (value == other)
    assert parsed.keys == ("FirstName", (other,))
    assert parse_filter(f"contains(FirstName,{_quoted(value[1:-1])})", USER).test(row)


@given(st.text(max_size=80) | st.lists(WORDS, max_size=12).map(" ".join))
@example("tolower(" * 5000 + "Number")
@example("(" * 5000)
@example("not " * 5000 + "Enabled")
@example("9" * 5000 + " eq Id")
def test_any_filter_is_understood_or_refused(text: str) -> None:
    row = PhoneSystem(PhoneSystemOptions(extensions=1)).user(21)
    assert _refused(lambda: parse_filter(text, USER).test(row)) in (None, 400)


@given(
    st.dictionaries(
        st.sampled_from(["$select", "$expand", "$orderby", "$top", "$skip", "$count"]), st.text(max_size=40)
    )
)
@example({"$expand": "Groups($expand=" * 50})
@example({"$expand": "Groups($select=Id;"})
@example({"$top": "9" * 5000})
def test_any_query_is_understood_or_refused(options: dict[str, str]) -> None:
    assert _refused(lambda: parse_query(options, USER)) in (None, 400)


@st.composite
def _conditions(draw: st.DrawFn, depth: int = 3) -> tuple[str, bool]:
    """A filter over Enabled eq true and Number eq '100', and what it is worth."""
    kind = draw(st.sampled_from(["leaf", "and", "or", "not"] if depth else ["leaf"]))
    if kind == "leaf":
        return draw(
            st.sampled_from(
                [("Enabled", True), ("Enabled eq false", False), ("Number lt '2'", True), ("Id ne 1", False)]
            )
        )
    text, worth = draw(_conditions(depth - 1))
    if kind == "not":
        return f"not ({text})", not worth
    other, other_worth = draw(_conditions(depth - 1))
    value = (worth and other_worth) if kind == "and" else (worth or other_worth)
    return f"({text}) {kind} ({other})", value


@given(_conditions())
def test_conditions_combine_as_they_are_written(condition: tuple[str, bool]) -> None:
    text, worth = condition
    assert parse_filter(text, USER).test({"Enabled": True, "Number": "100", "Id": 1}) is worth


def test_and_binds_more_tightly_than_or() -> None:
    row = {"Enabled": True, "Number": "100"}
    assert parse_filter("Enabled or Number eq '1' and Number eq '2'", USER).test(row)
    assert not parse_filter("(Enabled or Number eq '1') and Number eq '2'", USER).test(row)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Id eq 1 or Id eq 2", ("Id", (1, 2))),
        ("tolower(EmailAddress) eq 'x'", ("tolower EmailAddress", ("x",))),
        ("Id eq 1 or Number eq '2'", None),
        ("Id eq 1 and Enabled", None),
        ("not (Id eq 1)", None),
        ("Id ne 1", None),
        ("Id eq PrimaryGroupId", None),
    ],
)
def test_a_filter_says_when_it_asks_for_nothing_but_keys(text: str, keys: Any) -> None:
    assert parse_filter(text, USER).keys == keys


@given(
    st.lists(
        st.sampled_from(sorted(WRITES)).flatmap(lambda kind: st.tuples(st.just(kind), WRITES[kind])),
        max_size=5,
    )
)
@settings(max_examples=200)
def test_any_body_is_written_or_refused_and_nothing_is_left_half_done(writes: list[tuple[str, Any]]) -> None:
    system = PhoneSystem(PhoneSystemOptions(extensions=3))
    perform: dict[str, Callable[[Any], Any]] = {
        "add": system.add_user,
        "change": lambda body: system.change_user(21, body),
        "group": system.add_group,
        "members": lambda body: system.change_group(1, body),
    }
    for kind, body in writes:
        before = copy.deepcopy((system.users, system.groups, system.user_by_email))
        status = _refused(partial(perform[kind], body))
        event(f"{kind}: {status or 'written'}")
        assert status in (None, 400)
        if status:
            assert (system.users, system.groups, system.user_by_email) == before
    for user_id, user in system.users.items():
        assert system.user_by_number[user["Number"]] == user_id
        members = {row["GroupId"] for row in user["Groups"]}
        assert members <= set(system.groups)
        assert user["PrimaryGroupId"] in (members or {None})
    mails = {str(user.get("EmailAddress") or "").lower(): user_id for user_id, user in system.users.items()}
    mails.pop("", None)
    assert system.user_by_email == mails
