"""In which state somebody is, and why, from what one plan found out about them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.person import AccountState, Presence
from shared.language import declared
from shared.roll.entry import RollState


@dataclass(frozen=True, slots=True)
class StateFacts:
    """What the plan, the rules and a person's decisions say of somebody; an empty text is nothing.

    ``presence`` is ``None`` of an extension that nobody in the directory stands for. ``conflict`` is what needs a decision,
    ``doubt`` what keeps somebody without an extension from having one, ``planned`` why something will be changed,
    ``protected`` why nothing ever is.
    """

    presence: Presence | None
    has_extension: bool
    account_state: AccountState = AccountState.ENABLED
    has_number: bool = True
    number_problem: str = ""
    excluded: str = ""
    conflict: str = ""
    doubt: str = ""
    planned: str = ""
    protected: str = ""
    is_leaving: bool = False
    until: datetime | None = None


def state_of(facts: StateFacts) -> tuple[RollState, str]:
    """The state, with its reason in a sentence: empty where the state says it all.

    What a person must look at comes first, then what will happen, then what is so.
    """
    for state, reason in (
        (RollState.EXCLUDED, facts.excluded),
        (RollState.CONFLICT, facts.conflict),
        (RollState.PROTECTED, facts.protected),
        (RollState.WILL_CHANGE, facts.planned),
    ):
        if reason:
            return state, reason
    if facts.is_leaving and facts.has_extension:
        return RollState.LEAVING, _why_leaving(facts)
    match facts.presence:
        case None:
            return RollState.NOT_IN_DIRECTORY, declared("Nobody in the directory has this extension.")
        case Presence.GONE:
            return RollState.NOT_IN_DIRECTORY, declared("Deleted from the directory.")
        case Presence.ELSEWHERE:
            return RollState.NOT_SELECTED, declared("In the directory, but not in the selected OUs.")
        case Presence.SELECTED:
            return _state_of_selected(facts)


def _state_of_selected(facts: StateFacts) -> tuple[RollState, str]:
    if not facts.has_number:
        return RollState.NO_NUMBER, facts.number_problem or declared("No number in the directory.")
    if facts.has_extension:
        return RollState.IN_SYNC, _account(facts)
    if facts.account_state is not AccountState.ENABLED:
        return RollState.NOT_SELECTED, _account(facts)
    if facts.doubt:
        return RollState.CONFLICT, facts.doubt
    return RollState.NOT_SELECTED, declared("Has no extension, and the rules do not create one.")


def _account(facts: StateFacts) -> str:
    match facts.account_state:
        case AccountState.DISABLED:
            return declared("The account is disabled in the directory.")
        case AccountState.EXPIRED:
            return declared("The account has expired in the directory.")
        case AccountState.ENABLED:
            return ""


def _why_leaving(facts: StateFacts) -> str:
    match facts.presence:
        case Presence.GONE:
            return declared("Deleted from the directory.")
        case Presence.ELSEWHERE:
            return declared("In the directory, but not in the selected OUs.")
        case Presence.SELECTED:
            return _account(facts) or declared("No number in the directory.")
        case None:
            return declared("Nobody in the directory has this extension.")
