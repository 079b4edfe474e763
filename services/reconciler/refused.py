"""Commands that the phone system refused in the last run: each is tried once in every run, and holds nobody up. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from shared.domain.command import Command, CommandKind, FieldValue
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.domain.refusal import Refusal, refusal_key
from shared.language import phrase


def report_refused(plan: Plan, refused: Mapping[str, Refusal]) -> Plan:
    """The plan with a finding for each command that was refused before, with the phone system's reason.

    Nobody waits for a department that is refused: they go on without it, and join it in the run after it was created.
    """
    known = {
        command.sequence: refused[refusal_key(command)]
        for command in plan.commands
        if refusal_key(command) in refused
    }
    if not known:
        return plan
    departments = {
        command.sequence: str(command.after["name"])
        for command in plan.commands
        if command.sequence in known and command.kind is CommandKind.CREATE_DEPARTMENT
    }
    concerned = [command for command in plan.commands if not departments.keys().isdisjoint(command.requires)]
    kept = [_without(command, departments) for command in plan.commands]
    gone = {command.sequence for command in concerned} - {command.sequence for command in kept if command}
    commands = tuple(
        replace(command, requires=tuple(item for item in command.requires if item not in gone))
        if not gone.isdisjoint(command.requires)
        else command
        for command in kept
        if command is not None
    )
    findings = [
        _finding(command, known[command.sequence], concerned)
        for command in plan.commands
        if command.sequence in known
    ]
    return replace(plan, commands=commands, findings=(*plan.findings, *findings))


def _without(command: Command, departments: Mapping[int, str]) -> Command | None:
    """The command without these departments; ``None`` when nothing is left of it."""
    names = {departments[sequence].casefold() for sequence in command.requires if sequence in departments}
    if not names:
        return command
    after = dict(command.after)
    listed = after.pop("departments", ())
    stay = tuple(name for name in listed if name.casefold() not in names) if isinstance(listed, tuple) else ()
    if stay and stay != command.before.get("departments"):
        after["departments"] = stay
    if str(after.get("primary_department", "")).casefold() in names:
        del after["primary_department"]
    if not after:
        return None
    dropped = {"departments", "primary_department"} - after.keys()
    before: dict[str, FieldValue] = {
        name: value for name, value in command.before.items() if name not in dropped
    }
    requires = tuple(sequence for sequence in command.requires if sequence not in departments)
    return replace(command, before=before, after=after, requires=requires)


def _finding(command: Command, refusal: Refusal, concerned: list[Command]) -> Finding:
    people = (
        [command]
        if command.person_guid
        else [item for item in concerned if command.sequence in item.requires]
    )
    what = f"{command.kind.replace('_extension', '').replace('_group', ' department')}"
    name = command.number or str(command.after.get("name", ""))
    again = (
        phrase(" and since then, {times} times in a row", times=refusal.times) if refusal.times > 1 else ""
    )
    return Finding(
        FindingCode.REFUSED,
        Severity.WARNING,
        phrase(
            "The phone system refused to {what} {name} in run {run_id}{again}: {message} Every run tries "
            "again. Other people are not affected.",
            what=what,
            name=name,
            run_id=refusal.run_id,
            again=again,
            message=refusal.message,
        ),
        command.number,
        tuple(dict.fromkeys(item.person_guid for item in people if item.person_guid)),
        tuple(dict.fromkeys(item.person_name for item in people if item.person_guid)),
    )
