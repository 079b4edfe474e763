"""The notifications of a site: what was sent and what could not be, and sending it again."""

from typing import Annotated

from fastapi import APIRouter, Path

from services.api.access.bearer import ActorDep
from services.api.notifications import use_cases
from services.api.notifications.schemas import MessageList, MessageOut
from services.api.web.dependencies import ContextDep, Limit, SiteId
from services.api.web.documented import documented
from shared.domain.notifying import MessageState

router = APIRouter(prefix="/sites/{site_id}/notifications", tags=["notifications"], responses=documented(404))
MessageId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("", summary="Notifications that were sent, wait or failed")
def list_notifications(
    context: ContextDep, site_id: SiteId, state: MessageState | None = None, limit: Limit = 50
) -> MessageList:
    """Newest first. Those that failed wait to be sent again."""
    rows = use_cases.list_messages(context, site_id, state, limit)
    return MessageList(items=[MessageOut.model_validate(row) for row in rows])


@router.post("/{message_id}/retry", summary="Send a notification again")
def retry_notification(
    context: ContextDep, actor: ActorDep, site_id: SiteId, message_id: MessageId
) -> MessageOut:
    """Try one that failed anew. A receiver that has it already is sent the same id."""
    return MessageOut.model_validate(use_cases.send_again(context, site_id, message_id, actor))


@router.delete("/{message_id}", summary="Discard a notification that failed")
def discard_notification(
    context: ContextDep, actor: ActorDep, site_id: SiteId, message_id: MessageId
) -> MessageOut:
    """Forget one that failed. Answers with what it was."""
    return MessageOut.model_validate(use_cases.discard(context, site_id, message_id, actor))
