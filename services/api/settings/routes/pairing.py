"""Pairing with the relay: saves its settings and the key that it obeys."""

from fastapi import APIRouter

from services.api.access.bearer import ActorDep
from services.api.connections.schemas.questions import PairingAnswer, PairingRequest
from services.api.settings.use_cases import pairing
from services.api.web.dependencies import ContextDep, SiteId
from services.api.web.documented import documented

router = APIRouter(prefix="/sites/{site_id}", responses=documented(404))


@router.post("/relay/pair", summary="Pair with the relay", tags=["relay"])
def pair_relay(context: ContextDep, site_id: SiteId, actor: ActorDep, body: PairingRequest) -> PairingAnswer:
    """Save the settings given, make a new key, and become the relay's peer with a pairing code."""
    return PairingAnswer.model_validate(pairing.pair_relay(context, site_id, body.code, actor, body.values))
