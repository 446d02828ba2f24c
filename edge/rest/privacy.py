"""What others may see of the caller."""

from fastapi import APIRouter

from edge.clocks import clock_ms
from edge.rest import models
from edge.rest.access import SignedInCaller
from store.privacy import Privacy

router = APIRouter(prefix="/v1/me")


@router.get("/privacy")
async def privacy(caller: SignedInCaller) -> models.Privacy:
    chosen = await caller.node.privacies.of_user(caller.user)
    return models.Privacy(receipts=chosen.receipts, presence=chosen.presence)


@router.put("/privacy")
async def set_privacy(body: models.Privacy, caller: SignedInCaller) -> models.Privacy:
    """Takes effect on every node as soon as it has read the change from the log, within a second of the answer while the log is well."""
    await caller.node.change_privacy(caller.user, Privacy(body.receipts, body.presence, clock_ms()))
    return body
