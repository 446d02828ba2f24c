"""A device comes back after 1,000 messages: how long from its hello (and from connecting) until it holds all of them."""

import asyncio

from bench.bench import Bench, Run
from bench.device import Device, clock_s, open_device
from bench.fleet import Fleet, User, create, hello_of, make_users, now_ms
from bench.frames import Events, Failure, FromEdge, Page
from bench.pacing import drained, open_loop
from bench.report import Figure
from bench.stats import summary
from bench.tally import Tally
from edge import frames

SEND_RATE_PER_S = 500
HOLD_TIMEOUT_S = 30.0


async def run(bench: Bench) -> Run:
    users = await make_users(bench.site.edge, f"{bench.prefix}-missed", 2)
    conversation, first_missed = await _miss(bench, users)
    hold_ms: list[float] = []
    connect_ms: list[float] = []
    pages: list[int] = []
    for number in range(bench.options.missed_tries + 1):
        begun_s = clock_s()
        catching = await _return(bench, users[1], conversation, first_missed)
        if number == 0:
            continue  # the first one pays for what the server had not touched yet
        hold_ms.append((catching.held_s - catching.hello_s) * 1000)
        connect_ms.append((catching.held_s - begun_s) * 1000)
        pages.append(catching.pages)
    held, connected = summary(hold_ms), summary(connect_ms)
    figures = [
        Figure("missed: held", "ms", held.p50),
        Figure("missed: held, slowest of the tries", "ms", held.max),
        Figure("missed: held, connecting included", "ms", connected.p50),
        Figure("missed: pages", "pages", max(pages)),
    ]
    return Run(figures, {"tries": len(hold_ms), "hold_ms": hold_ms, "with_connect_ms": connect_ms})


async def _miss(bench: Bench, users: list[User]) -> tuple[str, int]:
    """The conversation, and the first seq that the second user has not seen; everything is projected."""
    fleet = Fleet(bench.site.edge, bench.codec)
    await fleet.open(users[:1])
    try:
        sender = fleet.devices[0]
        command = frames.CreateConversation(
            id=bench.ids.make(now_ms()), conversation="", conversation_kind="direct", members=(frames.FrameMember(users[1].user),)
        )
        conversation = await create(sender, command)
        tally = Tally(bench.ids.next_number, deliveries_per_message=0)
        fleet.listen(tally)
        seconds = bench.options.missed_messages / SEND_RATE_PER_S
        await open_loop(tally, lambda _: sender.send(bench.message(conversation)), SEND_RATE_PER_S, seconds)
        await drained(tally, 30)
        await bench.site.settle()
        return conversation, 2  # the creation is seq 1
    finally:
        await fleet.close()


class CatchUp:
    """Holds what the pages bring and asks for the next one, as a client does."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.next_seq = 2
        self.count = self.pages = 0
        self.hello_s = self.held_s = 0.0
        self.problem = ""

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if isinstance(frame, Page | Events):
            for item in frame.events:
                if item.seq != self.next_seq:
                    self.problem = f"seq {item.seq} where {self.next_seq} was due"
                self.next_seq = item.seq + 1
            self.count += len(frame.events)
            if isinstance(frame, Page):
                self.pages += 1
                if frame.more:
                    device.send(frames.Sync(request="", conversation=frame.conversation, from_seq=frame.next_seq, limit=self.wanted))
            if self.count >= self.wanted:
                self.held_s = clock_s()
                device.close()
        elif isinstance(frame, Failure):
            self.problem = f"{frame.code}: {frame.detail}"
            device.close()

    def on_lost(self, device: Device) -> None: ...


async def _return(bench: Bench, user: User, conversation: str, from_seq: int) -> CatchUp:
    catching = CatchUp(bench.options.missed_messages)
    hello = hello_of(user, {conversation: from_seq}, device="back")
    device = await open_device(bench.site.edge.address, bench.codec, hello, catching)
    catching.hello_s = device.hello_s
    async with asyncio.timeout(HOLD_TIMEOUT_S):
        await device.gone
    if catching.problem or not catching.held_s:
        raise RuntimeError(f"the missed messages did not come: {catching.problem or catching.count}")
    return catching
