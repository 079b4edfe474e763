"""In which state somebody is, and why, from what one plan found out about them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.person import AccountState, Presence
from shared.language import declared
from shared.roll.entry import RollState


@dataclass(frozen=True, slots=True)
class Standing:
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


def state_of(standing: Standing) -> tuple[RollState, str]:
    """The state, with its reason in a sentence: empty where the state says it all.

    What a person must look at comes first, then what will happen, then what is so.
    """
    for state, reason in (
        (RollState.EXCLUDED, standing.excluded),
        (RollState.CONFLICT, standing.conflict),
        (RollState.PROTECTED, standing.protected),
        (RollState.WILL_CHANGE, standing.planned),
    ):
        if reason:
            return state, reason
    if standing.is_leaving and standing.has_extension:
        return RollState.LEAVING, _why_leaving(standing)
    match standing.presence:
        case None:
            return RollState.NOT_IN_DIRECTORY, declared("Nobody in the directory has this extension.")
        case Presence.GONE:
            return RollState.NOT_IN_DIRECTORY, declared("Deleted from the directory.")
        case Presence.ELSEWHERE:
            return RollState.NOT_SELECTED, declared("In the directory, but not in the selected OUs.")
        case Presence.SELECTED:
            return _state_of_selected(standing)


def _state_of_selected(standing: Standing) -> tuple[RollState, str]:
    if not standing.has_number:
        return RollState.NO_NUMBER, standing.number_problem or declared("No number in the directory.")
    if standing.has_extension:
        return RollState.IN_SYNC, _account(standing)
    if standing.account_state is not AccountState.ENABLED:
        return RollState.NOT_SELECTED, _account(standing)
    if standing.doubt:
        return RollState.CONFLICT, standing.doubt
    return RollState.NOT_SELECTED, declared("Has no extension, and the rules do not create one.")


def _account(standing: Standing) -> str:
    match standing.account_state:
        case AccountState.DISABLED:
            return declared("The account is disabled in the directory.")
        case AccountState.EXPIRED:
            return declared("The account has expired in the directory.")
        case AccountState.ENABLED:
            return ""


def _why_leaving(standing: Standing) -> str:
    match standing.presence:
        case Presence.GONE:
            return declared("Deleted from the directory.")
        case Presence.ELSEWHERE:
            return declared("In the directory, but not in the selected OUs.")
        case Presence.SELECTED:
            return _account(standing) or declared("No number in the directory.")
        case None:
            return declared("Nobody in the directory has this extension.")
