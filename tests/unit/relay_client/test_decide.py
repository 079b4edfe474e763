"""What is done with a command, by what the phone system has at the moment."""

from dataclasses import replace
from typing import Any

import pytest

from services.relay_client.execution.decide import Action, Live, decide
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension, Membership
from shared.domain.rules import ArchiveRule, Outcome
from tests.builders.domain import make_binding, make_extension, make_person, make_rules
from tests.unit.reconciler.scenario import plan_of

OLD = make_extension(1)
NEW = make_extension(1, id=2001, number="301")
SALES = Membership(2, "Sales")


def _command(kind: CommandKind, before: Any = None, after: Any = None, number: str = "201") -> Command:
    return Command(
        1, kind, "test", number, "guid", "Anna1 Berg1", OLD.id, before=before or {}, after=after or {}
    )


CREATE = _command(CommandKind.CREATE_EXTENSION, after={"first_name": "Anna1", "last_name": "Berg1"})
RENUMBER = _command(
    CommandKind.RENUMBER_EXTENSION, {"number": "201"}, {"first_name": "Anna1", "last_name": "Berg1"}, "301"
)
RENAME = _command(CommandKind.UPDATE_EXTENSION, {"first_name": "Anna1"}, {"first_name": "Eva"})
RENAME_AND_MAIL = _command(
    CommandKind.UPDATE_EXTENSION,
    {"first_name": "Anna1", "email": "anna1@corp.example.test"},
    {"first_name": "Eva", "email": "eva@corp.example.test"},
)
MOVE = _command(
    CommandKind.UPDATE_EXTENSION,
    {"departments": ("DEFAULT",), "primary_department": "DEFAULT"},
    {"departments": ("DEFAULT", "Sales"), "primary_department": "Sales"},
)
ENABLE = _command(CommandKind.ENABLE_EXTENSION, {"enabled": False}, {"enabled": True})
DISABLE = _command(CommandKind.DISABLE_EXTENSION, {"enabled": True}, {"enabled": False})
DELETE = _command(CommandKind.DELETE_EXTENSION, {"number": "201", "enabled": False})
ARCHIVE = _command(CommandKind.ARCHIVE_EXTENSION, {"number": "201", "enabled": False}, {"archive": "900"})
KNOWN = {"number": "201", "first_name": "Anna1", "last_name": "Berg1", "email": "anna1@corp.example.test"}
ADOPT = _command(CommandKind.ADOPT_EXTENSION, KNOWN)
REBIND = _command(CommandKind.REBIND_EXTENSION, KNOWN, {"number": "201", "disabled_by_rollcall": True})
RELEASE = _command(CommandKind.RELEASE_BINDING, KNOWN)
FINISH = _command(CommandKind.FINISH_EXTENSION, KNOWN | {"email": ""}, {"email": "anna1@corp.example.test"})
GROUP = Command(1, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "Sales"})


def _having(**changes: Any) -> Live:
    return Live(by_id=make_extension(1, **changes))


def _at_number(extension: Extension) -> Live:
    return Live(by_number=extension)


CASES: list[tuple[str, Command, Live, bool, Action]] = [
    ("to be finished", FINISH, _having(email=""), False, Action.WRITE),
    ("to be finished, address moved already", FINISH, _having(), True, Action.WRITE),
    (
        "to be finished, of another name by now",
        FINISH,
        _having(email="", last_name="Other"),
        False,
        Action.OUTDATED,
    ),
    ("a free number", CREATE, Live(), False, Action.WRITE),
    ("a free number after a crash", CREATE, Live(), True, Action.WRITE),
    (
        "taken by another",
        CREATE,
        _at_number(make_extension(1, first_name="Otto")),
        False,
        Action.NUMBER_TAKEN,
    ),
    (
        "taken by another after a crash",
        CREATE,
        _at_number(make_extension(1, first_name="Otto")),
        True,
        Action.NUMBER_TAKEN,
    ),
    ("taken by a namesake that we did not make", CREATE, _at_number(OLD), False, Action.NUMBER_TAKEN),
    ("made by the try before", CREATE, _at_number(OLD), True, Action.RESUME),
    ("a renumbering", RENUMBER, Live(by_id=OLD), False, Action.WRITE),
    ("a renumbering of nothing", RENUMBER, Live(), False, Action.OUTDATED),
    ("a renumbering of another number", RENUMBER, _having(number="202"), False, Action.OUTDATED),
    ("a renumbering onto a taken number", RENUMBER, Live(OLD, NEW), False, Action.NUMBER_TAKEN),
    ("a renumbering half done", RENUMBER, Live(OLD, NEW), True, Action.RESUME),
    ("unchanged since the plan", RENAME, Live(by_id=OLD), False, Action.WRITE),
    ("gone since the plan", RENAME, Live(), False, Action.OUTDATED),
    ("as wanted already", RENAME, _having(first_name="Eva"), False, Action.ALREADY_DONE),
    ("changed by hand", RENAME, _having(first_name="Edna"), False, Action.OUTDATED),
    ("another field changed by hand", RENAME, _having(last_name="Other"), False, Action.WRITE),
    ("one of two fields written", RENAME_AND_MAIL, _having(first_name="Eva"), True, Action.WRITE),
    (
        "one of two written, the other changed by hand",
        RENAME_AND_MAIL,
        _having(first_name="Eva", email="x@y.test"),
        True,
        Action.OUTDATED,
    ),
    (
        "the e-mail in other letters",
        RENAME_AND_MAIL,
        _having(email="ANNA1@corp.example.test"),
        False,
        Action.WRITE,
    ),
    ("departments as planned", MOVE, Live(by_id=OLD), False, Action.WRITE),
    (
        "another department added by hand",
        MOVE,
        _having(memberships=(Membership(1, "DEFAULT"), Membership(3, "Board"))),
        False,
        Action.OUTDATED,
    ),
    (
        "moved, but not the primary one yet",
        MOVE,
        _having(memberships=(Membership(1, "DEFAULT"), SALES)),
        True,
        Action.WRITE,
    ),
    (
        "moved altogether",
        MOVE,
        _having(memberships=(Membership(1, "default"), SALES), primary_department_id=2),
        True,
        Action.ALREADY_DONE,
    ),
    ("to enable", ENABLE, _having(enabled=False), False, Action.WRITE),
    ("enabled already", ENABLE, Live(by_id=OLD), False, Action.ALREADY_DONE),
    ("to disable", DISABLE, Live(by_id=OLD), False, Action.WRITE),
    ("disabled already", DISABLE, _having(enabled=False), False, Action.ALREADY_DONE),
    ("to disable what is gone", DISABLE, Live(), False, Action.OUTDATED),
    ("to delete", DELETE, _having(enabled=False), False, Action.WRITE),
    ("deleted already", DELETE, Live(), False, Action.ALREADY_DONE),
    ("enabled again before the deletion", DELETE, Live(by_id=OLD), False, Action.OUTDATED),
    (
        "another number before the deletion",
        DELETE,
        _having(enabled=False, number="9"),
        False,
        Action.OUTDATED,
    ),
    ("to archive", ARCHIVE, _having(enabled=False), False, Action.WRITE),
    ("enabled again before the archive", ARCHIVE, Live(by_id=OLD), False, Action.OUTDATED),
    ("to archive what is gone", ARCHIVE, Live(), False, Action.OUTDATED),
    ("to adopt", ADOPT, Live(by_id=OLD), False, Action.WRITE),
    ("renamed before the adoption", ADOPT, _having(last_name="Other"), False, Action.OUTDATED),
    ("to move a binding", REBIND, Live(by_id=OLD), False, Action.WRITE),
    ("to move a binding after a crash", REBIND, Live(by_id=OLD), True, Action.WRITE),
    ("renamed before the binding moves", REBIND, _having(last_name="Other"), False, Action.OUTDATED),
    ("gone before the binding moves", REBIND, Live(), False, Action.OUTDATED),
    ("to end a binding", RELEASE, Live(by_id=OLD), False, Action.WRITE),
    ("as it was again before the binding ends", RELEASE, _having(email="o@x.test"), False, Action.OUTDATED),
    ("a new department", GROUP, Live(), False, Action.WRITE),
    ("a department that is there", GROUP, Live(department_exists=True), False, Action.ALREADY_DONE),
]


@pytest.mark.parametrize(
    ("command", "live", "was_interrupted", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_what_is_done_follows_from_what_is_there(
    command: Command, live: Live, was_interrupted: bool, expected: Action
) -> None:
    decision = decide(command, live, was_interrupted)
    assert decision.action is expected
    assert bool(decision.message) == (expected in (Action.OUTDATED, Action.NUMBER_TAKEN))


_STRANGE: dict[str, Any] = {
    "number": "777",
    "first_name": "Zoe",
    "last_name": "Zimmer",
    "email": "zoe@corp.example.test",
}


@pytest.mark.parametrize("field", ["number", "first_name", "last_name", "email", "enabled"])
@pytest.mark.parametrize("was_interrupted", [False, True])
@pytest.mark.parametrize("kind", ["renumber", "update", "enable", "disable", "archive", "delete", "adopt"])
def test_whatever_changes_between_plan_and_execution_the_command_is_outdated(
    kind: str, field: str, was_interrupted: bool
) -> None:
    plans = {
        "renumber": plan_of([make_person(number="301")], [OLD], [make_binding()]),
        "update": plan_of([make_person(mobile="5")], [OLD], [make_binding()]),
        "enable": plan_of(
            [make_person()], [make_extension(enabled=False)], [make_binding(disabled_by_rollcall=True)]
        ),
        "delete": plan_of(
            [make_person(number=None)],
            [OLD],
            [make_binding()],
            rules=make_rules(when_number_cleared=Outcome.DELETE, archive=ArchiveRule("999")),
        ),
        "adopt": plan_of([make_person()], [OLD]),
    }
    plan = plans.get(kind, plans["delete"])
    command = next(item for item in plan.commands if item.kind.value.startswith(kind))
    known: dict[str, Any] = {name: value for name, value in command.before.items() if name in _STRANGE}
    live = make_extension(**known, enabled=bool(command.before.get("enabled", True)))
    assert decide(command, Live(by_id=live), was_interrupted).action is Action.WRITE
    if field == "enabled" and field not in command.before:
        return
    change = {field: _STRANGE[field]} if field != "enabled" else {"enabled": not live.enabled}
    changed = decide(command, Live(by_id=replace(live, **change)), was_interrupted)
    # What it would do is done already when only that has changed: nothing is written either.
    done = Action.ALREADY_DONE if kind in ("enable", "disable") and field == "enabled" else Action.OUTDATED
    assert changed.action is done


def test_every_kind_of_command_is_in_the_table() -> None:
    assert {case[1].kind for case in CASES} == set(CommandKind)


def test_an_outdated_command_says_which_field_has_what_now() -> None:
    live = _having(memberships=(Membership(1, "DEFAULT"), Membership(3, "Board")))
    message = decide(MOVE, live, was_interrupted=False).message
    assert "Extension 201" in message
    assert "departments is now 'Board, DEFAULT'" in message
    assert "The next run checks again." in message


def test_a_number_that_is_taken_says_by_whom() -> None:
    live = _at_number(make_extension(1, first_name="Otto", last_name="Other"))
    assert "belongs to Otto Other" in decide(CREATE, live, was_interrupted=False).message


def test_a_further_field_that_3cx_keeps_in_its_own_form_has_taken_effect() -> None:
    change = _command(
        CommandKind.UPDATE_EXTENSION,
        {"language": "EN", "caller_id": ""},
        {"language": "DE", "caller_id": "+49301234204"},
    )
    old = (("caller_id", ""), ("language", "EN"))
    new = (("caller_id", "+49 30 1234204"), ("language", "de"))
    assert decide(change, _having(further=old), was_interrupted=False).action is Action.WRITE
    assert decide(change, _having(further=new), was_interrupted=False).action is Action.ALREADY_DONE
    assert (
        decide(change, _having(further=(*old[:1], ("language", "FR"))), was_interrupted=False).action
        is Action.OUTDATED
    )
