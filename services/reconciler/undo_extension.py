"""Taking back what a run did to one extension, as far as nobody has touched it since. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from services.reconciler.drafts import Draft
from services.reconciler.fields import Fields, identity
from services.reconciler.undo_history import KNOWN_BY, Deed, History
from services.reconciler.undo_plan import UndoPlan
from shared.domain.command import CommandKind, FieldValue
from shared.domain.extension import Extension
from shared.domain.further import FURTHER
from shared.domain.owed import BACKUP, RESTORES
from shared.domain.plan import Severity
from shared.domain.protection import protection_of
from shared.language import listed, named, phrase
from shared.values.keys import email_key

_COMPARED = (*KNOWN_BY, "email", "mobile", "enabled", *FURTHER)


def undo_extension(
    undo: UndoPlan, extension_id: int, history: History, of_all: Mapping[int, History]
) -> None:
    """Undo what was done to one extension."""
    if history.made is not None:
        if history.deleted is None:
            _unmake(undo, extension_id, history, history.made)
    elif history.renumbered is not None:
        # Its successor says what becomes of it.
        successor = history.renumbered.made
        if successor is not None and of_all[successor].deleted is not None:
            _tell_successor_gone(undo, history.renumbered)
        return
    elif history.deleted is not None:
        _make_again(undo, history, history.deleted)
    elif history.changed:
        _change_back(undo, extension_id, history)
    if history.archived is not None and history.deleted is None:
        number = history.archived.command.number
        undo.tell(
            history.archived,
            phrase("What was archived of extension {number} stays in the archive.", number=number),
        )


def _unmake(undo: UndoPlan, extension_id: int, history: History, made: Deed) -> None:
    command = made.command
    live = undo.by_id.get(extension_id)
    if live is None and command.kind is CommandKind.RENUMBER_EXTENSION:
        _tell_successor_gone(undo, made)
        return
    if live is None:
        undo.tell(made, phrase("Extension {number} no longer exists.", number=command.number), Severity.INFO)
        return
    # A creation does not write what is empty.
    left: Fields = {"email": "", "mobile": ""}
    left |= {name: command.after[name] for name in _COMPARED if name in command.after} | history.after
    if made.is_partial:
        # Any of the others may have been refused.
        left = {name: left[name] for name in KNOWN_BY if name in left}
    changed = _unlike(left, live)
    holder = undo.holders.get(extension_id)
    if changed or (holder is not None and holder.person_guid != command.person_guid):
        undo.leave(made, changed)
        return
    what = protection_of(live, undo.reserved)
    if what is not None:
        sentence = phrase("Extension {number} is {what} and is kept.", number=live.number, what=what)
        undo.tell(made, sentence)
        return
    if command.kind is CommandKind.CREATE_EXTENSION:
        reason = (
            phrase(
                "Run {run} created extension {number} only in part. It is deleted again.",
                run=undo.run_id,
                number=live.number,
            )
            if made.is_partial
            else phrase(
                "Run {run} created extension {number}. It is deleted again.",
                run=undo.run_id,
                number=live.number,
            )
        )
        undo.drafts += _removal(undo, made, live, reason)
        return
    number = str(command.before.get("number", ""))
    if made.is_partial:
        undo.tell(
            made,
            phrase(
                "Run {run} gave extension {old} the number {number} only in part, so there are both extensions. This is "
                "not undone. Check them in 3CX and delete the one that is not needed.",
                run=undo.run_id,
                old=number,
                number=live.number,
            ),
        )
        return
    old: Fields = {name: command.before.get(name, "") for name in ("first_name", "last_name", "email")}
    reason = phrase(
        "Run {run} gave extension {old} the number {number}. It gets its old number again.",
        run=undo.run_id,
        old=number,
        number=live.number,
    )
    draft = undo.draft(made, CommandKind.RENUMBER_EXTENSION, reason, live, number=number)
    draft.before = identity(live) | {"enabled": live.enabled}
    draft.after = {"number": number, **old, "enabled": bool(command.before.get("enabled", live.enabled))}
    undo.add(draft)
    if command.after.get("mobile"):
        undo.tell(
            made,
            phrase("The mobile number of extension {number} stays as it is now.", number=number),
            Severity.INFO,
        )
    if str(old["email"]).casefold() == live.email.casefold():
        # By then the address is with the other one.
        live = replace(live, email="")
    undo.drafts += _removal(undo, made, live, reason, draft)


def _tell_successor_gone(undo: UndoPlan, renumbered: Deed) -> None:
    undo.tell(
        renumbered,
        phrase(
            "Run {run} gave extension {old} the number {number}, and {number} was deleted afterwards. This is not undone. "
            "To create {number} again, undo the run that deleted it. The Log of {number} names that run.",
            run=undo.run_id,
            old=str(renumbered.command.before.get("number", "")),
            number=renumbered.command.number,
        ),
    )


def _removal(
    undo: UndoPlan, deed: Deed, live: Extension, reason: str, after: Draft | None = None
) -> list[Draft]:
    """Disabled, archived where the rules archive, then deleted: as everything that is deleted."""
    steps: list[Draft] = []

    def _add(kind: CommandKind, enabled: bool, fields: Fields) -> Draft:
        step = undo.draft(deed, kind, reason, live)
        step.before, step.after = identity(live) | {"enabled": enabled}, fields
        step.requires = steps[-1:] or ([after] if after else [])
        steps.append(step)
        return step

    if live.enabled:
        _add(CommandKind.DISABLE_EXTENSION, True, {"enabled": False})
    archive = undo.rules.archive
    if archive is not None:
        what: Fields = {"archive": archive.number}
        what |= {"voicemails": archive.voicemails, "recordings": archive.recordings}
        _add(CommandKind.ARCHIVE_EXTENSION, False, what)
    deletion = _add(CommandKind.DELETE_EXTENSION, False, {})
    deletion.frees.add(("number", live.number))
    if live.email:
        deletion.frees.add(("email", email_key(live.email)))
    return steps


def _make_again(undo: UndoPlan, history: History, deleted: Deed) -> None:
    command = deleted.command
    before = {**command.before, **history.before}
    after: Fields = {name: before[name] for name in _COMPARED if before.get(name) not in (None, "")}
    after |= {"number": command.number, "enabled": bool(before.get("enabled"))}
    if deleted.has_settings:
        after[RESTORES] = deleted.row_id
    else:
        undo.tell(
            deleted,
            phrase(
                "The settings of extension {number} were not kept when it was deleted. It is created with its "
                "name and e-mail address alone.",
                number=command.number,
            ),
        )
    archived = history.archived
    if archived is not None and archived.backup:
        after[BACKUP] = archived.backup
    elif archived is not None:
        undo.tell(
            archived,
            phrase(
                "The voicemails and recordings of extension {number} stay in the archive, because no backup was kept.",
                number=command.number,
            ),
        )
    reason = phrase(
        "Run {run} deleted extension {number}. It is created again.",
        run=undo.run_id,
        number=command.number,
    )
    draft = undo.draft(deleted, CommandKind.CREATE_EXTENSION, reason, None)
    draft.after = after
    if draft.guid in undo.bound:
        # They have another one by now, which stays theirs.
        draft.guid = None
    undo.add(draft)


def _change_back(undo: UndoPlan, extension_id: int, history: History) -> None:
    last = list(history.changed.values())[-1]
    live = undo.by_id.get(extension_id)
    if live is None:
        undo.tell(last, phrase("Extension {number} no longer exists.", number=last.command.number))
        return
    if shown_otherwise := _unlike(history.known, live):
        undo.leave(last, shown_otherwise)
        return
    back: Fields = {}
    changed = []
    for name, was in history.before.items():
        now = _value(live, name)
        if now == was or was is None:
            continue
        if _is_same(name, now, history.after[name]):
            back[name] = was
        else:
            changed.append(name)
    if changed:
        undo.leave(last, changed)
    known = identity(live)
    if "enabled" in back:
        is_enabled = bool(back.pop("enabled"))
        kind = CommandKind.ENABLE_EXTENSION if is_enabled else CommandKind.DISABLE_EXTENSION
        reason = (
            phrase("Run {run} disabled it. It is enabled again.", run=undo.run_id)
            if is_enabled
            else phrase("Run {run} enabled it. It is disabled again.", run=undo.run_id)
        )
        deed = history.changed.get(
            CommandKind.DISABLE_EXTENSION if is_enabled else CommandKind.ENABLE_EXTENSION, last
        )
        draft = undo.draft(deed, kind, reason, live)
        # What the update of this plan writes is not to be expected as it was.
        draft.before = {name: value for name, value in known.items() if name not in back}
        draft.before["enabled"] = live.enabled
        draft.after = {"enabled": is_enabled}
        undo.drafts.append(draft)
    if back:
        deed = history.changed.get(CommandKind.UPDATE_EXTENSION, last)
        reason = phrase(
            "Run {run} changed {fields}. They are as before again.",
            run=undo.run_id,
            fields=listed(map(named, back)),
        )
        draft = undo.draft(deed, CommandKind.UPDATE_EXTENSION, reason, live)
        draft.before = known | {name: _value(live, name) for name in back}
        draft.after = back
        if "email" in back and live.email:
            draft.frees.add(("email", email_key(live.email)))
        undo.add(draft)


def _unlike(fields: Mapping[str, FieldValue], live: Extension) -> list[str]:
    return [name for name, value in fields.items() if not _is_same(name, value, _value(live, name))]


def _is_same(name: str, one: FieldValue, other: FieldValue) -> bool:
    if name == "email" and isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return (one or None) == (other or None)


def _value(live: Extension, name: str) -> FieldValue:
    if name == "departments":
        return tuple(sorted(membership.department for membership in live.memberships))
    if name in FURTHER:
        return dict(live.further).get(name)
    value: FieldValue = getattr(live, name)
    return value
