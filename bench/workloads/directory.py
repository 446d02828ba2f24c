"""A user with very many conversations comes: how long until its welcome, how large it is, and how long another session waits meanwhile.

Beside it the same for a user with few. The rows are written straight into Cassandra, as the projector would: a million messages sent one by
one would measure something else. Unread is what the directory says, so it is counted over all its pages.
"""

import asyncio
import dataclasses
from collections.abc import Sequence

import msgspec

from bench.bench import Bench, Run
from bench.device import Device, Once, clock_s, open_device
from bench.fleet import User, hello_of, make_users, now_ms
from bench.frames import DirectoryPage, FromEdge, Pong
from bench.report import Figure
from bench.stats import summary
from edge import frames
from schemas import events
from schemas.codec import encode
from schemas.values import Content
from store import cql

UNREAD_EACH = 100
FEW = 20
PING_EVERY_S = 0.001
ANSWER_TIMEOUT_S = 30.0
ROWS_AT_ONCE = 2_000
PUT_PLACE = (
    "INSERT INTO members (conversation, user, conversation_kind, title, head_seq, head_ordinal, active_at_ms, last, role, joined_seq,"
    " active, changed_seq, read_seq, read_ordinal) VALUES (?, ?, 'group', ?, ?, ?, ?, ?, 'member', 1, true, 1, 1, 0) USING TIMESTAMP 1"
)


async def run(bench: Bench) -> Run:
    counts = (bench.options.directory_conversations, FEW)
    users = await make_users(bench.site.edge, f"{bench.prefix}-directory", 3)
    for user, count in zip(users, counts, strict=False):
        await _fill(bench, user, count)
    watcher = await open_device(bench.site.edge.address, bench.codec, hello_of(users[2]), Waits())
    comings: dict[int, list[Coming]] = {count: [] for count in counts}
    try:
        for _ in range(bench.options.directory_tries + 1):
            for user, count in zip(users, counts, strict=False):
                comings[count].append(await _come(bench, user, watcher))
    finally:
        watcher.close()
    figures = [figure for count in counts for figure in _figures(count, comings[count][1:])]  # the first warms what nobody has touched yet
    return Run(figures, {str(count): [dataclasses.asdict(each) for each in found] for count, found in comings.items()})


@dataclasses.dataclass(frozen=True, slots=True)
class Coming:
    """`longest_ping_ms`: of another session while the welcome was made. `whole_ms`: until every page of the directory was there."""

    welcome_ms: float
    welcome_bytes: int
    longest_ping_ms: float
    whole_ms: float
    conversations: int
    unread: int


def _figures(count: int, found: Sequence[Coming]) -> list[Figure]:
    welcome = summary([each.welcome_ms for each in found])
    name = f"directory of {count}"
    return [
        Figure(f"{name}: conversations", "", min(each.conversations for each in found)),
        Figure(f"{name}: unread", "messages", min(each.unread for each in found)),
        Figure(f"{name}: welcome", "ms", welcome.p50),
        Figure(f"{name}: welcome, slowest", "ms", welcome.max),
        Figure(f"{name}: size of the welcome", "KiB", max(each.welcome_bytes for each in found) / 1024),
        Figure(f"{name}: another session's longest ping", "ms", summary([each.longest_ping_ms for each in found]).p50),
        Figure(f"{name}: another session's longest ping, worst", "ms", max(each.longest_ping_ms for each in found)),
        Figure(f"{name}: all pages", "ms", summary([each.whole_ms for each in found]).p50),
    ]


class Waits:
    """A listener that hands each pong to whoever waits for it."""

    def __init__(self) -> None:
        self.pong = asyncio.Event()

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if isinstance(frame, Pong):
            self.pong.set()

    def on_lost(self, device: Device) -> None:
        self.pong.set()


async def _longest_ping_ms(device: Device, until: asyncio.Event) -> float:
    listener, longest_s = device.listener, 0.0
    assert isinstance(listener, Waits)
    while not until.is_set() and device.alive:
        listener.pong.clear()
        begun_s = clock_s()
        device.send(frames.Ping())
        await listener.pong.wait()
        longest_s = max(longest_s, clock_s() - begun_s)
        await asyncio.sleep(PING_EVERY_S)
    return longest_s * 1000


async def _come(bench: Bench, user: User, watcher: Device) -> Coming:
    """One device from its hello to the last page of its directory."""
    sizes: list[int] = []
    pages: list[frames.Welcome | frames.DirectoryPage] = []
    whole = msgspec.json.Decoder(frames.FromEdge) if bench.options.codec == "json" else msgspec.msgpack.Decoder(frames.FromEdge)

    def keep(payload: bytes) -> FromEdge:
        sizes.append(len(payload))
        frame = whole.decode(payload)
        if isinstance(frame, frames.Welcome | frames.DirectoryPage):
            pages.append(frame)
        return bench.codec.decode(payload)

    over = asyncio.Event()
    async with asyncio.timeout(ANSWER_TIMEOUT_S), asyncio.TaskGroup() as tasks:
        pinging = tasks.create_task(_longest_ping_ms(watcher, over))
        device = await open_device(bench.site.edge.address, dataclasses.replace(bench.codec, decode=keep), hello_of(user), Waits())
        welcome_ms = (clock_s() - device.hello_s) * 1000
        over.set()
    while (following := pages[-1].next) is not None:
        device.listener = once = Once(lambda frame: isinstance(frame, DirectoryPage))
        device.send(frames.DirectoryRequest(request="d", after=following))
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await once.answer
    whole_ms = (clock_s() - device.hello_s) * 1000
    device.close()
    entries = [entry for page in pages for entry in page.directory]
    conversations = len({entry.conversation for entry in entries})
    return Coming(welcome_ms, sizes[0], pinging.result(), whole_ms, conversations, sum(entry.unread for entry in entries))


async def _fill(bench: Bench, user: User, count: int) -> None:
    """Places and heads of `count` groups with UNREAD_EACH unread messages each; safe to repeat."""
    store, began_ms = bench.site.store, now_ms()
    for low in range(0, count, ROWS_AT_ONCE):
        places, listed = [], []
        for number in range(low, min(count, low + ROWS_AT_ONCE)):
            last = _last(f"g-{user.user}-{number:05}", began_ms - number * 1_000, bench.options.text_bytes)
            head = (last.seq, last.ordinal, last.at_ms, encode("conversation-events", last))
            places.append((last.conversation_id, user.user, f"Group {number}", *head))
            listed.append((user.user, last.conversation_id, True, 1, 1))
        await store.execute_each(PUT_PLACE, places)
        await store.execute_each(cql.PUT_CONVERSATION, listed)


def _last(conversation: str, at_ms: int, text_bytes: int) -> events.MessageSent:
    return events.MessageSent(
        event_id=f"{conversation}:{UNREAD_EACH + 1}",
        tenant="default",
        conversation_id=conversation,
        seq=UNREAD_EACH + 1,
        ordinal=UNREAD_EACH,
        at_ms=at_ms,
        user="u-somebody",
        device="bench",
        command_id="0190c0de-0000-7000-8000-000000000000",
        trace_id="",
        content=Content("text/plain", b"x" * text_bytes),
    )
