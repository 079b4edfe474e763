"""The plan that takes a run's changes back, from what its commands found before them. Pure.

Every extension is compared with what the run left it as. What somebody has changed since is left as it is, with a finding.
"""

from collections.abc import Iterable, Sequence

from services.reconciler.drafts import settle, to_commands
from services.reconciler.fields import identity
from services.reconciler.undo_extension import undo_extension
from services.reconciler.undo_history import Deed, histories_of
from services.reconciler.undo_plan import UndoPlan
from shared.domain.binding import Binding
from shared.domain.command import CommandKind
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.plan import Plan, Severity
from shared.domain.rules import Rules
from shared.language import phrase


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
    undo = UndoPlan(run_id, phone_system, bindings, rules)
    histories = histories_of(deeds)
    for extension_id, history in histories.items():
        undo_extension(undo, extension_id, history, histories)
    for deed in deeds:
        _undo_link(undo, deed)
        _tell_kept(undo, deed)
    commands = to_commands(settle(undo.drafts, undo))
    findings = sorted(undo.findings, key=lambda item: (item.severity, item.number, item.message))
    return Plan(commands=commands, findings=tuple(findings), managed_extensions=len(undo.bound), people=0)


def _tell_kept(undo: UndoPlan, deed: Deed) -> None:
    """Say what an undo never takes back."""
    command = deed.command
    if command.kind is CommandKind.CREATE_DEPARTMENT:
        name = str(command.after.get("name", ""))
        undo.tell(deed, phrase("The department {name} is kept.", name=name), Severity.INFO)
    elif command.kind is CommandKind.FINISH_EXTENSION:
        sentence = phrase(
            "Run {run} wrote settings of extension {number} that were still missing. They are kept.",
            run=undo.run_id,
            number=command.number,
        )
        undo.tell(deed, sentence, Severity.INFO)
    elif command.makes_extension and deed.made is None:
        sentence = phrase(
            "Run {run} created extension {number} only in part. It is not known which extension that is. "
            "Check it in 3CX and delete it there if nobody needs it.",
            run=undo.run_id,
            number=command.number,
        )
        undo.tell(deed, sentence)


def _undo_link(undo: UndoPlan, deed: Deed) -> None:
    """Undo what was done to a link alone."""
    command = deed.command
    live = undo.by_id.get(command.extension_id or 0)
    guid = command.person_guid
    if live is None or guid is None:
        return
    holder = undo.holders.get(live.id)
    is_theirs = holder is not None and holder.person_guid == guid
    if command.kind is CommandKind.ADOPT_EXTENSION and is_theirs:
        reason = phrase("Run {run} linked it to {name}.", run=undo.run_id, name=command.person_name)
        draft = undo.draft(deed, CommandKind.RELEASE_BINDING, reason, live)
    elif command.kind is CommandKind.RELEASE_BINDING and holder is None and guid not in undo.bound:
        reason = phrase("Run {run} ended its link.", run=undo.run_id)
        draft = undo.draft(deed, CommandKind.ADOPT_EXTENSION, reason, live)
    elif command.kind is CommandKind.REBIND_EXTENSION and command.after.get("previous_person"):
        previous = str(command.after["previous_person"])
        if not is_theirs or previous in undo.bound:
            undo.leave(deed, [])
            return
        reason = phrase("Run {run} gave it to {name}.", run=undo.run_id, name=command.person_name)
        draft = undo.draft(deed, CommandKind.REBIND_EXTENSION, reason, live)
        draft.guid = previous
        draft.person_name = f"{command.before.get('first_name')} {command.before.get('last_name')}".strip()
        draft.after = {**command.after, "previous_person": guid}
    else:
        return
    draft.before = identity(live)
    undo.drafts.append(draft)
