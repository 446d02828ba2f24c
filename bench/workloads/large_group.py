"""A group of very many members: how long joining takes while messages pass, what the owner weighs, and how long the next one takes over.

Its members join through the owner, by batches of commands straight into the log, as edges would publish them. Joining is then measured from
devices: `apply_to_join` of an open group, while a few members send. At the end the owner is ended and started again.
"""

import asyncio
import secrets
from dataclasses import dataclass

import psutil

from bench.bench import Bench, Run
from bench.device import Deaf, Device, DeviceLost, Once, clock_s, open_device
from bench.fleet import Fleet, User, create, hello_of, make_users, now_ms
from bench.frames import Ack, FromEdge, Reject
from bench.pacing import drained, open_loop
from bench.report import Figure
from bench.stats import summary
from bench.tally import Tally
from edge import frames
from log.port import Entry
from schemas.codec import encode
from schemas.commands import ApplyToJoin
from schemas.ids import uuid7
from schemas.partition import partition_of

OWNER = "owner-1"
COMMANDS = "conversation-commands"
SENDERS = 20
BATCH = 500
FILL_TIMEOUT_S = 600.0
JOIN_TIMEOUT_S = 10.0
JOIN_EVERY_S = 0.05
READY_TIMEOUT_S = 60.0
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Group:
    conversation: str
    owner: Device


async def run(bench: Bench) -> Run:
    options = bench.options
    users = await make_users(bench.site.edge, f"{bench.prefix}-large-{bench.ids.next_number}", SENDERS + options.large_joins)
    fleet = Fleet(bench.site.edge, bench.codec)
    await fleet.open(users[:SENDERS])
    try:
        group = await _open_group(bench, fleet)
        before = _owner_mib(bench)
        fill_s = await _fill(bench, group, options.large_members - SENDERS - options.large_joins)
        await bench.site.settle(FILL_TIMEOUT_S)
        grown = _owner_mib(bench) - before
        tally = Tally(bench.ids.next_number, deliveries_per_message=0)
        fleet.listen(tally)
        joins_ms = await _join_under_load(bench, tally, fleet, group, users[SENDERS:])
        sent = tally.outcome()
        restart_s, answered_s = await _restart(bench, fleet.devices[1], group)
    finally:
        await fleet.close()
    joins = summary(joins_ms)
    figures = [
        Figure("large group: members", "", options.large_members),
        Figure("large group: join p50", "ms", joins.p50),
        Figure("large group: join p99", "ms", joins.p99),
        Figure("large group: ack of a message p99", "ms", sent.ack_ms.p99),
        Figure("large group: owner memory", "MiB", grown),
        Figure("large group: owner restarted", "s", restart_s),
        Figure("large group: answered after that", "s", answered_s),
        Figure("large group: joins while it filled", "/s", (options.large_members - SENDERS) / fill_s),
    ]
    return Run(figures, {"joins_ms": joins_ms, "fill_s": fill_s, "unacked": sent.unacked})


async def _open_group(bench: Bench, fleet: Fleet) -> Group:
    """An open group in which the senders are."""
    owner = fleet.devices[0]
    command = frames.CreateConversation(
        id=bench.ids.make(now_ms()),
        conversation="",
        conversation_kind="group",
        title="large",
        settings=frames.FrameSettings(visibility="public", joining="open"),
    )
    conversation = await create(owner, command)
    for device in fleet.devices[1:]:
        await _join(device, conversation)
    return Group(conversation, owner)


def _join_id() -> str:
    """Not one of the bench's own, whose numbers the tally counts as messages."""
    return uuid7(now_ms(), secrets.randbits(74))


async def _join(device: Device, conversation: str) -> float:
    """Joins, and says how long the ack took, in ms. Raises: RuntimeError when it is refused."""
    command = frames.ApplyToJoin(id=_join_id(), conversation=conversation)
    return await _answered(device, command, command.id)


async def _answered(device: Device, command: frames.ApplyToJoin | frames.SendMessage, command_id: str) -> float:
    def answers(frame: FromEdge) -> bool:
        return isinstance(frame, Ack | Reject) and frame.id == command_id

    before, device.listener = device.listener, (once := Once(answers))
    begun_s = clock_s()
    device.send(command)
    try:
        async with asyncio.timeout(JOIN_TIMEOUT_S):
            answer = await once.answer
    finally:
        device.listener = before
    if not isinstance(answer, Ack):
        raise RuntimeError(f"refused: {answer!r}")
    return (clock_s() - begun_s) * 1000


async def _fill(bench: Bench, group: Group, count: int) -> float:
    """So many users join, whom no edge knows. Seconds until the owner has decided on all of them."""
    key = group.conversation.encode()
    partition = partition_of(key, bench.site.clusters.partitions)
    events_end = await bench.site.log.end_offset("conversation-events", partition)
    begun_s = clock_s()
    for low in range(0, count, BATCH):
        entries = [Entry(key, encode(COMMANDS, _joining(bench, group, number))) for number in range(low, min(count, low + BATCH))]
        await bench.site.log.publish(COMMANDS, partition, entries)
    while await bench.site.log.end_offset("conversation-events", partition) < events_end + count:
        if clock_s() - begun_s > FILL_TIMEOUT_S:
            raise TimeoutError("the members did not all join")
        await asyncio.sleep(0.05)
    return clock_s() - begun_s


def _joining(bench: Bench, group: Group, number: int) -> ApplyToJoin:
    return ApplyToJoin(
        tenant="default",
        conversation_id=group.conversation,
        command_id=_join_id(),
        user=f"u-{bench.prefix}{number:016d}",
        device="bench",
        trace_id="",
        received_at_ms=now_ms(),
    )


async def _join_under_load(bench: Bench, tally: Tally, fleet: Fleet, group: Group, users: list[User]) -> list[float]:
    """How long each joining took, in ms, while members send `large_rate_per_s` messages a second."""
    options = bench.options
    senders = fleet.devices
    seconds = max(options.large_s, len(users) * JOIN_EVERY_S)

    def send(index: int) -> None:
        senders[index % len(senders)].send(bench.message(group.conversation))

    sending = asyncio.create_task(open_loop(tally, send, options.large_rate_per_s, seconds))
    try:
        return [await _come_and_join(bench, user, group) for user in users]
    finally:
        await sending
        await drained(tally)


async def _come_and_join(bench: Bench, user: User, group: Group) -> float:
    device = await open_device(bench.site.edge.address, bench.codec, hello_of(user), Deaf())
    try:
        joined_ms = await _join(device, group.conversation)
    finally:
        device.close()
    await asyncio.sleep(JOIN_EVERY_S)
    return joined_ms


def _owner_mib(bench: Bench) -> float:
    return float(psutil.Process(bench.site.pids()[OWNER]).memory_info().rss) / MEBIBYTE


async def _restart(bench: Bench, device: Device, group: Group) -> tuple[float, float]:
    """Seconds until the owner's process lives again, and from there until a message to the group is acked."""
    restart_s = await bench.site.restart(OWNER)
    begun_s = clock_s()
    while clock_s() - begun_s < READY_TIMEOUT_S:
        message = bench.message(group.conversation)
        try:
            await _answered(device, message, message.id)
        except TimeoutError:  # nobody owns the partition yet
            continue
        except DeviceLost as exc:
            raise RuntimeError("the device was lost while the owner was away") from exc
        return restart_s, clock_s() - begun_s
    raise TimeoutError("the group was not taken over")
