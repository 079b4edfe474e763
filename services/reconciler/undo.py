"""The plan that takes a run's changes back, from what its commands found before them. Pure.

Every extension is compared with what the run left it as. What somebody has changed since is left as it is, with a finding.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.reconciler.drafts import Draft, settle, to_commands
from services.reconciler.fields import Fields, identity
from services.reconciler.situation import protection_of, reserved_by
from shared.domain.binding import Binding
from shared.domain.command import Command, CommandKind, FieldValue
from shared.domain.extension import Extension, PhoneSystemSnapshot
from shared.domain.further import FURTHER
from shared.domain.owed import BACKUP, RESTORES
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.domain.rules import Rules
from shared.language import declared, listed, named, phrase
from shared.values.keys import email_key

_CHANGES = (CommandKind.UPDATE_EXTENSION, CommandKind.ENABLE_EXTENSION, CommandKind.DISABLE_EXTENSION)
_KNOWN_BY = ("number", "first_name", "last_name")
_COMPARED = (*_KNOWN_BY, "email", "mobile", "enabled", *FURTHER)


@dataclass(frozen=True, slots=True)
class Deed:
    """A command that took effect.

    ``made`` is the extension that it made. ``has_settings``: all settings of what it deleted are kept. ``backup`` is the
    relay's backup of its voicemails and recordings.
    """

    row_id: int
    command: Command
    made: int | None = None
    has_settings: bool = False
    backup: str = ""


@dataclass
class _History:
    """What a run did to one extension: fields before its first and after its last change."""

    before: dict[str, FieldValue] = field(default_factory=dict)
    after: dict[str, FieldValue] = field(default_factory=dict)
    known: dict[str, FieldValue] = field(default_factory=dict)
    made: Deed | None = None
    deleted: Deed | None = None
    archived: Deed | None = None
    renumbered: Deed | None = None
    changed: dict[CommandKind, Deed] = field(default_factory=dict)

    def take(self, deed: Deed) -> None:
        """One more command about the extension, in the order of execution."""
        command = deed.command
        self.known |= {name: command.before[name] for name in _KNOWN_BY if name in command.before}
        match command.kind:
            case CommandKind.DELETE_EXTENSION:
                self.deleted = deed
            case CommandKind.ARCHIVE_EXTENSION:
                self.archived = deed
            case CommandKind.RENUMBER_EXTENSION:
                self.renumbered = deed
            case kind if kind in _CHANGES:
                for name, value in command.after.items():
                    self.before.setdefault(name, command.before.get(name))
                    self.after[name] = value
                self.known |= {name: command.after[name] for name in _KNOWN_BY if name in command.after}
                self.changed[kind] = deed


def plan_undo(
    run_id: int,
    deeds: Sequence[Deed],
    phone_system: PhoneSystemSnapshot,
    bindings: Iterable[Binding],
    rules: Rules,
) -> Plan:
    """What brings the phone system back to where it was before the run, as far as nobody has touched it since.

    ``deeds`` are the run's commands that took effect, in the order of execution.
    """
    undo = _Undo(run_id, phone_system, bindings, rules)
    histories: dict[int, _History] = {}
    for deed in deeds:
        kind = deed.command.kind
        if deed.made is not None and deed.command.makes_extension:
            histories.setdefault(deed.made, _History()).made = deed
        if deed.command.extension_id is not None:
            histories.setdefault(deed.command.extension_id, _History()).take(deed)
        if kind is CommandKind.CREATE_DEPARTMENT:
            name = str(deed.command.after.get("name", ""))
            undo.tell(deed, phrase("The department {name} is kept.", name=name), Severity.INFO)
    for extension_id, history in sorted(histories.items()):
        undo.extension(extension_id, history, histories)
    for deed in deeds:
        undo.link(deed)
    commands = to_commands(settle(undo.drafts, undo))
    findings = sorted(undo.findings, key=lambda item: (item.severity, item.number, item.message))
    return Plan(commands=commands, findings=tuple(findings), managed_extensions=len(undo.bound), people=0)


class _Undo:
    """The plan in the making; also what it concedes (see ``drafts.Concessions``)."""

    def __init__(
        self, run_id: int, phone_system: PhoneSystemSnapshot, bindings: Iterable[Binding], rules: Rules
    ) -> None:
        self.drafts: list[Draft] = []
        self.findings: list[Finding] = []
        self.bound = {binding.person_guid: binding for binding in bindings}
        self._holders = {binding.extension_id: binding for binding in self.bound.values()}
        self._run_id, self._rules, self._reserved = run_id, rules, reserved_by(rules)
        self._by_id = {extension.id: extension for extension in phone_system.extensions}
        self._by_number = {extension.number: extension for extension in phone_system.extensions}
        self._taken = {peer.number for peer in phone_system.peers}
        self._by_email = {
            email_key(extension.email): extension for extension in phone_system.extensions if extension.email
        }

    def tell(self, deed: Deed, message: str, severity: Severity = Severity.WARNING) -> None:
        """Say what is not undone."""
        command = deed.command
        self.findings.append(
            Finding(
                FindingCode.NOT_UNDONE,
                severity,
                message,
                command.number,
                (command.person_guid,) if command.person_guid else (),
                (command.person_name,) if command.person_guid else (),
            )
        )

    def extension(self, extension_id: int, history: _History, of_all: Mapping[int, _History]) -> None:
        """Undo what was done to one extension."""
        if history.made is not None:
            if history.deleted is None:
                self._unmake(extension_id, history, history.made)
        elif history.renumbered is not None:
            # Its successor says what becomes of it.
            successor = history.renumbered.made
            if successor is not None and of_all[successor].deleted is None:
                return
        elif history.deleted is not None:
            self._make_again(history, history.deleted)
        elif history.changed:
            self._change_back(extension_id, history)
        if history.archived is not None and history.deleted is None:
            number = history.archived.command.number
            self.tell(
                history.archived,
                phrase("What was archived of extension {number} stays in the archive.", number=number),
            )

    def _unmake(self, extension_id: int, history: _History, made: Deed) -> None:
        command = made.command
        live = self._by_id.get(extension_id)
        if live is None:
            self.tell(
                made, phrase("Extension {number} no longer exists.", number=command.number), Severity.INFO
            )
            return
        # A creation does not write what is empty.
        left: Fields = {"email": "", "mobile": ""}
        left |= {name: command.after[name] for name in _COMPARED if name in command.after} | history.after
        changed = _unlike(left, live)
        holder = self._holders.get(extension_id)
        if changed or (holder is not None and holder.person_guid != command.person_guid):
            self._left(made, changed)
            return
        what = protection_of(live, self._reserved)
        if what is not None:
            sentence = phrase("Extension {number} is {what} and is kept.", number=live.number, what=what)
            self.tell(made, sentence)
            return
        if command.kind is CommandKind.CREATE_EXTENSION:
            reason = phrase(
                "Run {run} created extension {number}. It is deleted again.",
                run=self._run_id,
                number=live.number,
            )
            self.drafts += self._removal(made, live, reason)
            return
        number = str(command.before.get("number", ""))
        old: Fields = {name: command.before.get(name, "") for name in ("first_name", "last_name", "email")}
        reason = phrase(
            "Run {run} gave extension {old} the number {number}. It gets its old number again.",
            run=self._run_id,
            old=number,
            number=live.number,
        )
        draft = self._draft(made, CommandKind.RENUMBER_EXTENSION, reason, live, number=number)
        draft.before = identity(live) | {"enabled": live.enabled}
        draft.after = {"number": number, **old, "enabled": bool(command.before.get("enabled", live.enabled))}
        self._add(draft)
        if command.after.get("mobile"):
            self.tell(
                made,
                phrase("The mobile number of extension {number} stays as it is now.", number=number),
                Severity.INFO,
            )
        if str(old["email"]).casefold() == live.email.casefold():
            # By then the address is with the other one.
            live = replace(live, email="")
        self.drafts += self._removal(made, live, reason, draft)

    def _removal(self, deed: Deed, live: Extension, reason: str, after: Draft | None = None) -> list[Draft]:
        """Disabled, archived where the rules archive, then deleted: as everything that is deleted."""
        steps: list[Draft] = []

        def _add(kind: CommandKind, enabled: bool, fields: Fields) -> Draft:
            step = self._draft(deed, kind, reason, live)
            step.before, step.after = identity(live) | {"enabled": enabled}, fields
            step.requires = steps[-1:] or ([after] if after else [])
            steps.append(step)
            return step

        if live.enabled:
            _add(CommandKind.DISABLE_EXTENSION, True, {"enabled": False})
        archive = self._rules.archive
        if archive is not None:
            what: Fields = {"archive": archive.number}
            what |= {"voicemails": archive.voicemails, "recordings": archive.recordings}
            _add(CommandKind.ARCHIVE_EXTENSION, False, what)
        deletion = _add(CommandKind.DELETE_EXTENSION, False, {})
        deletion.frees.add(("number", live.number))
        if live.email:
            deletion.frees.add(("email", email_key(live.email)))
        return steps

    def _make_again(self, history: _History, deleted: Deed) -> None:
        command = deleted.command
        before = {**command.before, **history.before}
        after: Fields = {name: before[name] for name in _COMPARED if before.get(name) not in (None, "")}
        after |= {"number": command.number, "enabled": bool(before.get("enabled"))}
        if deleted.has_settings:
            after[RESTORES] = deleted.row_id
        else:
            self.tell(
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
            self.tell(
                archived,
                phrase(
                    "The voicemails and recordings of extension {number} stay in the archive, because no backup was kept.",
                    number=command.number,
                ),
            )
        reason = phrase(
            "Run {run} deleted extension {number}. It is created again.",
            run=self._run_id,
            number=command.number,
        )
        draft = self._draft(deleted, CommandKind.CREATE_EXTENSION, reason, None)
        draft.after = after
        if draft.guid in self.bound:
            # They have another one by now, which stays theirs.
            draft.guid = None
        self._add(draft)

    def _change_back(self, extension_id: int, history: _History) -> None:
        last = list(history.changed.values())[-1]
        live = self._by_id.get(extension_id)
        if live is None:
            self.tell(last, phrase("Extension {number} no longer exists.", number=last.command.number))
            return
        if shown_otherwise := _unlike(history.known, live):
            self._left(last, shown_otherwise)
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
            self._left(last, changed)
        known = identity(live)
        if "enabled" in back:
            is_enabled = bool(back.pop("enabled"))
            kind = CommandKind.ENABLE_EXTENSION if is_enabled else CommandKind.DISABLE_EXTENSION
            reason = (
                phrase("Run {run} disabled it. It is enabled again.", run=self._run_id)
                if is_enabled
                else phrase("Run {run} enabled it. It is disabled again.", run=self._run_id)
            )
            deed = history.changed.get(
                CommandKind.DISABLE_EXTENSION if is_enabled else CommandKind.ENABLE_EXTENSION, last
            )
            draft = self._draft(deed, kind, reason, live)
            # What the update of this plan writes is not to be expected as it was.
            draft.before = {name: value for name, value in known.items() if name not in back}
            draft.before["enabled"] = live.enabled
            draft.after = {"enabled": is_enabled}
            self.drafts.append(draft)
        if back:
            deed = history.changed.get(CommandKind.UPDATE_EXTENSION, last)
            reason = phrase(
                "Run {run} changed {fields}. They are as before again.",
                run=self._run_id,
                fields=listed(map(named, back)),
            )
            draft = self._draft(deed, CommandKind.UPDATE_EXTENSION, reason, live)
            draft.before = known | {name: _value(live, name) for name in back}
            draft.after = back
            if "email" in back and live.email:
                draft.frees.add(("email", email_key(live.email)))
            self._add(draft)

    def link(self, deed: Deed) -> None:
        """Undo what was done to a link alone."""
        command = deed.command
        live = self._by_id.get(command.extension_id or 0)
        guid = command.person_guid
        if live is None or guid is None:
            return
        holder = self._holders.get(live.id)
        is_theirs = holder is not None and holder.person_guid == guid
        if command.kind is CommandKind.ADOPT_EXTENSION and is_theirs:
            reason = phrase("Run {run} linked it to {name}.", run=self._run_id, name=command.person_name)
            draft = self._draft(deed, CommandKind.RELEASE_BINDING, reason, live)
        elif command.kind is CommandKind.RELEASE_BINDING and holder is None and guid not in self.bound:
            reason = phrase("Run {run} ended its link.", run=self._run_id)
            draft = self._draft(deed, CommandKind.ADOPT_EXTENSION, reason, live)
        elif command.kind is CommandKind.REBIND_EXTENSION and command.after.get("previous_person"):
            previous = str(command.after["previous_person"])
            if not is_theirs or previous in self.bound:
                self._left(deed, [])
                return
            reason = phrase("Run {run} gave it to {name}.", run=self._run_id, name=command.person_name)
            draft = self._draft(deed, CommandKind.REBIND_EXTENSION, reason, live)
            draft.guid = previous
            draft.person_name = (
                f"{command.before.get('first_name')} {command.before.get('last_name')}".strip()
            )
            draft.after = {**command.after, "previous_person": guid}
        else:
            return
        draft.before = identity(live)
        self.drafts.append(draft)

    def _draft(
        self, deed: Deed, kind: CommandKind, reason: str, live: Extension | None, number: str = ""
    ) -> Draft:
        command = deed.command
        return Draft(
            kind,
            number or (live.number if live else command.number),
            reason,
            extension=live,
            evidence=command.reason,
            guid=command.person_guid,
            person_name=command.person_name,
            unit=command.unit,
            undoes=deed.row_id,
        )

    def _add(self, draft: Draft) -> None:
        """Lay it down with its claims to what others hold now."""
        if "number" in draft.after and (draft.number in self._by_number or draft.number in self._taken):
            draft.claims.add(("number", draft.number))
        email = str(draft.after.get("email") or "")
        holder = self._by_email.get(email_key(email)) if email else None
        if holder is not None and (draft.extension is None or holder.id != draft.extension.id):
            draft.claims.add(("email", email_key(email)))
        self.drafts.append(draft)

    def _left(self, deed: Deed, fields: Iterable[str]) -> None:
        what = listed(map(named, fields)) or declared("who it belongs to")
        self.tell(
            deed,
            phrase(
                "Extension {number} was changed after run {run} ({what}). This is left as it is.",
                number=deed.command.number,
                run=self._run_id,
                what=what,
            ),
        )

    def _give_up(self, draft: Draft, message: str) -> None:
        guids = (draft.guid,) if draft.guid else ()
        names = (draft.person_name,) if draft.guid else ()
        self.findings.append(
            Finding(FindingCode.NOT_UNDONE, Severity.WARNING, message, draft.number, guids, names)
        )

    def give_up_number(self, draft: Draft) -> None:
        """The number is another's by now."""
        self._give_up(
            draft, phrase("The number {number} is in use by another extension.", number=draft.number)
        )

    def give_up_email(self, draft: Draft) -> bool:
        """The address is another's by now."""
        email = draft.after.pop("email", "")
        draft.before.pop("email", None)
        self._give_up(
            draft, phrase("The e-mail address {email} is in use by another extension.", email=email)
        )
        return bool(draft.after)

    def give_up_cycle(self, drafts: list[Draft]) -> None:
        """These numbers wait for one another."""
        for draft in drafts:
            self.give_up_number(draft)


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
