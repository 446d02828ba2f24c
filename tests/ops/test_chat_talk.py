"""What `warbler chat` says of presence, receipts and messages in passing: a line when something changes, and not more."""

import asyncio
from typing import Any, cast

from warbler import (
    Client,
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
    Rest,
    Signalled,
    TimelineEvent,
    Tokens,
)
from warbler.directory import Directory
from warbler.frames import Limits, Welcome

from ops.chat_screen import Screen
from ops.chat_talk import Talk

PEER = DirectoryEntry(
    conversation="d-1", conversation_kind="direct", title="", role="member", head_seq=1, head_ordinal=0, active_at_ms=0, read_seq=0,
    unread=0, peer="u-ben",
)  # fmt: skip
WELCOME = Welcome("s", "edge-1", "u-ana", "e", False, 0, 25_000, Limits(1, 1, 1, 1, 1, 1, 1), (PEER,))


class Lines(Screen):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


class Names:
    access_token = ""

    async def users(self, ids: list[str]) -> dict[str, str]:
        return {"u-ben": "Ben", "u-ana": "Ana"}


class Peered:
    """A client whose answers the test gives as happenings."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.watched: list[Any] = []

    async def watch_presence(self, users: list[str]) -> tuple[PresenceEntry, ...]:
        self.watched.append(users)
        return ()


def shown(*happenings: Happening, opened: str | None = "d-1") -> tuple[list[str], list[Any]]:
    async def work() -> tuple[list[str], list[Any]]:
        screen, client, rest = Lines(), Peered(), cast(Rest, Names())
        login = Login(rest, Tokens("u-ana", "Ana", "t", 0, "r"))
        talk = Talk(cast(Client, client), rest, screen, login, open=opened)
        for happening in happenings:
            client.directory.apply(happening, "u-ana")
            await talk._show(happening)
        await asyncio.sleep(0)
        return screen.said, client.watched

    return asyncio.run(work())


def presence(state: Any, status: str = "") -> PresenceSeen:
    return PresenceSeen((PresenceEntry("u-ben", state, status),))


def test_a_line_says_when_a_peer_comes_and_goes_but_not_how_it_was_at_first() -> None:
    lines, watched = shown(Connected(WELCOME), presence("offline"), presence("online"), presence("online", "tea"), presence("away", "tea"))
    assert watched == [["u-ben"]]
    assert [line for line in lines if "Ben" in line] == ["[dim]Ben is online[/dim]", "[dim]Ben is away (tea)[/dim]"]


def test_a_tick_is_said_once_for_the_last_own_message() -> None:
    own = EventItem(kind="message_sent", seq=5, ordinal=1, at_ms=0, user="u-ana", device="d", id="i", content=DeviceContent(text="hello"))
    receipts = [ReceiptSeen("d-1", user, "delivered", seq) for user, seq in (("u-ben", 4), ("u-ana", 5), ("u-ben", 5), ("u-ben", 6))]
    lines, _ = shown(Connected(WELCOME), TimelineEvent("d-1", own, True), *receipts)
    assert [line for line in lines if "delivered" in line] == ["[dim]   5 ✓✓ delivered[/dim]"]


def test_a_message_in_passing_is_shown_where_it_is_open_and_a_move_says_nothing() -> None:
    passing = Signalled("d-1", "u-ben", "i", DeviceContent(text="psst"), 0)
    assert "psst" in shown(passing)[0][0]
    assert shown(passing, opened="other")[0] == []
    assert shown(Disconnected(1006, "moving to another node", 0))[0] == []
    assert len(shown(Disconnected(1006, "lost", 900))[0]) == 1
