"""What a plan for a few people cannot go by alone: found in what was read of them, before and after it is made. Pure."""

from collections.abc import Collection, Iterable

from services.reconciler.full_run_reasons import Circumstances
from services.reconciler.identity import is_certain
from shared.domain.binding import Binding
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.domain.person import AccountState, Person
from shared.domain.rules import Rules

# What must not be done to an extension that is somebody's template.
_NOT_TO_TEMPLATES = (
    CommandKind.ADOPT_EXTENSION, CommandKind.REBIND_EXTENSION, CommandKind.RENUMBER_EXTENSION,
    CommandKind.DISABLE_EXTENSION, CommandKind.ARCHIVE_EXTENSION, CommandKind.DELETE_EXTENSION,
)  # fmt: skip


def circumstances_of(
    people: Iterable[Person],
    extensions: Iterable[Extension],
    bindings: Iterable[Binding],
    doubted: Collection[str],
    rules: Rules,
) -> Circumstances:
    """What speaks against planning for these people alone; ``doubted`` are people and extensions whose changes wait."""
    by_guid = {person.guid: person for person in people}
    by_id = {extension.id: extension for extension in extensions}
    bound = {binding.person_guid: binding for binding in bindings}
    return Circumstances(
        is_doubted=not {*by_guid, *bound, *(f"extension {id_}" for id_ in by_id)}.isdisjoint(doubted),
        needs_new_number=bool(rules.number_ranges)
        and any(
            person.number is None
            and person.number_problem is None
            and person.account_state is AccountState.ENABLED
            and person.guid not in bound
            for person in by_guid.values()
        ),
        is_link_uncertain=not all(
            is_certain(binding, by_guid.get(guid), by_id.get(binding.extension_id), rules.name_limit)
            for guid, binding in bound.items()
        ),
        is_account_migrated=any(
            person.sid_history and person.guid not in bound for person in by_guid.values()
        ),
    )


def removes_nobodys(commands: Iterable[Command]) -> bool:
    """Whether an extension goes because nobody has its number: the people who were read are not all who might."""
    return any(command.kind in _NOT_TO_TEMPLATES and command.person_guid is None for command in commands)


def may_touch_template(commands: Iterable[Command], *, have_own_templates: bool) -> bool:
    """Whether a command may be about the template of somebody who was not read; ``have_own_templates`` is whether the
    directory names templates for single people.
    """
    return have_own_templates and any(command.kind in _NOT_TO_TEMPLATES for command in commands)
