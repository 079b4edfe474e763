"""Whether what a plan creates fits into the phone system's licence. Pure."""

from collections import Counter
from collections.abc import Iterable

from shared.domain.command import Command, CommandKind
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.plan import Finding, FindingCode, Severity

_ADDING = (CommandKind.CREATE_EXTENSION, CommandKind.RENUMBER_EXTENSION)


def licence_finding(commands: Iterable[Command], phone_system: PhoneSystemSnapshot) -> Finding | None:
    """What to say when the licence has too few free extensions for the commands, else ``None``.

    Within a wave extensions are created before others are deleted, so what a wave deletes is free for the next
    one only.
    """
    most = phone_system.max_extensions
    if most is None:
        return None
    added: Counter[int] = Counter()
    removed: Counter[int] = Counter()
    for command in commands:
        if command.kind in _ADDING:
            added[command.wave] += 1
        elif command.kind is CommandKind.DELETE_EXTENSION:
            removed[command.wave] += 1
    used = phone_system.used_extensions
    without_room = 0
    for wave in sorted(added.keys() | removed.keys()):
        fitting = min(added[wave], max(0, most - used))
        without_room += added[wave] - fitting
        used += fitting - removed[wave]
    if not without_room:
        return None
    return Finding(
        FindingCode.LICENCE_FULL,
        Severity.WARNING,
        f"The licence allows {most} extensions and {phone_system.used_extensions} are in use: {without_room} of "
        f"{added.total()} new ones will not fit. Enlarge the licence or free extensions.",
    )
