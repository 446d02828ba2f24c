"""Second factors of users, as an administrator sees and removes them."""

from typing import Annotated

from fastapi import APIRouter, Path

from edge.rest import models, way_models
from edge.rest.admin.acting import Act, Admin
from edge.rest.factors import factor_list

router = APIRouter(prefix="/v1/admin/users")
FactorPath = Annotated[str, Path(min_length=1, max_length=128)]


@router.get("/{user}/factors")
async def list_factors(user: models.UserPath, admin: Admin) -> way_models.FactorList:
    async def work() -> way_models.FactorList:
        await admin.on_user(user)
        return await factor_list(admin.node, user)

    return await admin.perform(Act("factors.list", "factors.read", "user", user), work)


@router.delete("/{user}/factors/{factor}", status_code=204)
async def remove_factor(user: models.UserPath, factor: FactorPath, admin: Admin) -> None:
    """For somebody who lost it. Devices that were remembered must show a factor again, if one is left or the policy wants one."""

    async def work() -> None:
        await admin.node.ways.factors.remove(user, factor, admin.actor.id)
        await admin.node.ways.gate.forget(user, None, admin.actor.id)

    act = Act("factors.remove", "factors.remove", "user", user, {"factor": factor}, changes=True)
    await admin.perform(act, work, lambda: admin.on_user(user))
