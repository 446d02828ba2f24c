"""Commands about people, one method each: friends, and who may do what in a group. Base of `Requests`, and so of `Client`."""

import asyncio
import secrets
from collections.abc import Sequence

from warbler import frames
from warbler.frames import Ack, FrameSettings, Permission, Role
from warbler.groups import JoinLink
from warbler.own import link_of

SECRET_BYTES = 24


class Submitting:
    """Raises, from every command: Rejected; SignedOut, ConnectionRefused, Closed when the client ended before the answer."""

    def submit(self, frame: frames.CommandFrames) -> "asyncio.Future[Ack]":
        raise NotImplementedError

    async def _seq(self, frame: frames.CommandFrames) -> int:
        return (await self.submit(frame)).seq


class FriendRequests(Submitting):
    """Each is a command of the direct conversation of the two, which is made where there is none; returns its event's seq there."""

    async def request_friend(self, user: str, text: str = "") -> int:
        """Raises: Rejected (already_friends, blocked, already_done, …)."""
        return await self._seq(frames.RequestFriend(id="", conversation="", member=user, text=text))

    async def answer_friend_request(self, user: str, accept: bool, text: str = "") -> int:
        return await self._seq(frames.AnswerFriendRequest(id="", conversation="", member=user, accept=accept, text=text))

    async def remove_friend(self, user: str) -> int:
        return await self._seq(frames.RemoveFriend(id="", conversation="", member=user))

    async def block(self, user: str) -> int:
        """Holds for the very next message, call and look; the other is not told."""
        return await self._seq(frames.BlockUser(id="", conversation="", member=user))

    async def unblock(self, user: str) -> int:
        return await self._seq(frames.UnblockUser(id="", conversation="", member=user))


class GroupRequests(Submitting):
    """Each returns the seq of the event it made. Raises also: Rejected with the reason (not_allowed, muted, dissolved, …)."""

    async def change_settings(self, conversation: str, settings: FrameSettings, expected_version: int = 0) -> int:
        """All settings at once. `expected_version` 0: whatever they are; else refused as `stale_settings` where they are another's."""
        frame = frames.ChangeSettings(id="", conversation=conversation, settings=settings, expected_version=expected_version)
        return await self._seq(frame)

    # ---- coming in

    async def invite(self, conversation: str, member: str, role: Role = "member") -> int:
        return await self._seq(frames.InviteMember(id="", conversation=conversation, member=member, role=role))

    async def answer_invitation(self, conversation: str, accept: bool) -> int:
        return await self._seq(frames.AnswerInvitation(id="", conversation=conversation, accept=accept))

    async def apply(self, conversation: str, text: str = "") -> int:
        """Joins where everybody may, else applies. `text`: the answer to the group's question."""
        return await self._seq(frames.ApplyToJoin(id="", conversation=conversation, text=text))

    async def answer_application(self, conversation: str, member: str, accept: bool, reason: str = "") -> int:
        return await self._seq(frames.AnswerApplication(id="", conversation=conversation, member=member, accept=accept, reason=reason))

    async def create_link(self, conversation: str, *, expires_at_ms: int = 0, uses_limit: int = 0, approval: bool = False) -> JoinLink:
        """A link that lets in who has it; 0: without end. `approval`: it only lets apply."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        frame = frames.CreateLink(
            id="", conversation=conversation, secret=secret, expires_at_ms=expires_at_ms, uses_limit=uses_limit, approval=approval
        )
        return JoinLink(conversation, link_of((await self.submit(frame)).id), secret)

    async def revoke_link(self, conversation: str, link_id: str) -> int:
        return await self._seq(frames.RevokeLink(id="", conversation=conversation, link_id=link_id))

    async def join_by_link(self, link: JoinLink, text: str = "") -> int:
        frame = frames.JoinByLink(id="", conversation=link.conversation, link_id=link.link_id, secret=link.secret, text=text)
        return await self._seq(frame)

    # ---- keeping order

    async def ban(self, conversation: str, member: str, until_ms: int = 0, reason: str = "") -> int:
        """Sends away and keeps away; 0: for ever."""
        return await self._seq(frames.BanMember(id="", conversation=conversation, member=member, until_ms=until_ms, reason=reason))

    async def unban(self, conversation: str, member: str) -> int:
        return await self._seq(frames.UnbanMember(id="", conversation=conversation, member=member))

    async def mute(self, conversation: str, member: str, until_ms: int) -> int:
        """Silent until then, by the server's clock; 0: may speak again."""
        return await self._seq(frames.MuteMember(id="", conversation=conversation, member=member, until_ms=until_ms))

    async def mute_all(self, conversation: str, until_ms: int) -> int:
        """All but who may speak when all are muted; 0: over."""
        return await self._seq(frames.MuteAll(id="", conversation=conversation, until_ms=until_ms))

    async def define_role(self, conversation: str, role: Role, level: int, permissions: Sequence[Permission]) -> int:
        """A role of this group, or what its `admin` and `member` may do. Levels 1 to 99."""
        frame = frames.DefineRole(id="", conversation=conversation, role=role, level=level, permissions=tuple(permissions))
        return await self._seq(frame)

    async def drop_role(self, conversation: str, role: Role) -> int:
        """Who has it becomes a member."""
        return await self._seq(frames.DropRole(id="", conversation=conversation, role=role))

    async def hand_over(self, conversation: str, member: str) -> int:
        """`member` becomes the owner, and the owner an admin."""
        return await self._seq(frames.ChangeRole(id="", conversation=conversation, member=member, role="owner"))

    async def dissolve(self, conversation: str) -> int:
        """For good: nobody does anything here any more."""
        return await self._seq(frames.DissolveConversation(id="", conversation=conversation))
