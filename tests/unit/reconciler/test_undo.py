"""Taking a run back: the plan that does it, from what the run's commands found before them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reconciler.guards import judge
from services.reconciler.redoing import redoes
from services.reconciler.undo import plan_undo
from services.reconciler.undo_history import Deed
from shared.domain.binding import Binding
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.owed import BACKUP, RESTORES
from shared.domain.plan import Plan
from shared.domain.rules import ArchiveRule, Limits, Rules, RunFacts
from tests.builders.domain import DEFAULT, guid, make_binding, make_extension
from tests.unit.reconciler.model import Model
from tests.unit.reconciler.strategies import Site, sites

RUN = 7


def _deeds(plan: Plan, model: Model) -> list[Deed]:
    """The plan's commands as they stand in the database after the run."""
    return [
        Deed(command.sequence, command, model.made.get(command.sequence), command.sequence in model.gone)
        for command in plan.commands
    ]


def _undo(site: Site, model: Model, deeds: Sequence[Deed]) -> Plan:
    return plan_undo(RUN, deeds, model.snapshot(), list(model.bindings.values()), site.rules)


def _shown(extensions: Iterable[Extension]) -> dict[str, tuple[object, ...]]:
    return {
        extension.number: (
            extension.first_name,
            extension.last_name,
            extension.email.casefold(),
            extension.mobile,
            extension.enabled,
        )
        for extension in extensions
    }


@given(sites())
@settings(max_examples=300)
def test_a_run_and_its_undo_leave_the_phone_system_as_it_was(site: Site) -> None:
    before = _shown(site.phone_system.extensions)
    model = Model(site.phone_system, site.bindings)
    plan = site.plan()
    model.apply(plan)
    undo = _undo(site, model, _deeds(plan, model))
    model.apply(undo)
    told = {item.number for item in undo.findings if "stays as it is now" in item.message}
    after = _shown(model.extensions.values())
    # Only what is known of an extension goes back with its number.
    assert _without_mobiles(after, told) == _without_mobiles(before, told)


def _without_mobiles(shown: dict[str, tuple[object, ...]], told: set[str]) -> dict[str, tuple[object, ...]]:
    return {n: (*row[:3], *row[4:]) if n in told else row for n, row in shown.items()}


@given(sites(), st.integers(0, 3), st.sampled_from(["mobile", "first_name", "enabled"]))
@settings(max_examples=200)
def test_what_somebody_changed_after_the_run_is_left_as_they_made_it(
    site: Site, which: int, field: str
) -> None:
    model = Model(site.phone_system, site.bindings)
    plan = site.plan()
    model.apply(plan)
    if not model.extensions:
        return
    chosen = sorted(model.extensions)[which % len(model.extensions)]
    live = model.extensions[chosen]
    values: dict[str, Any] = {"mobile": "999", "first_name": "Zoë", "enabled": not live.enabled}
    model.extensions[chosen] = touched = replace(live, **{field: values[field]})
    undo = _undo(site, model, _deeds(plan, model))
    model.apply(undo)
    still = model.extensions.get(chosen)
    was_run = any(
        chosen in (deed.made, deed.command.extension_id)
        and (deed.made is not None or field in deed.command.after)
        for deed in _deeds(plan, model)
    )
    if was_run and field != "enabled":
        assert still is not None
        assert getattr(still, field) == getattr(touched, field)


def _one(kind: CommandKind, **fields: Any) -> Command:
    return Command(1, kind, "why", "201", guid(1), "Anna1 Berg1", **fields)


def _plan(
    deeds: list[Deed],
    extensions: list[Extension],
    bindings: tuple[Binding, ...] = (),
    archive: ArchiveRule | None = None,
) -> Plan:
    phone_system = PhoneSystemSnapshot(tuple(extensions), (DEFAULT,))
    return plan_undo(RUN, deeds, phone_system, bindings, Rules(archive=archive))


def _identity(extension: Extension) -> dict[str, Any]:
    return {name: getattr(extension, name) for name in ("number", "first_name", "last_name", "email")}


def test_a_deleted_extension_gets_its_settings_and_voicemails_and_person_again() -> None:
    was = make_extension(1)
    disabled = _one(
        CommandKind.DISABLE_EXTENSION,
        extension_id=was.id,
        before=_identity(was) | {"enabled": True},
        after={"enabled": False},
    )
    archived = _one(
        CommandKind.ARCHIVE_EXTENSION, extension_id=was.id, before=_identity(was) | {"enabled": False}
    )
    deleted = replace(archived, kind=CommandKind.DELETE_EXTENSION)
    deeds = [Deed(11, disabled), Deed(12, archived, backup="b-1"), Deed(13, deleted, has_settings=True)]
    (command,) = _plan(deeds, []).commands
    assert command.kind is CommandKind.CREATE_EXTENSION
    assert command.after == _identity(was) | {"enabled": True, RESTORES: 13, BACKUP: "b-1"}
    assert (command.person_guid, command.undoes) == (guid(1), 13)


def test_what_cannot_come_back_of_a_deleted_extension_is_said() -> None:
    was = make_extension(1)
    deleted = _one(
        CommandKind.DELETE_EXTENSION, extension_id=was.id, before=_identity(was) | {"enabled": False}
    )
    archived = replace(deleted, kind=CommandKind.ARCHIVE_EXTENSION)
    plan = _plan([Deed(1, archived), Deed(2, deleted)], [])
    said = " ".join(finding.message for finding in plan.findings)
    assert "settings of extension 201 were not kept" in said
    assert "voicemails and recordings of extension 201 stay in the archive" in said
    assert RESTORES not in plan.commands[0].after


def test_a_created_extension_goes_disabled_archived_then_deleted() -> None:
    made = make_extension(1)
    created = _one(CommandKind.CREATE_EXTENSION, after=_identity(made) | {"enabled": True})
    plan = _plan([Deed(5, created, made=made.id)], [made], archive=ArchiveRule("900"))
    assert [command.kind for command in plan.commands] == [
        CommandKind.DISABLE_EXTENSION,
        CommandKind.ARCHIVE_EXTENSION,
        CommandKind.DELETE_EXTENSION,
    ]
    assert {command.undoes for command in plan.commands} == {5}


def test_what_was_created_in_part_is_deleted_again_though_not_everything_was_written() -> None:
    made = make_extension(1, email="", mobile="")
    after = _identity(make_extension(1)) | {"enabled": True, "mobile": "+49 30 1"}
    created = _one(CommandKind.CREATE_EXTENSION, after=after)
    plan = _plan([Deed(5, created, made=made.id, is_partial=True)], [made])
    assert [command.kind for command in plan.commands][-1] is CommandKind.DELETE_EXTENSION
    assert "only in part" in plan.commands[0].reason
    other = replace(made, last_name="Other")
    assert not _plan([Deed(5, created, made=made.id, is_partial=True)], [other]).commands
    # An older version did not keep which extension it was.
    (finding,) = _plan([Deed(5, created, is_partial=True)], [made]).findings
    assert "Check it in 3CX" in finding.message


def _renumbered() -> Command:
    was = make_extension(1)
    before = _identity(was) | {"enabled": True}
    after = _identity(was) | {"number": "301"}
    kind = CommandKind.RENUMBER_EXTENSION
    return Command(
        1, kind, "why", "301", guid(1), "Anna1 Berg1", extension_id=was.id, before=before, after=after
    )


def test_a_number_changed_in_part_is_told_with_what_to_do() -> None:
    old, new = make_extension(1), make_extension(2, number="301", first_name="Anna1", last_name="Berg1")
    plan = _plan([Deed(5, _renumbered(), made=new.id, is_partial=True)], [old, new])
    assert not plan.commands
    assert "delete the one that is not needed" in plan.findings[0].message


@pytest.mark.parametrize("is_of_the_same_run", [True, False])
def test_somebody_who_got_another_number_and_was_deleted_since_is_told(is_of_the_same_run: bool) -> None:
    deeds = [Deed(5, _renumbered(), made=77)]
    if is_of_the_same_run:
        gone = Command(2, CommandKind.DELETE_EXTENSION, "why", "301", guid(1), extension_id=77)
        deeds.append(Deed(6, gone, has_settings=True))
    plan = _plan(deeds, [])
    assert not plan.commands
    (finding,) = plan.findings
    assert "To create 301 again, undo the run that deleted it." in finding.message


def test_what_an_earlier_run_began_and_this_one_finished_is_kept_and_told() -> None:
    made = make_extension(1)
    finished = _one(CommandKind.FINISH_EXTENSION, extension_id=made.id)
    plan = _plan([Deed(5, finished)], [made])
    assert not plan.commands
    assert "They are kept." in plan.findings[0].message


@pytest.mark.parametrize("name", ["first_name", "email", "mobile"])
def test_a_created_extension_that_somebody_touched_since_is_kept(name: str) -> None:
    made = make_extension(1)
    created = _one(CommandKind.CREATE_EXTENSION, after=_identity(made) | {"enabled": True, "mobile": ""})
    plan = _plan([Deed(5, created, made=made.id)], [make_extension(1, **{name: "other"})])
    assert not plan.commands
    assert "was changed after run 7" in plan.findings[0].message


def test_an_extension_that_is_somebody_elses_by_now_is_left_alone() -> None:
    made = make_extension(1)
    created = _one(CommandKind.CREATE_EXTENSION, after=_identity(made) | {"enabled": True})
    bindings = (make_binding(2, extension_id=made.id),)
    plan = _plan([Deed(5, created, made=made.id)], [made], bindings)
    assert not plan.commands


def test_a_number_that_was_given_away_since_is_not_taken_back() -> None:
    was = make_extension(1)
    deleted = _one(
        CommandKind.DELETE_EXTENSION, extension_id=was.id, before=_identity(was) | {"enabled": False}
    )
    plan = _plan([Deed(2, deleted, has_settings=True)], [make_extension(2, number="201")])
    assert not plan.commands
    assert "201 is in use" in plan.findings[-1].message


@pytest.mark.parametrize(
    ("undone", "command", "is_so"),
    [
        ({"kind": CommandKind.DELETE_EXTENSION}, {"kind": CommandKind.DISABLE_EXTENSION}, True),
        ({"kind": CommandKind.DISABLE_EXTENSION}, {"kind": CommandKind.ENABLE_EXTENSION}, False),
        ({"kind": CommandKind.CREATE_EXTENSION}, {"kind": CommandKind.ADOPT_EXTENSION}, True),
        (
            {"kind": CommandKind.UPDATE_EXTENSION, "after": {"mobile": "1", "email": "a@x"}},
            {"kind": CommandKind.UPDATE_EXTENSION, "after": {"mobile": "1"}},
            True,
        ),
        (
            {"kind": CommandKind.UPDATE_EXTENSION, "after": {"mobile": "1"}},
            {"kind": CommandKind.UPDATE_EXTENSION, "after": {"mobile": "2"}},
            False,
        ),
    ],
)
def test_the_same_for_the_same_person_redoes_what_was_undone(
    undone: dict[str, Any], command: dict[str, Any], is_so: bool
) -> None:
    before, now = _one(**undone), _one(**command)
    assert redoes(now, before) is is_so
    assert not redoes(replace(now, person_guid=guid(2)), before)


@pytest.mark.parametrize("who", [(guid(1), None), (None, guid(1)), (None, None)])
def test_an_extension_that_is_nobodys_is_not_taken_away_again_without_a_person(
    who: tuple[str | None, str | None],
) -> None:
    undone = replace(_one(kind=CommandKind.DELETE_EXTENSION), person_guid=who[0])
    again = replace(_one(kind=CommandKind.DISABLE_EXTENSION), person_guid=who[1])
    facts = RunFacts(undone=(undone,))
    assert judge(Plan((again,)), facts, Limits()).held.keys() == {again.sequence}
    elsewhere = replace(again, number="999")
    assert not judge(Plan((elsewhere,)), facts, Limits()).held
