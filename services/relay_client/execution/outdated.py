"""Whether a command still is right for its person: what the plan went by against what the directory says now. Pure.

Whoever is further away than the plan had them may still be disabled: the account of somebody dismissed is deleted soon
after. Everything else needs the very state that the plan went by, because another one has another rule.
"""

from enum import IntEnum

from shared.domain.command import CommandKind
from shared.domain.person import AccountState, PersonState, Presence
from shared.language import declared, phrase

_ONLY_LESS = (CommandKind.DISABLE_EXTENSION, CommandKind.RELEASE_BINDING)


class _Eligibility(IntEnum):
    """From gone to entitled to an extension; each has a rule of its own."""

    GONE = 0
    ELSEWHERE = 1
    INACTIVE = 2
    WITHOUT_NUMBER = 3
    BAD_NUMBER = 4
    ENTITLED = 5


def what_changed(kind: CommandKind, name: str, then: PersonState, now: PersonState) -> str | None:
    """The sentence that says why the command must not be carried out any more; ``None`` while it still is right."""
    before, after = _eligibility(then), _eligibility(now)
    if before == after:
        is_renumbered = after is _Eligibility.ENTITLED and then.number != now.number
        change = (
            phrase(
                "{name} has number {number} in the directory, not {then_number}",
                name=name,
                number=now.number,
                then_number=then.number,
            )
            if is_renumbered
            else None
        )
    elif after < before:
        change = None if kind in _ONLY_LESS else _lost(after, name, now)
    else:
        change = _improved(before, name, now)
    return (
        phrase(
            "The directory was changed after the plan was created: {change}. The next run checks again.",
            change=change,
        )
        if change
        else None
    )


def _eligibility(state: PersonState) -> _Eligibility:
    if state.presence is not Presence.SELECTED:
        return _Eligibility.GONE if state.presence is Presence.GONE else _Eligibility.ELSEWHERE
    if state.account_state is not AccountState.ENABLED:
        return _Eligibility.INACTIVE
    if state.has_bad_number:
        return _Eligibility.BAD_NUMBER
    return _Eligibility.WITHOUT_NUMBER if state.number is None else _Eligibility.ENTITLED


def _lost(reached: _Eligibility, name: str, now: PersonState) -> str:
    match reached:
        case _Eligibility.GONE:
            return phrase("{name} was deleted from the directory", name=name)
        case _Eligibility.ELSEWHERE:
            return phrase(
                "{name} is no longer in the selected OUs, but at {distinguished_name}",
                name=name,
                distinguished_name=now.distinguished_name,
            )
        case _Eligibility.INACTIVE:
            is_expired = now.account_state is AccountState.EXPIRED
            return phrase(
                "the account of {name} {state}",
                name=name,
                state=declared("has expired") if is_expired else declared("is disabled"),
            )
        case _Eligibility.WITHOUT_NUMBER:
            return phrase("{name} no longer has a number", name=name)
    return phrase("the number attribute of {name} no longer holds a number", name=name)


def _improved(before: _Eligibility, name: str, now: PersonState) -> str:
    """What has come back, seen from where the person was."""
    match before:
        case _Eligibility.GONE if now.presence is Presence.ELSEWHERE:
            return phrase(
                "{name} is in the directory now, at {distinguished_name}",
                name=name,
                distinguished_name=now.distinguished_name,
            )
        case _Eligibility.GONE | _Eligibility.ELSEWHERE:
            return phrase(
                "{name} is in the selected units now, at {distinguished_name}",
                name=name,
                distinguished_name=now.distinguished_name,
            )
        case _Eligibility.INACTIVE:
            return phrase("the account of {name} is enabled again", name=name)
    if now.number is None:
        return phrase("the number attribute of {name} has a value again, but it is not a number", name=name)
    return phrase("{name} has a number again, {number}", name=name, number=now.number)
