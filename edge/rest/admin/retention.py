"""How long content is kept, and matters with their legal holds. What is decided here the role `retention` of a worker performs."""

import secrets
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from edge.clocks import clock_ms
from edge.rest.admin.acting import Act, Admin, Administrator
from edge.rest.errors import Problem
from schemas.ids import UUID7_RANDOM_BITS, uuid7
from schemas.retention import RuleScope
from schemas.values import ConversationKind
from store.retention import FOR_EVER, KEEP_MS_MIN, Matter, MatterScope

router = APIRouter(prefix="/v1/admin")
KEEP_MS_LIMIT = 100 * 366 * 86_400_000
RULES_LIMIT, MATTERS_LIMIT = 10_000, 1_000
NAMED_LIMIT = 1_000  # conversations, and users, of one matter
Id = Annotated[str, Field(min_length=1, max_length=128)]
MatterPath = Annotated[str, Path(min_length=1, max_length=64)]
Target = Annotated[str, Query(max_length=128)]
TARGET_HELP = "Empty for the tenant; direct, group or channel; or a conversation"


class RetentionRule(BaseModel):
    scope: RuleScope
    target: str = Field(default="", max_length=128, description=TARGET_HELP)
    keep_ms: int = Field(ge=0, le=KEEP_MS_LIMIT, description="From when it was written on; 0: for ever")


class RetentionRules(BaseModel):
    rules: list[RetentionRule]


class MatterAbout(BaseModel):
    """Of neither conversations nor users: everything of the tenant."""

    conversations: list[Id] = Field(default=[], max_length=NAMED_LIMIT)
    users: list[Id] = Field(default=[], max_length=NAMED_LIMIT, description="Everything where one of them is or was a member")
    from_ms: int = Field(default=0, ge=0)
    until_ms: int = Field(default=0, ge=0, description="0: without end")

    def scope(self) -> MatterScope:
        """Raises: Problem 422."""
        if self.until_ms and self.until_ms <= self.from_ms:
            raise Problem(422, "invalid", "until_ms is not after from_ms")
        named = (tuple(dict.fromkeys(self.conversations)), tuple(dict.fromkeys(self.users)))
        return MatterScope(conversations=named[0], users=named[1], from_ms=self.from_ms, until_ms=self.until_ms)


class NewMatter(MatterAbout):
    name: str = Field(min_length=1, max_length=200, description="Stands in the log for ever")


class HoldChange(BaseModel):
    held: bool
    reason: str = Field(default="", max_length=500, description="Stands in the log for ever")


class MatterItem(MatterAbout):
    matter: str
    name: str
    held: bool
    reason: str = Field(description="Of the last change of its hold")
    opened_at_ms: int
    opened_by: str
    closed_at_ms: int = Field(description="0: it is open")


class MatterList(BaseModel):
    matters: list[MatterItem]


def item_of(matter: Matter) -> MatterItem:
    scope = matter.scope
    return MatterItem(
        matter=matter.matter,
        name=matter.name,
        conversations=list(scope.conversations),
        users=list(scope.users),
        from_ms=scope.from_ms,
        until_ms=scope.until_ms,
        held=matter.held,
        reason=matter.reason,
        opened_at_ms=matter.opened_at_ms,
        opened_by=matter.opened_by,
        closed_at_ms=matter.closed_at_ms,
    )


def check_place(scope: RuleScope, target: str) -> None:
    """Raises: Problem 422."""
    fits = {"tenant": target == "", "kind": target in get_args(ConversationKind), "conversation": target != ""}
    if not fits[scope]:
        raise Problem(422, "bad_target", f"not a target of a rule for a {scope}: {target[:128]!r}")


# ---- rules


@router.get("/retention")
async def retention(admin: Admin) -> RetentionRules:
    """The narrowest holds: the conversation's, else that of its kind, else the tenant's; without any, content is kept for ever."""

    async def work() -> RetentionRules:
        rules = (await admin.node.retention.now()).rules
        return RetentionRules(rules=[RetentionRule(scope=rule.scope, target=rule.target, keep_ms=rule.keep_ms) for rule in rules])

    return await admin.perform(Act("retention.list", "retention.read"), work)


@router.put("/retention", status_code=204)
async def set_retention(body: RetentionRule, admin: Admin) -> None:
    """Content that is older goes from what devices read, soon after; what is held stays. It cannot be brought back to devices."""

    async def work() -> None:
        check_place(body.scope, body.target)
        if body.keep_ms != FOR_EVER and body.keep_ms < KEEP_MS_MIN:
            raise Problem(422, "too_short", f"content is kept for at least {KEEP_MS_MIN} ms, or 0: for ever")
        known = (await admin.node.retention.now()).kept
        if (body.scope, body.target) not in known and len(known) >= RULES_LIMIT:
            raise Problem(409, "too_many", f"at most {RULES_LIMIT} rules")
        await admin.node.retention.set_rule(admin.who, body.scope, body.target, body.keep_ms)

    detail = {"scope": body.scope, "keep_ms": body.keep_ms}
    await admin.perform(Act("retention.set", "retention.edit", body.scope, body.target, detail, changes=True), work)


@router.delete("/retention", status_code=204)
async def drop_retention(admin: Admin, scope: RuleScope, target: Target = "") -> None:
    """The wider rule holds again. What has expired stays so."""

    async def work() -> None:
        if (scope, target) not in (await admin.node.retention.now()).kept:
            raise Problem(404, "unknown_rule", "there is no such rule")
        await admin.node.retention.drop_rule(admin.who, scope, target)

    await admin.perform(Act("retention.drop", "retention.edit", scope, target, {"scope": scope}, changes=True), work)


# ---- matters and holds


@router.get("/matters")
async def matters(admin: Admin) -> MatterList:
    """Those that were closed too, the newest first."""

    async def work() -> MatterList:
        found = (await admin.node.retention.now()).matters.values()
        return MatterList(matters=[item_of(matter) for matter in sorted(found, key=lambda each: -each.opened_at_ms)])

    return await admin.perform(Act("matters.list", "retention.read"), work)


@router.post("/matters", status_code=201)
async def open_matter(body: NewMatter, admin: Admin) -> MatterItem:
    """It holds nothing before a hold is placed."""
    matter = "m-" + uuid7(clock_ms(), secrets.randbits(UUID7_RANDOM_BITS))

    async def work() -> MatterItem:
        scope = body.scope()
        if len((await admin.node.retention.now()).matters) >= MATTERS_LIMIT:
            raise Problem(409, "too_many", f"at most {MATTERS_LIMIT} matters")
        await admin.node.retention.open_matter(admin.who, matter, body.name, scope)
        return item_of(await _known(admin, matter, open_only=False))

    return await admin.perform(Act("matters.open", "holds", "matter", matter, _counts(body), changes=True), work)


@router.put("/matters/{matter}/scope")
async def scope_matter(matter: MatterPath, body: MatterAbout, admin: Admin) -> MatterItem:
    """What it is about from now on. What a held matter is no more about may expire."""

    async def work() -> MatterItem:
        scope = body.scope()
        await _known(admin, matter)
        await admin.node.retention.scope_matter(admin.who, matter, scope)
        return item_of(await _known(admin, matter, open_only=False))

    return await admin.perform(Act("matters.scope", "holds", "matter", matter, _counts(body), changes=True), work)


@router.put("/matters/{matter}/hold")
async def change_hold(matter: MatterPath, body: HoldChange, admin: Admin) -> MatterItem:
    """While it is held, nothing that it is about expires. When this is answered the hold stands in the log."""

    async def work() -> MatterItem:
        await _known(admin, matter)
        change = admin.node.retention.place_hold if body.held else admin.node.retention.lift_hold
        await change(admin.who, matter, body.reason)
        return item_of(await _known(admin, matter, open_only=False))

    action: Literal["holds.place", "holds.lift"] = "holds.place" if body.held else "holds.lift"
    return await admin.perform(Act(action, "holds", "matter", matter, changes=True), work)


@router.post("/matters/{matter}/close")
async def close_matter(matter: MatterPath, admin: Admin) -> MatterItem:
    """For good; its hold ends."""

    async def work() -> MatterItem:
        await _known(admin, matter)
        await admin.node.retention.close_matter(admin.who, matter)
        return item_of(await _known(admin, matter, open_only=False))

    return await admin.perform(Act("matters.close", "holds", "matter", matter, changes=True), work)


async def _known(admin: Administrator, matter: str, *, open_only: bool = True) -> Matter:
    """Raises: Problem 404 unknown_matter, 409 matter_closed; LogUnavailable."""
    found = (await admin.node.retention.now()).matters.get(matter)
    if found is None:
        raise Problem(404, "unknown_matter", "there is no such matter")
    if open_only and not found.open:
        raise Problem(409, "matter_closed", "the matter was closed")
    return found


def _counts(body: MatterAbout) -> dict[str, int]:
    return {"conversations": len(body.conversations), "users": len(body.users), "from_ms": body.from_ms, "until_ms": body.until_ms}
