"""Whether a command still is right for its person: what the plan went by against what the directory says now. Pure.

Whoever is further away than the plan had them may still be disabled: the account of somebody dismissed is deleted soon
after. Everything else needs the very state that the plan went by, because another one has another rule.
"""

from enum import IntEnum

from shared.domain.command import CommandKind
from shared.domain.person import AccountState, PersonState, Presence

_ONLY_LESS = (CommandKind.DISABLE_EXTENSION, CommandKind.RELEASE_BINDING)


class _Standing(IntEnum):
    """From gone to entitled to an extension; each has a rule of its own."""

    GONE = 0
    ELSEWHERE = 1
    INACTIVE = 2
    WITHOUT_NUMBER = 3
    BAD_NUMBER = 4
    ENTITLED = 5


def what_changed(kind: CommandKind, name: str, then: PersonState, now: PersonState) -> str | None:
    """The sentence that says why the command must not be carried out any more; ``None`` while it still is right."""
    before, after = _standing(then), _standing(now)
    if before == after:
        is_renumbered = after is _Standing.ENTITLED and then.number != now.number
        change = (
            f"{name} has number {now.number} in the directory, not {then.number}" if is_renumbered else None
        )
    elif after < before:
        change = None if kind in _ONLY_LESS else _further(after, name, now)
    else:
        change = _nearer(before, name, now)
    return (
        f"The directory was changed after the plan was created: {change}. The next run checks again."
        if change
        else None
    )


def _standing(state: PersonState) -> _Standing:
    if state.presence is not Presence.SELECTED:
        return _Standing.GONE if state.presence is Presence.GONE else _Standing.ELSEWHERE
    if state.account_state is not AccountState.ENABLED:
        return _Standing.INACTIVE
    if state.has_bad_number:
        return _Standing.BAD_NUMBER
    return _Standing.WITHOUT_NUMBER if state.number is None else _Standing.ENTITLED


def _further(standing: _Standing, name: str, now: PersonState) -> str:
    match standing:
        case _Standing.GONE:
            return f"{name} was deleted from the directory"
        case _Standing.ELSEWHERE:
            return f"{name} is no longer in the selected OUs, but at {now.distinguished_name}"
        case _Standing.INACTIVE:
            is_expired = now.account_state is AccountState.EXPIRED
            return f"the account of {name} {'has expired' if is_expired else 'is disabled'}"
        case _Standing.WITHOUT_NUMBER:
            return f"{name} no longer has a number"
    return f"the number attribute of {name} holds no number any more"


def _nearer(standing: _Standing, name: str, now: PersonState) -> str:
    """What has come back, seen from where the person was."""
    match standing:
        case _Standing.GONE if now.presence is Presence.ELSEWHERE:
            return f"{name} is in the directory now, at {now.distinguished_name}"
        case _Standing.GONE | _Standing.ELSEWHERE:
            return f"{name} is in the selected units now, at {now.distinguished_name}"
        case _Standing.INACTIVE:
            return f"the account of {name} is enabled again"
    if now.number is None:
        return f"the number attribute of {name} holds something again, which is no number"
    return f"{name} has a number again, {now.number}"
