"""What an answer of a controller means: whom a run reads again, and what only a full reading can tell."""

from datetime import UTC, datetime, timedelta

import pytest

from services.collector.watching.noticing import MOST_CHANGES, Noticed, Seen, Watched, notice
from services.collector.watching.position import Position, why_anew
from services.collector.watching.rounds import LookedFor
from shared.domain.watching import Hint, WatchMethod

SALES = "OU=Sales,DC=corp,DC=example"
ANNA = f"CN=Anna,{SALES}"
WATCHED = Watched((SALES,), frozenset({"phones"}))
LAST = datetime(2026, 11, 30, 12, tzinfo=UTC)
USER = frozenset({"top", "person", "user"})
UNIT = frozenset({"top", "organizationalunit"})
GROUP = frozenset({"top", "group"})


@pytest.mark.parametrize(
    ("seen", "noticed"),
    [
        (Seen("a", ANNA), Noticed(inside={"a": Hint.CHANGED})),
        (Seen("a", ANNA.upper()), Noticed(inside={"a": Hint.CHANGED})),
        (Seen("a", f"CN=Anna,OU=North,{SALES}"), Noticed(inside={"a": Hint.CHANGED})),
        (Seen("a", ANNA, USER, made_at=LAST), Noticed(inside={"a": Hint.CHANGED})),
        (Seen("a", ANNA, USER, is_moved=True), Noticed(inside={"a": Hint.MOVED})),
        # Of the same ending, and in none of the units.
        (Seen("a", f"CN=Anna,OU=Pre{SALES}"), Noticed(elsewhere={"a": Hint.CHANGED})),
        (Seen("a", "CN=Anna,DC=corp,DC=example", USER, is_moved=True), Noticed(elsewhere={"a": Hint.MOVED})),
        (
            Seen("a", "CN=Anna\\0ADEL:a,CN=Deleted Objects,DC=corp,DC=example", is_deleted=True),
            Noticed(elsewhere={"a": Hint.DELETED}),
        ),
        # Where deleted entries stay for a while under their name.
        (Seen("a", ANNA, is_deleted=True), Noticed(elsewhere={"a": Hint.DELETED})),
        (Seen("c", f"CN=PC1,{SALES}", USER | {"computer"}), Noticed()),
        (Seen("u", SALES, UNIT), Noticed()),
        (Seen("u", SALES, UNIT, is_deleted=True), Noticed()),
        (
            Seen("u", SALES, UNIT, is_moved=True),
            Noticed(full_reading=f"An OU was moved or renamed: {SALES}."),
        ),
        (Seen("phones", "CN=Phones", members=(ANNA,)), Noticed(members=(ANNA,))),
        (Seen("other", "CN=Other", members=(ANNA,)), Noticed()),
        (
            Seen("phones", "CN=Phones", GROUP, is_moved=True),
            Noticed(full_reading="A group that selects people changed: CN=Phones."),
        ),
        # Of a deleted one nothing says that it was a group.
        (
            Seen("phones", "CN=Phones\\0ADEL:phones", is_deleted=True),
            Noticed(full_reading="A group that selects people changed: CN=Phones\\0ADEL:phones."),
        ),
        (Seen("other", "CN=Other", GROUP, is_moved=True), Noticed()),
    ],
)
def test_an_entry_of_an_answer_means(seen: Seen, noticed: Noticed) -> None:
    assert notice([seen], WATCHED, LAST) == noticed


def test_where_a_filter_names_groups_any_group_counts() -> None:
    seen = Seen("other", "CN=Other", members=(ANNA,))
    assert notice([seen], Watched((SALES,), any_group=True), LAST).members == (ANNA,)


def test_an_answer_that_holds_what_was_there_before_needs_a_full_reading() -> None:
    old = Seen("a", ANNA, USER, made_at=LAST - timedelta(days=2))
    assert notice([old], WATCHED, LAST).full_reading
    assert not notice([old], WATCHED, LAST - timedelta(days=3)).full_reading
    assert not notice([old], WATCHED, None).full_reading


def test_of_more_people_than_a_run_reads_one_by_one_a_full_reading_is_needed() -> None:
    many = [Seen(str(number), f"CN={number},{SALES}") for number in range(MOST_CHANGES + 1)]
    assert notice(many, WATCHED, LAST).full_reading == f"More than {MOST_CHANGES} people changed at once."
    assert not notice(many[1:], WATCHED, LAST).full_reading


DIRSYNC = Position("dc1:636", "one", WatchMethod.DIRSYNC, b"cookie", 10, "scope")
BY_NUMBER = Position("dc1:636", "one", WatchMethod.USN, None, 10, "scope")


@pytest.mark.parametrize(
    ("position", "invocation_id", "usn", "why"),
    [
        (DIRSYNC, "one", 10, ""),
        (DIRSYNC, "one", 11, ""),
        (BY_NUMBER, "one", 11, ""),
        (None, "one", 10, "turned on"),
        (DIRSYNC, "two", 11, "Another domain controller"),
        (BY_NUMBER, "two", 11, "Another domain controller"),
        # One that does not show who it is cannot be the same.
        (DIRSYNC, "", 11, "Another domain controller"),
        (DIRSYNC, "one", 9, "set back"),
        (Position("dc1:636", "one", WatchMethod.DIRSYNC, None, 10, ""), "one", 10, "turned on"),
    ],
)
def test_a_watch_goes_on_only_where_the_last_answer_joins(
    position: Position | None, invocation_id: str, usn: int, why: str
) -> None:
    said = why_anew(position, invocation_id, usn)
    assert why in said
    assert bool(said) == bool(why)


def test_people_are_looked_for_once_after_each_change_and_told_gone_once() -> None:
    looked = LookedFor()
    assert looked.next_after(7) == ""
    assert looked.record(["a", "b"], {"b"}, is_end=False) == {"b"}
    assert looked.next_after(8) == "b"
    assert looked.record(["c"], set(), is_end=True) == set()
    # Changed since the round began.
    assert looked.next_after(8) == ""
    assert looked.record(["a", "b"], {"b"}, is_end=True) == set()
    assert looked.next_after(8) is None
    # Back, and gone again.
    assert looked.next_after(9) == ""
    assert looked.record(["a", "b"], set(), is_end=True) == set()
    assert looked.next_after(10) == ""
    assert looked.record(["a", "b"], {"b"}, is_end=True) == {"b"}
