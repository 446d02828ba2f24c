"""One user's view in `warbler chat`: which conversation is open, what a line asks for, how an event is shown."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rich.markup import escape
from rich.table import Table
from warbler import (
    Client,
    ClientError,
    Connected,
    DeviceContent,
    DirectoryEntry,
    Disconnected,
    EventItem,
    Happening,
    Login,
    PresenceEntry,
    PresenceSeen,
    ReceiptSeen,
    RequestFailed,
    Rest,
    Signalled,
    TimelineEvent,
    TypingSeen,
    Unreadable,
)

from ops.chat_screen import Screen

HISTORY_SHOWN = 15
SETTLE_WITHIN_S = 5.0
PEERS_WATCHED = 50
TICKS = {"delivered": "✓✓", "read": "✓✓", "played": "▷"}
HELP = """/list                      conversations, the latest first, with what is unread
/open N|TITLE              open one: its last messages, then everything live
/new TITLE [NAME ...]      a new group with these users
/direct NAME               talk to one user
/add NAME                  let a user into the open group
/members                   who is in the open conversation
/away [STATUS]   /back     whether you are here, and a word on it
/more                      earlier messages
/edit SEQ TEXT   /recall SEQ   /react SEQ EMOJI
/help   /quit              anything else is sent to the open conversation"""


@dataclass(slots=True)
class Talk:
    """One user's view: which conversation is open, who is who."""

    client: Client
    rest: Rest
    screen: Screen
    login: Login
    open: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    before_seq: int | None = None
    showing: bool = False
    present: dict[str, PresenceEntry] = field(default_factory=dict)  # of the peers of direct conversations
    ticked: dict[tuple[str, str], int] = field(default_factory=dict)  # conversation, state -> what was said of it
    watching: asyncio.Future[tuple[PresenceEntry, ...]] | None = None
    own_seq: dict[str, int] = field(default_factory=dict)  # conversation -> the last message of this user

    # ---- input

    async def take(self, line: str) -> bool:
        """Does what a line asks for; False when it is time to go."""
        line = line.strip()
        if line in ("/quit", "/q"):
            return False
        try:
            if line.startswith("/"):
                await self._command(line)
            elif line and self.open is None:
                self.screen.say("[yellow]no conversation is open: /list, /open N, /direct NAME or /new TITLE[/yellow]")
            elif line and self.open is not None:
                await self.client.send(self.open, line)
        except ClientError as failed:
            self.screen.say(f"[red]{escape(str(failed))}[/red]")
        return True

    async def _command(self, line: str) -> None:
        try:
            word, *arguments = shlex.split(line[1:])
        except ValueError as error:
            self.screen.say(f"[red]{error}[/red]")
            return
        commands: dict[str, tuple[int, Callable[..., Awaitable[object]]]] = {
            "list": (0, self.show_list),
            "open": (1, self.open_one),
            "new": (1, self.new_group),
            "direct": (1, self.direct),
            "add": (1, self.add),
            "members": (0, self.members),
            "more": (0, self.more),
            "edit": (2, self.edit),
            "recall": (1, self.recall),
            "react": (2, self.react),
            "away": (0, self.away),
            "back": (0, self.back),
        }
        least, command = commands.get(word, (0, None))
        if command is None or len(arguments) < least:
            self.screen.say(HELP)
            return
        try:
            await command(*arguments)
        except (TypeError, ValueError):  # too many arguments, or a seq that is no number
            self.screen.say(HELP)

    async def show_list(self) -> None:
        entries = list(self.client.directory)
        await self.learn([entry.peer for entry in entries if entry.peer])
        self.listed = [entry.conversation for entry in entries]
        if not entries:
            self.screen.say("no conversations yet: /direct NAME or /new TITLE NAME ...")
            return
        table = Table("#", "conversation", "unread", "last message", box=None, header_style="dim")
        for number, entry in enumerate(entries, 1):
            content = entry.last.content if entry.last is not None else None
            last = (content.text or content.media_type) if content is not None else ""
            table.add_row(str(number), escape(self.title(entry)), str(entry.unread or ""), escape(last[:60]))
        self.screen.table(table)

    async def open_one(self, *which: str) -> None:
        wanted = " ".join(which)
        if wanted.isdigit() and 1 <= int(wanted) <= len(self.listed):
            conversation = self.listed[int(wanted) - 1]
        else:
            found = [entry.conversation for entry in self.client.directory if wanted in (self.title(entry), entry.conversation)]
            if not found:
                self.screen.say(f"[yellow]there is no conversation {escape(wanted)!r}; /list shows them[/yellow]")
                return
            conversation = found[0]
        await self._enter(conversation)

    async def new_group(self, title: str, *names: str) -> None:
        members = [(await self.rest.user_by_name(name)).user for name in names]
        await self._enter(await self.client.create_group(title, members))

    async def direct(self, name: str) -> None:
        user = (await self.rest.user_by_name(name)).user
        self.names[user] = name
        entry = next((entry for entry in self.client.directory if entry.peer == user), None)
        await self._enter(entry.conversation if entry is not None else await self.client.create_direct(user))

    async def add(self, name: str) -> None:
        await self.client.add_member(self._opened(), (await self.rest.user_by_name(name)).user)

    async def members(self) -> None:
        users = [member.user for member in (await self.rest.members(self._opened())).members]
        await self.learn(users)
        self.screen.say("members: " + escape(", ".join(sorted(self.name(user) for user in users))))

    async def edit(self, seq: str, *words: str) -> None:
        await self.client.edit(self._opened(), int(seq), " ".join(words))

    async def recall(self, seq: str) -> None:
        await self.client.recall(self._opened(), int(seq))

    async def react(self, seq: str, reaction: str) -> None:
        await self.client.react(self._opened(), int(seq), reaction)

    async def away(self, *words: str) -> None:
        self.client.set_presence(True, " ".join(words))

    async def back(self) -> None:
        self.client.set_presence(False, "")

    async def more(self) -> None:
        page = await self.client.history(self._opened(), self.before_seq, HISTORY_SHOWN)
        self.before_seq = page.before_seq or 1
        await self.learn([message.user for message in page.messages])
        for message in page.messages:
            reactions = "".join(f"  {reaction} {len(users)}" for reaction, users in message.reactions.items())
            text = "[dim]recalled[/dim]" if message.recalled else text_of(message.content)
            edited = " [dim](edited)[/dim]" if message.edited_at_ms else ""
            self.screen.say(self._row(message.seq, message.at_ms, message.user, text + edited + escape(reactions)))

    def _opened(self) -> str:
        if self.open is None:
            raise RequestFailed("nothing_open", "open a conversation first: /open N", False)
        return self.open

    async def _enter(self, conversation: str) -> None:
        self.open, self.before_seq = conversation, None
        entry = self.client.directory.get(conversation)
        self.screen.say(f"[bold]{escape(self.title(entry) if entry else conversation)}[/bold]")
        await self.more()
        if entry is not None and entry.unread:
            await self.client.mark_read(conversation, entry.head_seq, entry.head_ordinal)

    # ---- what happens

    async def watch(self) -> None:
        async for happening in self.client.events():
            self.showing = True
            try:
                await self._show(happening)
            except ClientError as failed:
                self.screen.say(f"[red]{escape(str(failed))}[/red]")
            self.showing = False

    async def settle(self) -> None:
        """Returns when everything that has arrived is shown, or after a while."""
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while (self.showing or self.client.waiting) and time.monotonic() < deadline:  # noqa: ASYNC110  once, at the end
            await asyncio.sleep(0.01)

    async def _show(self, happening: Happening) -> None:
        match happening:
            case TimelineEvent(conversation, event, own):
                await self._show_event(conversation, event, own)
            case TypingSeen(conversation, user, True) if conversation == self.open:
                await self.learn([user])
                self.screen.say(f"[dim]{escape(self.name(user))} is typing[/dim]")
            case PresenceSeen(users):
                await self._show_presence(users)
            case ReceiptSeen() if happening.conversation == self.open:
                self._show_tick(happening)
            case Signalled(conversation, user, _, content) if conversation == self.open:
                await self.learn([user])
                self.screen.say(f"[dim]in passing,[/dim] [bold]{escape(self.name(user))}[/bold] {text_of(content)}")
            case Disconnected(_, reason, retry_in_ms) if retry_in_ms:  # moving to another node takes no time
                self.screen.say(f"[yellow]connection lost ({escape(reason)}); again in {retry_in_ms / 1000:.1f} s[/yellow]")
            case Connected(welcome):
                if self.names:
                    self.screen.say(f"[green]connected to {escape(welcome.node)}[/green]")
                self._watch_peers()
            case Unreadable(conversation, code, _):
                self.screen.say(f"[yellow]{conversation} cannot be read any more ({code})[/yellow]")
            case _:
                pass

    def _watch_peers(self) -> None:
        """Whom one talks with directly; the latest PEERS_WATCHED of them. The answer comes as `PresenceSeen`, and is not waited for."""
        peers = [entry.peer for entry in self.client.directory if entry.peer][:PEERS_WATCHED]
        if not peers:
            return
        self.watching = asyncio.ensure_future(self.client.watch_presence(peers))
        # refused or replaced: then there is no presence to show, and nothing to be said of it
        self.watching.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _show_presence(self, users: tuple[PresenceEntry, ...]) -> None:
        for entry in users:
            before = self.present.get(entry.user)
            self.present[entry.user] = entry
            if before is not None and before.state != entry.state:
                await self.learn([entry.user])
                said = f" ({escape(entry.status)})" if entry.status else ""
                self.screen.say(f"[dim]{escape(self.name(entry.user))} is {entry.state}{said}[/dim]")

    def _show_tick(self, receipt: ReceiptSeen) -> None:
        """Of a direct conversation, once a message: that it got there, that it was read."""
        entry = self.client.directory.get(receipt.conversation)
        own_seq = self.own_seq.get(receipt.conversation, 0)
        place = (receipt.conversation, receipt.state)
        if entry is None or entry.peer != receipt.user or not 0 < own_seq <= receipt.up_to_seq or self.ticked.get(place) == own_seq:
            return
        if receipt.state in TICKS:
            self.ticked[place] = own_seq
            self.screen.say(f"[dim]{own_seq:>4} {TICKS[receipt.state]} {receipt.state}[/dim]")

    async def _show_event(self, conversation: str, event: EventItem, own: bool) -> None:
        entry = self.client.directory.get(conversation)
        if entry is None and event.member == self.login.user:
            self.client.directory.add((await self.client.directory_page()).directory)
            entry = self.client.directory.get(conversation)
        await self.learn([user for user in (event.user, event.member) if user])
        if event.kind == "message_sent" and event.user == self.login.user:
            self.own_seq[conversation] = event.seq
        if event.kind == "conversation_created" and event.conversation_kind == "direct":
            self._watch_peers()
        if conversation == self.open:
            self.screen.say(self._row(event.seq, event.at_ms, event.user, self._words(event)))
            if (event.kind == "message_sent" and not own) or event.missed_by:  # a missed call counts for everybody
                await self.client.mark_read(conversation, event.seq, event.ordinal)
        elif event.kind == "message_sent" and not own:
            title = self.title(entry) if entry is not None else conversation
            self.screen.say(f"[dim]{escape(title)}:[/dim] {escape(self.name(event.user))}: {text_of(event.content)}")
        elif event.kind in ("conversation_created", "member_added") and not own and entry is not None:
            self.screen.say(f"[dim]you are in {escape(self.title(entry))} now; /list, /open[/dim]")

    def _words(self, event: EventItem) -> str:
        match event.kind:
            case "message_sent":
                return text_of(event.content)
            case "message_edited":
                return f"[dim]changed {event.target_seq} to[/dim] {text_of(event.content)}"
            case "message_recalled":
                return f"[dim]took back {event.target_seq}[/dim]"
            case "reaction_added" | "reaction_removed":
                return f"[dim]{'un-' if event.kind == 'reaction_removed' else ''}reacted to {event.target_seq}:[/dim] {event.reaction}"
            case "read_marked":
                return f"[dim]has read up to {event.up_to_seq}[/dim]"
            case "call_noted":
                return f"[dim]{event.media} call, {event.outcome}[/dim]"
            case "conversation_renamed":
                return f"[dim]named it[/dim] {escape(event.title or '')}"
            case _:
                return f"[dim]{event.kind.replace('_', ' ')} {escape(self.name(event.member) if event.member else '')}[/dim]"

    # ---- names

    async def learn(self, users: list[str]) -> None:
        unknown = sorted({user for user in users if user not in self.names})
        if unknown:
            self.names |= await self.rest.users(unknown)

    def name(self, user: str) -> str:
        return self.names.get(user, user)

    def title(self, entry: DirectoryEntry) -> str:
        return entry.title or (self.name(entry.peer) if entry.peer else entry.conversation)

    def _row(self, seq: int, at_ms: int, user: str, words: str) -> str:
        at = time.strftime("%H:%M", time.localtime(at_ms / 1000))
        return f"[dim]{seq:>4} {at}[/dim] [bold]{escape(self.name(user))}[/bold] {words}"


def text_of(content: DeviceContent | None) -> str:
    if content is None:
        return ""
    return escape(content.text if content.text is not None else f"<{content.media_type}>")
