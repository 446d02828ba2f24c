"""What others may see of the caller."""

from fastapi import APIRouter
from msgspec.structs import replace

from edge.clocks import clock_ms
from edge.rest import models
from edge.rest.access import SignedInCaller

router = APIRouter(prefix="/v1/me")


@router.get("/privacy")
async def privacy(caller: SignedInCaller) -> models.Privacy:
    chosen = await caller.node.privacies.of_user(caller.user)
    return models.Privacy(**{name: getattr(chosen, name) for name in models.Privacy.model_fields})


@router.put("/privacy")
async def set_privacy(body: models.Privacy, caller: SignedInCaller) -> models.Privacy:
    """What is not said stays as it was. Takes effect on every node as soon as it has read the change from the log, within a second of the
    answer while the log is well.
    """
    chosen = replace(await caller.node.privacies.of_user(caller.user), at_ms=clock_ms(), **body.model_dump(exclude_unset=True))
    await caller.node.change_privacy(caller.user, chosen)
    return models.Privacy(**{name: getattr(chosen, name) for name in models.Privacy.model_fields})
