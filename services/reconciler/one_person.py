"""The part of a plan that is about one person. Pure."""

from shared.domain.command import Command, CommandKind
from shared.domain.plan import Finding, FindingCode, Plan, Severity
from shared.language import declared, phrase


def limited_to(plan: Plan, guid: str | None) -> Plan:
    """The person's commands with the departments they need, and the findings about the person.

    What needs a command about somebody else first is left to a full run, with a finding: nobody but this person
    is ever touched.
    """
    by_sequence = {command.sequence: command for command in plan.commands}
    kept: dict[int, Command] = {}
    left: list[Command] = []
    # Whatever a command requires comes before it in the plan, so one pass decides.
    for command in plan.commands:
        if command.person_guid != guid or guid is None:
            continue
        needed = [by_sequence[sequence] for sequence in command.requires]
        if all(item.sequence in kept or item.kind is CommandKind.CREATE_DEPARTMENT for item in needed):
            kept |= {item.sequence: item for item in [*needed, command]}
        else:
            left.append(command)
    findings = [finding for finding in plan.findings if guid in finding.person_guids]
    findings += [_left_to_a_full_run(command) for command in left if not _follows(command, left)]
    commands = tuple(sorted(kept.values(), key=lambda command: command.sequence))
    return Plan(
        commands=commands,
        findings=tuple(findings),
        people=plan.people,
        managed_extensions=plan.managed_extensions,
        # Another phone system at the address is another one for everybody.
        moved_extensions=plan.moved_extensions,
        lost_extensions=plan.lost_extensions,
        graces=tuple(grace for grace in plan.graces if grace.holder == guid),
        ended_graces=tuple(grace for grace in plan.ended_graces if grace.holder == guid),
        standing_graces=plan.standing_graces,
        numbers_reserved=tuple(item for item in plan.numbers_reserved if item.person_guid == guid),
    )


def _follows(command: Command, left: list[Command]) -> bool:
    """Whether the command is only left because another of the person's is."""
    sequences = {item.sequence for item in left}
    return not sequences.isdisjoint(command.requires)


def _left_to_a_full_run(command: Command) -> Finding:
    is_email = command.kind is CommandKind.UPDATE_EXTENSION
    what = declared("e-mail address") if is_email else declared("number or e-mail address")
    return Finding(
        FindingCode.EMAIL_HELD if is_email else FindingCode.NUMBER_HELD,
        Severity.WARNING,
        phrase(
            "The {what} of {person_name} is in use by another extension, and a run for one person never "
            "changes other extensions. Start a full run.",
            what=what,
            person_name=command.person_name,
        ),
        command.number,
        (command.person_guid,) if command.person_guid else (),
        (command.person_name,),
    )
