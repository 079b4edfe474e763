"""Filters: whatever an administrator or the directory writes into them stays a value."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.search import search_operation

from services.collector import selection
from services.collector.selection import PEOPLE


def test_only_people_with_an_account_are_selected() -> None:
    assert selection.people() == f"(&{PEOPLE})"
    assert selection.people("(company=X)", "(memberOf=G)") == (f"(&{PEOPLE}(company=X)(memberOf=G))")


@given(st.text(min_size=1, max_size=40))
def test_a_value_never_leaves_its_place_in_the_filter(value: str) -> None:
    request = search_operation(
        "DC=x", f"(cn={selection.escaped(value)})", 2, "NEVER", ["cn"], 0, 0, False, True, False
    )
    condition = request["filter"]
    assert condition.getName() == "equalityMatch"
    assert bytes(condition["equalityMatch"]["assertionValue"]) == value.encode()


@given(st.text(min_size=1, max_size=40), st.lists(st.text(min_size=1, max_size=20), max_size=4))
def test_membership_is_one_clause_whatever_the_groups_are_called(group: str, nested: list[str]) -> None:
    clause = selection.members(group, nested, [513])
    request = search_operation("DC=x", clause, 2, "NEVER", ["cn"], 0, 0, False, True, False)
    assert request["filter"].getName() == "or"
    assert len(request["filter"]["or"]) == len(nested) + 2


def test_many_nested_groups_are_left_to_the_rule_for_chains() -> None:
    clause = selection.members("CN=G", [f"CN={index}" for index in range(101)], [])
    assert clause == "(|(memberOf=CN=G)(memberOf:1.2.840.113556.1.4.1941:=CN=G))"


@given(st.lists(st.uuids(), min_size=1, max_size=5))
def test_a_guid_is_looked_for_by_the_bytes_the_directory_keeps(guids: list[UUID]) -> None:
    request = search_operation(
        "DC=x", selection.any_guid(map(str, guids)), 2, "NEVER", ["cn"], 0, 0, False, True, False
    )
    asked = [bytes(part["equalityMatch"]["assertionValue"]) for part in request["filter"]["or"]]
    assert asked == [guid.bytes_le for guid in guids]


def test_the_relative_identifier_is_the_last_part_of_a_sid() -> None:
    sid = bytes.fromhex("010500000000000515000000a065cf7e784b9b5fe77c8770") + (513).to_bytes(4, "little")
    assert selection.relative_id(sid) == 513


@given(st.binary(max_size=40))
def test_what_is_no_sid_has_no_relative_identifier_or_a_number(sid: bytes) -> None:
    found = selection.relative_id(sid)
    assert found is None or (len(sid) == 8 + 4 * sid[1] and 0 <= found < 2**32)


def test_a_number_is_looked_for_in_every_attribute_that_may_hold_it() -> None:
    assert selection.any_number(["ipPhone", "pager"], ["20"]) == (
        "(|(ipPhone=20)(ipPhone=*2*0*)(pager=20)(pager=*2*0*))"
    )
