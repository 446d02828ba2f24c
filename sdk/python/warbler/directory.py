"""The user's conversations as this client knows them: the directory of the last welcome, moved on by events. Pure."""

from collections.abc import Iterator

from msgspec.structs import replace

from warbler.frames import DirectoryEntry, EventItem, MessageItem
from warbler.happenings import Connected, Happening, ReceiptSeen, TimelineEvent, Unreadable


def is_unspoken(entry: DirectoryEntry) -> bool:
    """Two users who never wrote to each other: there only for what they are to each other, and no part of a list of conversations."""
    return entry.conversation_kind == "direct" and entry.head_ordinal == 0


class Directory:
    """Shape: one entry a conversation. `complete` False: the server holds more, `Client.directory_page(next)` gives them.

    `vague`: conversations joined by an event that tells neither kind nor title; a page of the directory will.
    """

    def __init__(self) -> None:
        self.entries: dict[str, DirectoryEntry] = {}
        self.next: str | None = None
        self.vague: set[str] = set()

    @property
    def complete(self) -> bool:
        return self.next is None

    def __iter__(self) -> Iterator[DirectoryEntry]:
        """The latest active first."""
        return iter(sorted(self.entries.values(), key=lambda entry: entry.active_at_ms, reverse=True))

    def __getitem__(self, conversation: str) -> DirectoryEntry:
        return self.entries[conversation]

    def get(self, conversation: str) -> DirectoryEntry | None:
        return self.entries.get(conversation)

    def add(self, entries: tuple[DirectoryEntry, ...]) -> None:
        for entry in entries:
            known = self.entries.get(entry.conversation)
            if known is None or known.head_seq <= entry.head_seq:
                self.entries[entry.conversation] = entry
            elif entry.conversation in self.vague:  # events came since: only what they did not tell is of the page
                self.entries[entry.conversation] = _named(known, entry)
            self.vague.discard(entry.conversation)

    def apply(self, happening: Happening, user: str) -> None:
        match happening:
            case Connected(welcome=welcome):
                self.entries = {entry.conversation: entry for entry in welcome.directory}
                self.next = welcome.next
                self.vague.clear()
            case TimelineEvent(conversation=conversation, event=event):
                self._apply_event(conversation, event, user)
            case ReceiptSeen(conversation=conversation) if happening.user == user and conversation in self.entries:
                self.entries[conversation] = _marked(self.entries[conversation], happening)
            case Unreadable(conversation=conversation):
                self._forget(conversation)
            case _:
                pass

    def _apply_event(self, conversation: str, event: EventItem, user: str) -> None:
        if event.kind == "conversation_created":
            self.entries.setdefault(conversation, _created(conversation, event, user))
        if event.kind == "member_added" and event.member == user and conversation not in self.entries:
            self.entries[conversation] = _joined(conversation, event)
            self.vague.add(conversation)
        entry = self.entries.get(conversation)
        if entry is None or event.seq <= entry.head_seq:
            return
        sent_away = event.kind in ("member_removed", "member_banned") and event.member == user
        gone = (event.kind == "member_left" and event.user == user) or sent_away
        if gone:
            self._forget(conversation)
        else:
            self.entries[conversation] = _moved(entry, event, user)

    def _forget(self, conversation: str) -> None:
        self.entries.pop(conversation, None)
        self.vague.discard(conversation)


def _created(conversation: str, event: EventItem, user: str) -> DirectoryEntry:
    others = [member.user for member in event.members if member.user != user] + ([event.user] if event.user != user else [])
    return DirectoryEntry(
        conversation=conversation,
        conversation_kind=event.conversation_kind or "group",
        title=event.title or "",
        role="owner" if event.user == user and event.conversation_kind != "direct" else "member",
        head_seq=event.seq,
        head_ordinal=event.ordinal,
        active_at_ms=event.at_ms,
        read_seq=event.seq,
        unread=0,
        peer=others[0] if event.conversation_kind == "direct" and others else None,
    )


def _named(known: DirectoryEntry, page: DirectoryEntry) -> DirectoryEntry:
    last = known.last or page.last
    return replace(known, conversation_kind=page.conversation_kind, title=page.title, peer=page.peer, last=last)


def _joined(conversation: str, event: EventItem) -> DirectoryEntry:
    """Who joins has read what was there before."""
    return DirectoryEntry(
        conversation=conversation,
        conversation_kind="group",
        title="",
        role=event.role or "member",
        head_seq=event.seq,
        head_ordinal=event.ordinal,
        active_at_ms=event.at_ms,
        read_seq=event.seq,
        unread=0,
    )


def _marked(entry: DirectoryEntry, mark: ReceiptSeen) -> DirectoryEntry:
    """What a device of the own user said of it."""
    if mark.state == "unread":
        return replace(entry, marked_unread=mark.up_to_seq > 0)
    if mark.state != "read" or mark.up_to_seq <= entry.read_seq:
        return entry
    return replace(entry, read_seq=mark.up_to_seq, unread=max(0, entry.head_ordinal - mark.up_to_ordinal))


def _moved(entry: DirectoryEntry, event: EventItem, user: str) -> DirectoryEntry:
    entry = replace(entry, head_seq=event.seq, head_ordinal=event.ordinal, active_at_ms=event.at_ms)
    match event.kind:
        case "message_sent":
            last = MessageItem(
                seq=event.seq, ordinal=event.ordinal, at_ms=event.at_ms, user=event.user, id=event.id, content=event.content,
                reply_to=event.reply_to, mentions=event.mentions, announcement=event.announcement,
            )  # fmt: skip
            if event.user == user:  # who writes has read: the server counts so too
                return replace(entry, last=last, unread=0, read_seq=event.seq)
            return replace(entry, last=last, unread=entry.unread + 1)
        case "read_marked" if event.user == user and event.up_to_seq is not None and event.up_to_seq > entry.read_seq:
            unread = max(0, event.ordinal - (event.up_to_ordinal or 0))
            return replace(entry, read_seq=event.up_to_seq, unread=unread)
        case "conversation_renamed":
            return replace(entry, title=event.title or "")
        case "role_dropped" if event.role == entry.role:
            return replace(entry, role="member")
        case "role_changed" if event.member == user and event.role is not None:
            return replace(entry, role=event.role)
        case _:
            return entry
