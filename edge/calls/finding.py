"""What only an edge can look up for a command about a call: members, blocks, who moderates, who is busy, which engine. Called by the desk.

Rule 1: who may not write in a conversation may not ring it either. Rule 2: of everybody in a group only those are rung that have not
blocked the caller, nor it them. Rule 3: what the owner knows exactly (who takes part, who is invited) is left to it.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge import call_frames as frames
from edge.calls.filling import Facts
from edge.clocks import clock_ms
from edge.completion import DIRECT
from edge.groups import Group
from edge.session import USER_BYTES_LIMIT
from rtc.active import ActiveLegs
from rtc.choose import PEER_TO_PEER, Engines
from rtc.live import LiveLines
from rtc.state import Call
from schemas.call_signals import EngineKind
from schemas.call_values import CallMedia, Fault, Standing
from schemas.errors import WarblerError
from schemas.ids import direct_conversation_id
from store.ties import Tie, refusal_of_writing
from store.verdicts import may

if TYPE_CHECKING:
    from edge.node import Node

CALL_WAITING = "call_waiting"  # of the user's own settings: true takes a second call, with a knock
NO_ENGINE_RETRY_MS = 2_000
LOOKED_UP = (frames.CallRequest, frames.CallInvite, frames.CallTransfer, frames.CallKick, frames.CallMute, frames.CallSwitch)


class BadCall(WarblerError):
    """A command about a call that is not published: the device gets `call_refused` with this code."""

    def __init__(self, code: str, fault: Fault, detail: str, retry_after_ms: int = 0) -> None:
        super().__init__(detail)
        self.code, self.fault, self.detail, self.retry_after_ms = code, fault, detail, retry_after_ms


def needs_a_look(frame: frames.CallCommandFrame) -> bool:
    return isinstance(frame, LOOKED_UP) or (isinstance(frame, frames.CallHangUp) and frame.for_all)


class Finder:
    def __init__(self, node: "Node", lines: LiveLines, active: ActiveLegs, engines: Engines) -> None:
        self._node, self._lines, self._active, self._engines = node, lines, active, engines
        self._order: tuple[EngineKind, ...] = node.settings.call_engines_order

    async def facts(self, user: str, device: str, member: bool, frame: frames.CallCommandFrame) -> Facts:
        """Raises: BadCall; StoreUnavailable, LogUnavailable, BadRequest."""
        match frame:
            case frames.CallRequest():
                return await self._of_request(user, member, frame)
            case frames.CallInvite():
                return await self._of_guests(user, member, frame, frame.callees)
            case frames.CallTransfer():
                return await self._of_guests(user, member, frame, (frame.target,))
            case frames.CallSwitch():
                return await self._of_switch(user, device, member, frame)
            case _:
                return Facts(await self._standing(user, member, frame.conversation))

    # ---- a request

    async def _of_request(self, user: str, member: bool, frame: frames.CallRequest) -> Facts:
        if not member:
            raise BadCall("not_member", "user", "only members may call here")
        known = self._lines.call(frame.conversation, frame.call)
        if known is not None:  # a retry: its owner remembers it, and nothing that changed meanwhile may refuse it now
            return Facts("member", frame.callees or tuple(known.parties.keys() - {user}), engine=known.engine)
        self._check_callees(frame.callees)
        engine = self._engine(frame.engine or None, frame.media, frame.call_kind == "one_to_one")
        direct = frame.conversation.startswith(DIRECT)
        callees = await (self._of_direct(user, frame) if direct else self._of_group(user, frame))
        return await self._rung(Facts("member", callees, engine=engine), user, frame.conversation)

    def _check_callees(self, callees: tuple[str, ...]) -> None:
        limit = self._node.settings.call_callees_limit
        if len(callees) > limit:
            raise BadCall("too_many_invites", "user", f"at most {limit} at once")
        if any(not 0 < len(callee) <= USER_BYTES_LIMIT for callee in callees):
            raise BadCall("invalid", "device", f"a user id has 1 to {USER_BYTES_LIMIT} characters")

    async def _of_direct(self, user: str, frame: frames.CallRequest) -> tuple[str, ...]:
        """The other of the two."""
        others = frame.callees or tuple(each for each in await self._members(frame.conversation, 2) if each != user)
        if len(others) != 1 or direct_conversation_id(user, others[0]) != frame.conversation:
            raise BadCall("not_member", "user", "in a direct conversation the other of the two is called")
        tie = await self._node.friends.ties.resolved(frame.conversation)
        refused = refusal_of_writing(tie, user) if tie is not None else None
        if refused is not None:
            raise BadCall(refused.code, "user", refused.detail)
        return others

    async def _of_group(self, user: str, frame: frames.CallRequest) -> tuple[str, ...]:
        group = await self._group(user, frame.conversation)
        verdict = may(group.standing, user, "send", clock_ms())
        if not verdict.allowed and verdict.code != "slow_mode":
            raise BadCall(verdict.code or "not_allowed", "user", verdict.detail)
        if not frame.callees:
            limit = self._node.settings.call_callees_limit
            callees = tuple(each for each in await self._members(frame.conversation, limit + 1) if each != user)[:limit]
        else:
            callees = frame.callees
            await self._all_members(frame.conversation, callees)
        ties = await self._ties(user, callees)
        open_to = tuple(callee for callee in callees if not ties[callee].blocked_by)
        if callees and not open_to:
            raise BadCall("blocked", "user", "there is a block between you and everybody that would be rung")
        return open_to

    # ---- guests

    async def _of_guests(self, user: str, member: bool, frame: frames.CallCommandFrame, guests: tuple[str, ...]) -> Facts:
        """Who is invited into a running call: members, and friends of who invites; nobody with a block between the two."""
        conversation = frame.conversation
        self._check_callees(guests)
        if not guests:
            raise BadCall("invalid", "device", "nobody is named")
        call = self._lines.call(conversation, frame.call)
        if call is not None and call.engine == PEER_TO_PEER:
            raise BadCall("not_now", "device", "a call without an engine has room for these two: call_switch first")
        standing, ties, inside = await asyncio.gather(
            self._standing(user, member, conversation), self._ties(user, guests), self._which_members(conversation, guests)
        )
        for guest in guests:
            if guest in ties and ties[guest].blocked_by:
                raise BadCall("blocked", "user", f"there is a block between you and {guest}")
            if guest not in inside and not (guest in ties and ties[guest].friends):
                raise BadCall("not_member", "user", f"{guest} is neither a member here nor your friend")
        return await self._rung(Facts(standing, guests), user, conversation)

    async def _all_members(self, conversation: str, users: tuple[str, ...]) -> None:
        inside = await self._which_members(conversation, users)
        if outside := [user for user in users if user not in inside]:
            raise BadCall("not_member", "user", f"{outside[0]} is no member here")

    async def _which_members(self, conversation: str, users: tuple[str, ...]) -> set[str]:
        found = await asyncio.gather(*(self._node.reader.is_member(user, conversation) for user in users))
        return {user for user, inside in zip(users, found, strict=True) if inside}

    async def _members(self, conversation: str, limit: int) -> list[str]:
        members, _ = await self._node.reader.members(conversation, None, limit)
        return [member.user for member in members]

    async def _ties(self, user: str, others: Iterable[str]) -> dict[str, Tie]:
        pairs = {other: direct_conversation_id(user, other) for other in others if other != user}
        found = await self._node.friends.ties.of(pairs.values())
        return {other: found[conversation] for other, conversation in pairs.items()} | {user: Tie()}

    # ---- who, and with what

    async def _rung(self, facts: Facts, user: str, conversation: str) -> Facts:
        busy = [callee for callee in facts.callees if self._active.busy(callee, conversation)]
        taking_two = frozenset(await self._taking_two(busy)) if busy else frozenset()
        busy_now, waiting = self._active.split(facts.callees, taking_two, conversation)
        rang = self._active.invites_elsewhere(user, conversation, clock_ms())
        return Facts(facts.standing, facts.callees, busy_now, waiting, rang, facts.engine)

    async def _taking_two(self, users: list[str]) -> list[str]:
        settings = await asyncio.gather(*(self._node.profiles.tables.settings(user) for user in users))
        return [user for user, found in zip(users, settings, strict=True) if takes_two(found.text)]

    async def _standing(self, user: str, member: bool, conversation: str) -> Standing:
        if not member:
            return "outsider"
        if conversation.startswith(DIRECT):
            return "member"
        group = await self._group(user, conversation)
        return "moderator" if group.may("mute", clock_ms()) or group.may("remove", clock_ms()) else "member"

    async def _group(self, user: str, conversation: str) -> Group:
        group = await self._node.groups.group(user, conversation, clock_ms())
        if group is None or group.place is None:
            raise BadCall("not_member", "user", "you are no member here")
        return group

    def _engine(self, wanted: EngineKind | None, media: CallMedia, two: bool, without: tuple[str, ...] = ()) -> str:
        """The name of an engine that can take the call. Raises: BadCall."""
        if wanted == PEER_TO_PEER and not two:
            raise BadCall("invalid", "device", "only a call between two goes without an engine")
        for kind in (wanted,) if wanted is not None else self._order:
            if kind == PEER_TO_PEER:
                if two:
                    return PEER_TO_PEER
                continue
            chosen = self._engines.choose(kind, self._order, clock_ms(), media, without)
            if chosen is not None:
                return chosen.engine
        raise BadCall("not_now", "engine", "no media engine can take the call now", NO_ENGINE_RETRY_MS)

    # ---- to another engine

    async def _of_switch(self, user: str, device: str, member: bool, frame: frames.CallSwitch) -> Facts:
        call = self._lines.call(frame.conversation, frame.call)
        if call is None:
            raise BadCall("unknown_call", "device", "there is no such call in this conversation")
        party = call.parties.get(user)
        if party is None or not party.in_call or party.device != device:
            raise BadCall("not_in_call", "user", "you are not in this call with this device")
        if not await self._may_switch(call, user, member, frame.conversation):
            raise BadCall("not_allowed", "user", "only a moderator or the caller of a group changes the engine")
        engine = self._engine(frame.engine or None, call.media, False, (call.engine,))
        return Facts(engine=engine, epoch=call.epoch + 1)

    async def _may_switch(self, call: Call, user: str, member: bool, conversation: str) -> bool:
        if call.engine == PEER_TO_PEER or (call.kind == "group" and call.caller == user):
            return True
        return await self._standing(user, member, conversation) == "moderator"


def takes_two(settings_text: str) -> bool:
    """Whether the user's own settings, a JSON object, say that it takes a second call."""
    settings = json.loads(settings_text)
    return isinstance(settings, dict) and settings.get(CALL_WAITING) is True
