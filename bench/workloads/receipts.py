"""Receipts in a group of thousands: what a mark costs, how soon the counts are right, how long a walk through all members takes."""

import asyncio

from bench.bench import Bench, Run
from bench.device import Device, clock_s, open_device
from bench.fleet import Fleet, User, create, hello_of, make_users, now_ms
from bench.frames import Ack, Events, FromEdge, ReceiptCounts, ReceiptsPage, Reject
from bench.machine import cpu_us_each
from bench.pacing import until
from bench.report import Figure
from bench.stats import summary
from edge import frames

FIRST_MEMBERS = 500
ADDS_AT_ONCE = 200
COUNTED_TIMEOUT_S = 60.0
PAGE_MEMBERS = 100
REST_S = 2.0


class Asking:
    """A listener for one device that waits for answers: acks of its commands, pages, counts."""

    def __init__(self) -> None:
        self.acks: dict[str, int] = {}
        self.refused: list[str] = []
        self.counts: ReceiptCounts | None = None
        self.pages: asyncio.Queue[ReceiptsPage] = asyncio.Queue()

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        match frame:
            case Ack():
                self.acks[frame.id] = frame.seq
            case Reject():
                self.refused.append(f"{frame.code}: {frame.detail}")
            case ReceiptCounts():
                self.counts = frame
            case ReceiptsPage():
                self.pages.put_nowait(frame)
            case _:
                pass

    def on_lost(self, device: Device) -> None: ...


class Reader:
    """A member: marks as delivered and read what it gets, at once."""

    def __init__(self, bench: Bench, conversation: str) -> None:
        self._bench, self._conversation = bench, conversation
        self.ordinals: dict[str, int] = {}  # of the messages of this run, by their id
        self.marked = 0

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if not isinstance(frame, Events) or frame.events[-1].id not in self.ordinals:
            return
        last = frame.events[-1]
        device.send(frames.Mark(self._conversation, "delivered", last.seq))
        device.send(
            frames.MarkRead(
                id=self._bench.ids.make(now_ms()),
                conversation=self._conversation,
                up_to_seq=last.seq,
                up_to_ordinal=self.ordinals[last.id],
            )
        )
        self.marked += 1

    def on_lost(self, device: Device) -> None: ...


async def run(bench: Bench) -> Run:
    options = bench.options
    users = await make_users(bench.site.edge, f"{bench.prefix}-receipts-{bench.ids.next_number}", options.receipts_members)
    asking = Asking()
    sender = await open_device(bench.site.edge.address, bench.codec, hello_of(users[0]), asking)
    fleet = Fleet(bench.site.edge, bench.codec)
    try:
        conversation = await _group(bench, sender, asking, users)
        await bench.site.settle()
        readers = Reader(bench, conversation)
        await fleet.open(users[1 : 1 + options.receipts_online], readers)
        figures, details, seq = await _messages(bench, sender, asking, readers, conversation, len(fleet.devices))
        await bench.site.settle()
        figures += await _walk(sender, asking, conversation, seq)
    finally:
        sender.close()
        await fleet.close()
    return Run(figures, {**details, "members": len(users), "online": options.receipts_online, "refused": asking.refused[:5]})


async def _group(bench: Bench, sender: Device, asking: Asking, users: list[User]) -> str:
    first = tuple(frames.FrameMember(user.user) for user in users[1:FIRST_MEMBERS])
    command = frames.CreateConversation(
        id=bench.ids.make(now_ms()), conversation="", conversation_kind="group", title="bench", members=first
    )
    conversation = await create(sender, command)
    for low in range(FIRST_MEMBERS, len(users), ADDS_AT_ONCE):
        adds = [
            frames.AddMember(id=bench.ids.make(now_ms()), conversation=conversation, member=user.user)
            for user in users[low : low + ADDS_AT_ONCE]
        ]
        for add in adds:
            sender.send(add)
        if not await until(lambda adds=adds: all(add.id in asking.acks for add in adds), COUNTED_TIMEOUT_S):  # type: ignore[misc]
            raise RuntimeError(f"members were not added: {asking.refused[:3]}")
    return conversation


async def _messages(
    bench: Bench, sender: Device, asking: Asking, readers: Reader, conversation: str, online: int
) -> tuple[list[Figure], dict[str, object], int]:
    counted_s: list[float] = []
    receipts_before, before = await _receipts(bench), bench.site.usage()
    seq = 0
    for ordinal in range(1, bench.options.receipts_messages + 1):
        message = bench.message(conversation)
        readers.ordinals[message.id] = ordinal
        begun_s = clock_s()
        sender.send(message)
        await until(lambda message=message: message.id in asking.acks, COUNTED_TIMEOUT_S)  # type: ignore[misc]
        seq = asking.acks[message.id]
        sender.send(frames.WatchReceipts(conversation=conversation, seq=seq))
        await until(lambda seq=seq: _counted(asking.counts, seq, online), COUNTED_TIMEOUT_S)  # type: ignore[misc]
        counted_s.append(clock_s() - begun_s)
    await asyncio.sleep(REST_S)
    after, records = bench.site.usage(), await _receipts(bench) - receipts_before
    marks = 2 * readers.marked
    cpu = cpu_us_each(before, after, max(1, marks))
    complete = asking.counts is not None and _counted(asking.counts, seq, online)
    figures = [
        Figure("receipts: members", "users", bench.options.receipts_members),
        Figure("receipts: marks (delivered and read)", "marks", marks),
        Figure("receipts: cpu of all parts a mark, message and delivery with it", "us", cpu["parts"]),
        Figure("receipts: records in the log a mark", "records", records / max(1, marks)),
        Figure("receipts: sent until all online are counted, median", "s", summary(counted_s).p50),
        Figure("receipts: sent until all online are counted, max", "s", summary(counted_s).max),
        Figure(
            "receipts: read marks not counted in the end", "marks", 0 if complete else online - (asking.counts.read if asking.counts else 0)
        ),
    ]
    return figures, {"cpu_us": cpu, "counted_s": counted_s}, seq


def _counted(counts: ReceiptCounts | None, seq: int, online: int) -> bool:
    return counts is not None and counts.seq == seq and counts.read >= online and counts.delivered >= online


async def _receipts(bench: Bench) -> int:
    return sum([await bench.site.log.end_offset("receipts", partition) for partition in range(bench.site.clusters.partitions)])


async def _walk(sender: Device, asking: Asking, conversation: str, seq: int) -> list[Figure]:
    """Every page of who has not read the last message."""
    after: str | None = None
    users: set[str] = set()
    pages_ms: list[float] = []
    begun_s = clock_s()
    while True:
        asked_s = clock_s()
        sender.send(
            frames.Receipts(request="r", conversation=conversation, seq=seq, state="read", has=False, after=after, limit=PAGE_MEMBERS)
        )
        async with asyncio.timeout(COUNTED_TIMEOUT_S):
            page = await asking.pages.get()
        pages_ms.append((clock_s() - asked_s) * 1000)
        users.update(entry.user for entry in page.entries)
        after = page.next
        if after is None:
            break
    return [
        Figure("receipts: who has not read, all pages", "s", clock_s() - begun_s),
        Figure("receipts: who has not read, users", "users", len(users)),
        Figure("receipts: a page, p50", "ms", summary(pages_ms).p50),
        Figure("receipts: a page, max", "ms", summary(pages_ms).max),
    ]
