"""Pages on the wire: always asked for, and never taken for all of it without proof."""

from collections.abc import Callable
from uuid import UUID

import pytest

from services.collector.active_directory import ActiveDirectory
from services.collector.people import mapping_of, unit_pages
from services.collector.reader import RawEntry, Scope, Search
from services.sandbox.directory.messages import Message, SearchRequest, write_notice, write_reference
from services.sandbox.directory.results import Result
from shared.errors import (
    DirectoryUnavailable,
    IncompleteSnapshot,
    InsufficientRights,
    InvalidEntry,
    RollcallError,
    UnknownBaseDn,
)
from tests.integration.collector.collecting import NOW
from tests.integration.collector.scripted import (
    HangUp,
    ScriptedController,
    Values,
    cookie_of,
    done,
    entry,
    page_sizes,
    plain_settings,
    scripted,
)

UNIT = "OU=Sales,DC=corp,DC=example"
GUID = UUID(int=7).bytes_le


def _read(controller: ScriptedController, page_size: int = 2, scope: Scope = Scope.SUBTREE) -> list[RawEntry]:
    with ActiveDirectory(plain_settings(controller)) as directory:
        search = Search(UNIT, "(objectClass=user)", ("cn", "member", "objectGUID"), scope, page_size)
        return list(directory.reader.entries(search))


def _two_pages(message: Message, search: SearchRequest) -> bytes:
    if not cookie_of(message):
        return entry(message, f"CN=A,{UNIT}", {"cn": "A"}) + done(message, b"more")
    return entry(message, f"CN=B,{UNIT}", {"cn": "B"}) + done(message)


def test_every_search_asks_for_pages_and_follows_the_cookie_to_the_empty_one() -> None:
    with scripted(_two_pages) as controller:
        found = _read(controller)
        assert [item.attributes["cn"] for item in found] == [[b"A"], [b"B"]]
        assert page_sizes(controller.searches) == [2, 2]
        assert [cookie_of(message) for message, _ in controller.searches] == [b"", b"more"]
        assert all(control.is_critical for message, _ in controller.searches for control in message.controls)


def test_whatever_may_have_several_entries_is_asked_for_in_pages() -> None:
    with scripted(lambda message, search: done(message)) as controller:
        with ActiveDirectory(plain_settings(controller, page_size=500)) as directory:
            assert directory.count(UNIT, directory.people_filter()) == 0
            assert list(directory.find([str(UUID(int=1))], "DC=corp")) == [{}]
            assert directory.selected([str(UUID(int=1))], [UNIT]) == set()
            with pytest.raises(UnknownBaseDn):
                directory.check_exists(UNIT)
        below = [asked for asked in controller.searches if asked[1].scope != Scope.BASE]
        assert page_sizes(below) == [500, 1000, 1000]
        single = [asked for asked in controller.searches if asked[1].scope == Scope.BASE]
        assert set(page_sizes(single)) == {None}


def test_an_answer_without_the_control_of_the_pages_never_counts_as_all() -> None:
    with (
        scripted(
            lambda message, search: entry(message, "CN=A", {"cn": "A"}) + done(message, None)
        ) as controller,
        pytest.raises(DirectoryUnavailable, match="did not answer in pages"),
    ):
        _read(controller)


def test_a_search_of_one_entry_needs_no_control_in_the_answer() -> None:
    with scripted(
        lambda message, search: entry(message, UNIT, {"cn": "A"}) + done(message, None)
    ) as controller:
        assert len(_read(controller, scope=Scope.BASE)) == 1


def _later(result: Result) -> Callable[[Message, SearchRequest], bytes]:
    def _answer(message: Message, search: SearchRequest) -> bytes:
        first = entry(message, f"CN=A,{UNIT}", {"cn": "A"}) + done(message, b"more")
        return done(message, result=result) if cookie_of(message) else first

    return _answer


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4, IncompleteSnapshot),
        (11, IncompleteSnapshot),
        (50, InsufficientRights),
        (51, DirectoryUnavailable),
        (53, DirectoryUnavailable),
        (80, DirectoryUnavailable),
    ],
)
def test_an_error_on_a_later_page_ends_the_reading_with_it(code: int, kind: type[RollcallError]) -> None:
    with scripted(_later(Result(code, "told to"))) as controller, pytest.raises(kind, match="127"):
        _read(controller)


def test_an_answer_of_another_domain_is_an_error_and_is_not_followed() -> None:
    with scripted(lambda message, search: done(message, result=Result(10, "ref"))) as controller:
        with pytest.raises(UnknownBaseDn, match="another domain"):
            _read(controller)
        assert len(controller.searches) == 1


def test_references_between_entries_are_passed_over() -> None:
    def _answer(message: Message, search: SearchRequest) -> bytes:
        reference = write_reference(message.id, "ldap://other.example/DC=other")
        return reference + entry(message, UNIT, {"cn": "A"}) + reference + done(message)

    with scripted(_answer) as controller:
        assert len(_read(controller)) == 1


def test_a_person_in_a_page_without_their_guid_fails_the_unit() -> None:
    def _answer(message: Message, search: SearchRequest) -> bytes:
        return entry(message, f"CN=A,{UNIT}", {"cn": "A"}) + done(message)

    with scripted(_answer) as controller:
        settings = plain_settings(controller)
        with (
            ActiveDirectory(settings) as directory,
            pytest.raises(InvalidEntry, match=f"{UNIT} counts as not read"),
        ):
            list(unit_pages(directory, mapping_of(settings, UNIT, NOW), "(objectClass=user)"))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "no LDAP message"),
        (b"\x30\x84\x7f\xff\xff\xff", "no LDAP message"),
        (b"\x30\x80\x00\x00", "a form that LDAP does not use"),
        (b"\x30\x05\x02\x01\x01\x65\x00", "not asked"),
        (b"\x30\x03\x04\x01\x00", "tag"),
        (b"", "timed out"),
        (b"\x30", "timed out"),
        (b"\x30\x20\x02\x03", "timed out"),
        (write_notice(Result(52, "bye")), "notice of disconnection"),
    ],
)
def test_bytes_that_are_no_answer_end_the_reading(raw: bytes, said: str) -> None:
    with scripted(lambda message, search: raw) as controller, pytest.raises(DirectoryUnavailable, match=said):
        _read(controller)


@pytest.mark.parametrize("kept", [0, 1, 3, 30])
def test_a_connection_that_is_closed_in_the_middle_of_an_answer_is_no_end(kept: int) -> None:
    def _answer(message: Message, search: SearchRequest) -> bytes:
        if not cookie_of(message):
            return entry(message, f"CN=A,{UNIT}", {"cn": "A" * 300}) + done(message, b"more")
        raise HangUp(entry(message, f"CN=B,{UNIT}", {"cn": "B" * 300})[:kept])

    with (
        scripted(_answer) as controller,
        pytest.raises(DirectoryUnavailable, match="closed the connection in the middle of an answer"),
    ):
        _read(controller)


def _range(first: int, last: str, count: int) -> dict[str, list[str]]:
    return {f"member;range={first}-{last}": [f"CN={first + index}" for index in range(count)]}


def test_an_attribute_that_comes_in_parts_is_completed_before_the_next_page() -> None:
    def _answer(message: Message, search: SearchRequest) -> bytes:
        asked = next((name for name in search.attributes if ";range=" in name), "")
        if asked:
            assert search.base == f"<GUID={GUID.hex()}>"
            assert search.scope == Scope.BASE
            first = int(asked.split("=")[1].split("-")[0])
            last = "*" if first == 6 else str(first + 2)
            return entry(message, UNIT, _range(first, last, 3)) + done(message)
        if not cookie_of(message):
            found: Values = {"objectGUID": GUID, **_range(0, "2", 3)}
            return entry(message, f"CN=G,{UNIT}", found) + done(message, b"more")
        return entry(message, f"CN=H,{UNIT}", {"cn": "H"}) + done(message)

    with scripted(_answer) as controller:
        group, other = _read(controller)
    assert group.attributes["member"] == [f"CN={index}".encode() for index in range(9)]
    assert other.attributes["cn"] == [b"H"]


@pytest.mark.parametrize("second", [{}, _range(5, "*", 2), _range(3, "*", 0), {"member": ["CN=3"]}])
def test_an_attribute_whose_rest_cannot_be_had_is_an_error(second: dict[str, list[str]]) -> None:
    def _answer(message: Message, search: SearchRequest) -> bytes:
        if any(";range=" in name for name in search.attributes):
            return entry(message, UNIT, {**second}) + done(message)
        return entry(message, UNIT, {"objectGUID": GUID, **_range(0, "2", 3)}) + done(message)

    with scripted(_answer) as controller, pytest.raises(InvalidEntry, match="The next run reads them again"):
        _read(controller)
