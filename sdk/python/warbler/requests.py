"""What an application may ask of a conversation, one method each; every one is a frame and a wait. Base of `Client`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

from warbler import frames
from warbler.frames import (
    Ack,
    ConversationKind,
    DeviceContent,
    DirectoryPage,
    FrameMember,
    FrameQos,
    FrameSettings,
    HistoryPage,
    Page,
    Presence,
    PresenceEntry,
    ReceiptsPage,
    ReceiptState,
    Role,
)
from warbler.people_requests import FriendRequests, GroupRequests
from warbler.reads import Read
from warbler.watches import Watch

Text = str | DeviceContent


def content_of(content: Text) -> DeviceContent:
    return DeviceContent(text=content) if isinstance(content, str) else content


class Requests(FriendRequests, GroupRequests):
    """Raises, from every command: Rejected; SignedOut, ConnectionRefused, Closed when the client ended before the answer.

    Each returns the seq of the event it made.
    """

    def read(self, frame: Read) -> "asyncio.Future[object]":
        raise NotImplementedError

    def tell(self, frame: frames.Typing) -> None:
        raise NotImplementedError

    def mark(self, frame: frames.Mark) -> None:
        raise NotImplementedError

    def watch(self, frame: Watch) -> None:
        raise NotImplementedError

    def resync(self, conversation: str) -> None:
        raise NotImplementedError

    # ---- messages

    def send_nowait(
        self,
        conversation: str,
        content: Text,
        *,
        reply_to: int | None = None,
        mentions: Sequence[str] = (),
        qos: FrameQos | None = None,
        announcement: bool = False,
        command_id: str = "",
    ) -> "asyncio.Future[Ack]":
        """Sends without waiting; the future gives the ack. Order: as called, within this client."""
        frame = frames.SendMessage(
            id=command_id,
            conversation=conversation,
            content=content_of(content),
            reply_to=reply_to,
            mentions=tuple(mentions),
            qos=qos,
            announcement=announcement,
        )
        return self.submit(frame)

    async def send(
        self,
        conversation: str,
        content: Text,
        *,
        reply_to: int | None = None,
        mentions: Sequence[str] = (),
        qos: FrameQos | None = None,
        announcement: bool = False,
    ) -> int:
        """Delivery: as `qos` says, None: as is usual in the conversation. An "ephemeral" one is no event, and its seq is 0.

        `announcement`: kept in the list of announcements; needs the permission.
        """
        acked = self.send_nowait(conversation, content, reply_to=reply_to, mentions=mentions, qos=qos, announcement=announcement)
        return (await acked).seq

    async def edit(self, conversation: str, target_seq: int, content: Text, *, mentions: Sequence[str] = ()) -> int:
        frame = frames.EditMessage(
            id="", conversation=conversation, target_seq=target_seq, content=content_of(content), mentions=tuple(mentions)
        )
        return (await self.submit(frame)).seq

    async def recall(self, conversation: str, target_seq: int) -> int:
        return (await self.submit(frames.RecallMessage(id="", conversation=conversation, target_seq=target_seq))).seq

    async def react(self, conversation: str, target_seq: int, reaction: str) -> int:
        return (await self.submit(frames.AddReaction(id="", conversation=conversation, target_seq=target_seq, reaction=reaction))).seq

    async def unreact(self, conversation: str, target_seq: int, reaction: str) -> int:
        frame = frames.RemoveReaction(id="", conversation=conversation, target_seq=target_seq, reaction=reaction)
        return (await self.submit(frame)).seq

    async def mark_read(self, conversation: str, up_to_seq: int, up_to_ordinal: int) -> int:
        """`up_to_ordinal` is the ordinal that stands on the event `up_to_seq`. Shape: 0 when the mark made no event."""
        frame = frames.MarkRead(id="", conversation=conversation, up_to_seq=up_to_seq, up_to_ordinal=up_to_ordinal)
        return (await self.submit(frame)).seq

    def mark_played(self, conversation: str, up_to_seq: int) -> None:
        """Listened or looked to the end. Delivery: once there is a connection, while the client lives; the last one counts."""
        self.mark(frames.Mark(conversation, "played", up_to_seq))

    def mark_previewed(self, conversation: str, up_to_seq: int) -> None:
        """Shown by a push, not opened. Delivery: as `mark_played`."""
        self.mark(frames.Mark(conversation, "previewed", up_to_seq))

    def mark_unread(self, conversation: str, from_seq: int) -> None:
        """Kept for later by the user, from `from_seq` on; 0 takes it back. Delivery: as `mark_played`."""
        self.mark(frames.Mark(conversation, "unread", from_seq))

    def typing(self, conversation: str, typing: bool = True) -> None:
        """Delivery: may be lost."""
        self.tell(frames.Typing(conversation, typing))

    # ---- conversations

    async def create_group(
        self,
        title: str,
        members: Sequence[str | FrameMember] = (),
        *,
        kind: ConversationKind = "group",
        settings: FrameSettings | None = None,
        command_id: str = "",
    ) -> str:
        """The new conversation's id. The caller becomes its owner.

        `settings` None: private, by invitation, with the whole history for newcomers.
        """
        named = tuple(FrameMember(member) if isinstance(member, str) else member for member in members)
        frame = frames.CreateConversation(
            id=command_id, conversation="", conversation_kind=kind, title=title, members=named, settings=settings
        )
        return (await self.submit(frame)).conversation

    async def create_direct(self, user: str) -> str:
        """Raises: Rejected("conversation_exists") with its id in `conversation`, when the two have talked before."""
        frame = frames.CreateConversation(id="", conversation="", conversation_kind="direct", members=(FrameMember(user),))
        return (await self.submit(frame)).conversation

    async def add_member(self, conversation: str, member: str, role: Role = "member") -> int:
        return (await self.submit(frames.AddMember(id="", conversation=conversation, member=member, role=role))).seq

    async def remove_member(self, conversation: str, member: str) -> int:
        return (await self.submit(frames.RemoveMember(id="", conversation=conversation, member=member))).seq

    async def change_role(self, conversation: str, member: str, role: Role) -> int:
        return (await self.submit(frames.ChangeRole(id="", conversation=conversation, member=member, role=role))).seq

    async def rename(self, conversation: str, title: str) -> int:
        return (await self.submit(frames.RenameConversation(id="", conversation=conversation, title=title))).seq

    async def leave(self, conversation: str) -> int:
        return (await self.submit(frames.LeaveConversation(id="", conversation=conversation))).seq

    # ---- presence and receipts, as they change: `PresenceSeen`, `CountsSeen`, `ReceiptSeen`

    async def watch_presence(self, users: Sequence[str] = (), conversations: Sequence[str] = ()) -> tuple[PresenceEntry, ...]:
        """How these users and the members of these conversations are now; `PresenceSeen` tells changes, of them and no others.

        Raises: RequestFailed("too_many"); then nobody is watched.
        """
        frame = frames.WatchPresence("", tuple(users), tuple(conversations))
        return cast(Presence, await self.read(frame)).users

    def watch_receipts(self, conversation: str, seq: int) -> None:
        """`CountsSeen` tells how many have got as far as `seq`, from now on; 0 ends it."""
        self.watch(frames.WatchReceipts(conversation, seq))

    def set_presence(self, away: bool, status: str | None = None) -> None:
        """Whether the user is away from this device, and its status line (None: as it was; empty: none)."""
        self.watch(frames.SetPresence(away, status))

    # ---- reads; each raises RequestFailed

    async def history(self, conversation: str, before_seq: int | None = None, limit: int = 50) -> HistoryPage:
        """Messages as they stand now, ascending; the page's `before_seq` is what to ask next, None at the beginning."""
        return cast(HistoryPage, await self.read(frames.History("", conversation, before_seq, limit)))

    async def directory_page(self, after: str | None = None) -> DirectoryPage:
        return cast(DirectoryPage, await self.read(frames.DirectoryRequest("", after)))

    async def receipts(
        self, conversation: str, seq: int, state: ReceiptState = "read", *, has: bool = True, limit: int = 100
    ) -> AsyncIterator[ReceiptsPage]:
        """Pages of the members who have (or have not) got as far as `seq`. A page may be empty and not be the last."""
        after: str | None = None
        while True:
            page = cast(ReceiptsPage, await self.read(frames.Receipts("", conversation, seq, state, has, after, limit)))
            yield page
            if page.next is None:
                return
            after = page.next

    async def sync(self, conversation: str, from_seq: int = 1, limit: int = 500) -> AsyncIterator[Page]:
        """Pages of events from `from_seq` up to the head."""
        more = False
        try:
            while True:
                page = cast(Page, await self.read(frames.Sync("", conversation, from_seq, limit)))
                more, from_seq = page.more, page.next_seq
                yield page
                if not more:
                    return
        finally:
            # The server holds live events back while a sync has more to give: one that is left half way is finished by a repair.
            if more:
                self.resync(conversation)
