"""Brings the roll up to date with what was done to an extension or a link since the reading, in the deed's transaction.

``Board`` holds the rows concerned while they change. Where the roll is empty still, nothing is done: the next full run
makes it. What only 3CX knows of a new extension (such as its departments' ids) is known with the next reading.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.database import graces
from shared.database.tables import CommandRow, GraceRow
from shared.domain.command import Command, CommandKind, CommandState
from shared.domain.extension import Extension, Membership
from shared.domain.further import FURTHER
from shared.domain.grace import Grace
from shared.domain.person import AccountState, Presence
from shared.domain.protection import protection_of, why_never_changed
from shared.language import declared
from shared.roll import queries
from shared.roll.entry import Entry, RollState, Row, nobodys
from shared.roll.reading import add, moved_on, remove, write
from shared.roll.states import StateFacts, state_of

_OPEN = (CommandState.PENDING.value, CommandState.HELD.value, CommandState.RUNNING.value)
# What stands whatever is done: a person has to change the ends, the rules or the link.
_STANDING = (RollState.EXCLUDED, RollState.CONFLICT, RollState.PROTECTED)
_PLAIN = ("number", "first_name", "last_name", "email", "mobile", "enabled")


@dataclass(frozen=True, slots=True)
class Effect:
    """What of a command reached the phone system or a link; ``extension_id`` is of the extension it made or bound."""

    command: Command
    extension_id: int | None = None


def take_effects(
    session: Session, site_id: str, run_id: int, effects: Sequence[Effect], now: datetime
) -> None:
    """Bring up to date whoever these commands were about."""
    if not effects or queries.reading_of(session, site_id) is None:
        return
    commands = [effect.command for effect in effects]
    ids = {item.command.extension_id for item in effects} | {item.extension_id for item in effects}
    guids = {command.person_guid for command in commands}
    guids |= {str(command.after.get("previous_person", "")) for command in commands}
    board = Board.of(session, site_id, {guid for guid in guids if guid}, {id_ for id_ in ids if id_})
    for effect in effects:
        board.touch(effect.command.person_guid, board.holder_of(effect.command.extension_id))
        _apply(board, effect)
    board.store(now, _planned(session, run_id, board))


def join(session: Session, site_id: str, guid: str, name: str, extension: Extension, now: datetime) -> None:
    """Somebody is linked to an extension from now on."""
    if queries.reading_of(session, site_id) is None:
        return
    board = Board.of(session, site_id, {guid}, {extension.id})
    board.part(guid)
    board.give(guid, extension, name)
    board.store(now, {})


def part(session: Session, site_id: str, guid: str, now: datetime) -> None:
    """Somebody is linked to no extension any more."""
    board = Board.of(session, site_id, {guid}, set())
    board.part(guid)
    board.store(now, {})


def decide(session: Session, site_id: str, holder: str, now: datetime) -> None:
    """A person has decided about the countdown of an extension: it is said as it stands."""
    board = Board.of(session, site_id, {holder}, set())
    board.touch(holder)
    board.store(now, {})


class Board:
    """Rows of a site by holder, changed in memory and written at once."""

    def __init__(self, session: Session, site_id: str, rows: Mapping[str, Row]) -> None:
        self._session, self._site_id, self._rows = session, site_id, rows
        self.entries = {holder: row.entry for holder, row in rows.items()}
        self.touched: set[str] = set()

    @classmethod
    def of(cls, session: Session, site_id: str, guids: Collection[str], ids: Collection[int]) -> "Board":
        """With the rows of these holders and of whoever has these extensions."""
        rows = queries.rows_of(session, site_id, guids)
        for row in queries.rows_of_extensions(session, site_id, ids).values():
            rows[row.entry.holder] = row
        return cls(session, site_id, rows)

    def touch(self, *holders: str | None) -> None:
        """Look again at how these stand."""
        self.touched |= {holder for holder in holders if holder in self.entries}

    def holder_of(self, extension_id: int | None) -> str | None:
        """Whose row has the extension."""
        return next(
            (
                holder
                for holder, entry in self.entries.items()
                if entry.extension is not None and entry.extension.id == extension_id
            ),
            None,
        )

    def show(self, extension_id: int | None, fields: Mapping[str, Any]) -> None:
        """3CX shows these fields of the extension now."""
        holder = self.holder_of(extension_id)
        if holder is None:
            return
        entry = self.entries[holder]
        if entry.extension is not None:
            drift = tuple(item for item in entry.drift if item.field not in fields)
            self._put(replace(entry, extension=shown_with(entry.extension, fields), drift=drift))

    def give(self, guid: str, extension: Extension, name: str) -> None:
        """The extension is the person's, and nobody else's."""
        other = self.holder_of(extension.id)
        if other is not None and other != guid:
            self._put(replace(self.entries[other], extension=None, last_extension=extension, drift=()))
        entry = self.entries.get(guid) or Entry(guid, RollState.IN_SYNC, known_name=name)
        self._put(replace(entry, extension=extension, last_extension=None))

    def part(self, guid: str) -> None:
        """Whatever extension the person has is nobody's."""
        entry = self.entries.get(guid)
        if entry is None or entry.extension is None:
            return
        alone = Entry(nobodys(entry.extension), RollState.NOT_IN_DIRECTORY, extension=entry.extension)
        # Of templates, the archive and exclusions the next full run knows.
        what = protection_of(entry.extension, ())
        if what is not None:
            reason = why_never_changed(what)
            alone = replace(alone, state=RollState.PROTECTED, reason=reason)
        self._put(replace(entry, extension=None, last_extension=entry.extension, drift=()))
        self._put(alone)

    def take_away(self, extension_id: int | None) -> None:
        """The extension is gone from 3CX."""
        holder = self.holder_of(extension_id)
        if holder is not None:
            entry = self.entries[holder]
            self._put(replace(entry, extension=None, last_extension=entry.extension, until=None, drift=()))

    def _put(self, entry: Entry) -> None:
        self.entries[entry.holder] = entry
        self.touched.add(entry.holder)

    def store(self, now: datetime, planned: Mapping[str, str]) -> None:
        """Write what was touched; ``planned`` says, by holder, why something is still to be changed."""
        counting = _graces(self._session, self._site_id, self.touched)
        changed, new, joined = [], [], []
        for holder in sorted(self.touched):
            entry = self.entries[holder]
            if entry.guid is None and entry.extension is None and self._is_somebodys(entry):
                joined.append(holder)
                continue
            entry = settled(entry, counting.get(holder), planned.get(holder, ""))
            before = self._rows.get(holder)
            if before is None:
                new.append(Row(entry, now))
            elif entry != before.entry:
                changed.append(moved_on(before, entry, now, now))
        write(self._session, self._site_id, changed)
        add(self._session, self._site_id, new)
        remove(self._session, self._site_id, joined)

    def _is_somebodys(self, entry: Entry) -> bool:
        last = entry.last_extension
        holder = self.holder_of(last.id) if last is not None else None
        return holder is not None and holder != entry.holder


def settled(entry: Entry, grace: Grace | None, planned: str) -> Entry:
    """The entry in the state that follows from what was done; what only a person can change stays."""
    person = entry.person if entry.is_there else None
    until = grace.ends_at if grace is not None else None
    if entry.state in _STANDING and (entry.extension is not None or entry.is_there):
        return entry
    if entry.guid is None and entry.extension is None:
        state, reason = RollState.NOT_IN_DIRECTORY, str(declared("Deleted from 3CX."))
    else:
        state, reason = state_of(
            StateFacts(
                entry.presence if entry.guid is None or entry.presence is not None else Presence.GONE,
                entry.extension is not None,
                person.account_state if person is not None else AccountState.ENABLED,
                person is None or person.number is not None,
                (person.number_problem or "") if person is not None else "",
                planned=planned,
                is_leaving=grace is not None,
                until=until,
            )
        )
    return replace(entry, state=state, reason=reason, until=until if state is RollState.LEAVING else None)


def shown_with(extension: Extension, fields: Mapping[str, Any]) -> Extension:
    """The extension with these fields of a command."""
    plain: dict[str, Any] = {name: fields[name] for name in _PLAIN if fields.get(name) is not None}
    further = dict(extension.further) | {name: str(fields[name]) for name in FURTHER if name in fields}
    shown = replace(
        extension,
        **plain,
        further=tuple((name, further[name]) for name in FURTHER if name in further),
    )
    names = fields.get("departments")
    if isinstance(names, tuple):
        known = {item.department: item for item in extension.memberships}
        shown = replace(shown, memberships=tuple(known.get(name) or Membership(0, name) for name in names))
    return shown


def _apply(board: Board, effect: Effect) -> None:
    command = effect.command
    guid, id_ = command.person_guid, command.extension_id
    match command.kind:
        case CommandKind.CREATE_EXTENSION | CommandKind.RENUMBER_EXTENSION if effect.extension_id and guid:
            board.part(guid)
            made = Extension(effect.extension_id, command.number)
            board.give(guid, shown_with(made, command.after), command.person_name)
        case CommandKind.UPDATE_EXTENSION | CommandKind.ENABLE_EXTENSION:
            board.show(id_, command.after)
        case CommandKind.DISABLE_EXTENSION:
            board.show(id_, {"enabled": False})
        case CommandKind.DELETE_EXTENSION:
            board.take_away(id_)
        case CommandKind.RELEASE_BINDING if guid:
            board.part(guid)
        case CommandKind.ADOPT_EXTENSION | CommandKind.REBIND_EXTENSION if guid:
            holder = board.holder_of(effect.extension_id or id_)
            extension = board.entries[holder].extension if holder is not None else None
            if extension is not None and holder != guid:
                board.part(guid)
                board.give(guid, extension, command.person_name)
        case _:
            return


def _planned(session: Session, run_id: int, board: Board) -> dict[str, str]:
    """By holder, why the run is still to change something of these."""
    ids = {
        entry.extension.id: holder
        for holder in board.touched
        if (entry := board.entries[holder]).extension is not None
    }
    found: dict[str, str] = {}
    holders = sorted(board.touched)
    rows = session.execute(
        select(CommandRow.person_guid, CommandRow.extension_id, CommandRow.reason)
        .where(
            CommandRow.run_id == run_id,
            CommandRow.state.in_(_OPEN),
            or_(CommandRow.person_guid.in_(holders), CommandRow.extension_id.in_(sorted(ids))),
        )
        .order_by(CommandRow.sequence)
    )
    for guid, extension_id, reason in rows:
        for holder in (guid, ids.get(extension_id or 0)):
            if holder is not None:
                found.setdefault(holder, reason)
    return found


def _graces(session: Session, site_id: str, holders: Collection[str]) -> dict[str, Grace]:
    mine = GraceRow.site_id == site_id, GraceRow.holder.in_(sorted(holders))
    return {row.holder: graces.grace_of(row) for row in session.scalars(select(GraceRow).where(*mine))}
