"""Welcome messages, sent again."""

from fastapi import APIRouter

from services.api.access.bearer import ActorDep
from services.api.people.schemas.welcome import WelcomeList, WelcomeRequest, WelcomeSent
from services.api.people.use_cases import welcome
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(tags=["people"])


@router.post(
    "/sites/{site_id}/welcome-messages", summary="Send welcome messages again", responses=documented(404)
)
def send_welcome_messages(
    context: ContextDep, actor: ActorDep, site_id: SiteId, body: WelcomeRequest
) -> WelcomeList:
    """Let 3CX mail its welcome message to people who are linked to these extensions."""
    sent = welcome.send(context, site_id, body.numbers, actor)
    return WelcomeList(items=[WelcomeSent.model_validate(item) for item in sent])
