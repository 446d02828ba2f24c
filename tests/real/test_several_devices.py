"""Three devices of one user on two edges, one of them away for a while: in the end all hold the same events, each once and in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import pytest
from warbler import Client, TimelineEvent
from warbler.frames import EventItem

from tests.real.running import Running
from tests.real.talking import User, minted

pytestmark = pytest.mark.real

ROUNDS = 40
PATIENCE_S = 90.0


class Held:
    """What a device was given, over all its sessions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: dict[str, list[EventItem]] = {}
        self.positions: Mapping[str, int] = {}
        self.epoch: str | None = None

    def client(self, address: str, user: User) -> Client:
        return Client(address, token=user.token, device=self.name, positions=dict(self.positions), epoch=self.epoch)

    async def listen(self, client: Client, until: Mapping[str, int]) -> None:
        """Takes events until it holds each conversation up to this seq."""
        async with asyncio.timeout(PATIENCE_S):
            while any(self.next_seq(conversation) <= seq for conversation, seq in until.items()):
                happening = await anext(client.events())
                if isinstance(happening, TimelineEvent):
                    self.events.setdefault(happening.conversation, []).append(happening.event)
        self.positions, self.epoch = client.positions(), client.epoch

    def next_seq(self, conversation: str) -> int:
        events = self.events.get(conversation)
        return events[-1].seq + 1 if events else 1


async def talk(sender: Client, others: Sequence[Client], groups: Sequence[str]) -> dict[str, int]:
    """Everybody says, changes and reads something in turn; the newest seq of each group."""
    heads: dict[str, int] = {}
    for number in range(ROUNDS):
        group = groups[number % len(groups)]
        ack = await sender.send_nowait(group, f"from another {number}")
        own = await others[number % len(others)].send(group, f"from one of mine {number}")
        await others[(number + 1) % len(others)].edit(group, own, f"changed by my other device {number}")
        reacted = await sender.react(group, own, "+1")
        marked = await others[number % len(others)].mark_read(group, reacted, ack.ordinal + 1)
        heads[group] = max(reacted, marked)
    return heads


def test_three_devices_of_a_user_on_two_edges_end_with_the_same_events(warbler: Running) -> None:
    async def body() -> None:
        first, second = warbler.addresses()
        ana, ben = minted(warbler, 2)
        phone, laptop, tablet = Held("phone"), Held("laptop"), Held("tablet")
        async with contextlib.AsyncExitStack() as opened:
            sender = await opened.enter_async_context(Client(first, token=ana.token, device="desk"))
            on_phone = await opened.enter_async_context(phone.client(first, ben))
            on_laptop = await opened.enter_async_context(laptop.client(second, ben))
            groups = [await sender.create_group(title, [ben.user]) for title in ("tea", "coffee")]
            tablet.positions = dict.fromkeys(groups, 1)  # it comes after the groups were made, and wants them from the first event on
            async with tablet.client(second, ben) as on_tablet:
                heads = await talk(sender, (on_phone, on_laptop, on_tablet), groups)
                await asyncio.gather(phone.listen(on_phone, heads), laptop.listen(on_laptop, heads), tablet.listen(on_tablet, heads))
            heads = await talk(sender, (on_phone, on_laptop), groups)  # the tablet is away
            async with tablet.client(first, ben) as on_tablet:  # and comes back elsewhere, while the others go on
                talking = asyncio.create_task(talk(sender, (on_laptop, on_phone), groups))
                await tablet.listen(on_tablet, heads)
                heads = await talking
                await asyncio.gather(phone.listen(on_phone, heads), laptop.listen(on_laptop, heads), tablet.listen(on_tablet, heads))
        for group in groups:
            assert [event.seq for event in phone.events[group]] == list(range(1, heads[group] + 1))
            assert phone.events[group] == laptop.events[group] == tablet.events[group]

    asyncio.run(body())
