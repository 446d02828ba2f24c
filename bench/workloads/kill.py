"""kill -9 of each process under load: is anything acked lost, is anything stored twice, how long did nobody get an ack."""

import asyncio
import itertools

from bench.bench import Bench, Run
from bench.device import Device, clock_s, open_device
from bench.fleet import Fleet, User, hello_of, make_users, pair_up
from bench.frames import Failure, FromEdge, Page
from bench.ledger import Verdict, judge
from bench.pacing import until
from bench.persistent import Account, Persistent
from bench.report import Figure
from edge import frames

PROCESSES = {"edge": "edge-1", "owner": "owner-1", "projector": "projector-1", "kafka": "kafka", "cassandra": "cassandra"}
USERS = 100
KILL_AT = 0.3  # of the load's time
DOWN_S = 0.5
ANSWER_TIMEOUT_S = 90.0
REPEATED = 100  # acked commands that are sent once more, with the same id, after the recovery
READ_TIMEOUT_S = 60.0


class NotOurs(Exception):
    """The process to be killed belongs to somebody else."""


class Load:
    """Users in pairs, each sending in turn; every command that was sent is kept, to be sent again later."""

    def __init__(self, bench: Bench, users: list[User], conversations: list[str]) -> None:
        self.account = Account()
        self.devices = [Persistent((bench.site.edge,), bench.codec, user, self.account) for user in users]
        self._bench, self._conversations = bench, conversations
        self.sent: dict[str, tuple[Persistent, frames.SendMessage]] = {}

    async def run(self, seconds: float, rate_per_s: float) -> None:
        start_s = clock_s()
        for index in itertools.count():
            due_s = start_s + index / rate_per_s
            if due_s > start_s + seconds:
                return
            if (early_s := due_s - clock_s()) > 0:
                await asyncio.sleep(early_s)
            number = index % len(self.devices)
            command = self._bench.message(self._conversations[number // 2])
            self.sent[command.id] = (self.devices[number], command)
            self.devices[number].send(command)

    async def answered(self) -> int:
        """How many commands are unanswered after a long wait."""
        await until(lambda: not any(device.waiting for device in self.devices), ANSWER_TIMEOUT_S)
        return sum(len(device.waiting) for device in self.devices)

    async def send_some_again(self, ids: list[str]) -> int:
        """How many of the repeated commands were answered with their old seq."""
        for command_id in ids:
            device, command = self.sent[command_id]
            device.send_again(command)
        wanted = set(ids)
        await until(lambda: wanted <= self.account.repeats_answered, ANSWER_TIMEOUT_S)
        return len((wanted & self.account.repeats_answered) - self.account.contradicted)


async def run(part: str, bench: Bench) -> Run:
    """Raises: NotOurs for a part of an existing cluster, which is not ours to kill."""
    if PROCESSES[part] not in bench.site.pids():
        raise NotOurs(f"{part} was not started by the bench")
    users = await make_users(bench.site.edge, f"{bench.prefix}-kill-{part}-{bench.ids.next_number}", USERS)
    fleet = Fleet(bench.site.edge, bench.codec)
    await fleet.open(users)
    conversations = await pair_up(fleet.devices, bench.ids)
    await fleet.close()
    load = Load(bench, users, conversations)
    await asyncio.gather(*(device.start() for device in load.devices))
    try:
        running = asyncio.create_task(load.run(bench.options.kill_s, bench.options.kill_rate_per_s))
        await asyncio.sleep(bench.options.kill_s * KILL_AT)
        near_the_kill = list(load.account.acked)[-REPEATED:]
        recover_s = await _kill_and_start(bench, PROCESSES[part])
        await running
        unanswered = await load.answered()
        repeated = await load.send_some_again(near_the_kill)
    finally:
        for device in load.devices:
            await device.end()
    await bench.site.settle(120)
    stored = await read_back(bench, users, conversations)
    verdict = judge(load.account.acked, stored)
    return _result(part, load, verdict, (unanswered, len(near_the_kill) - repeated, recover_s))


async def _kill_and_start(bench: Bench, process: str) -> float:
    begun_s = clock_s()
    bench.site.kill(process)
    await asyncio.sleep(DOWN_S)
    await bench.site.start_again(process)
    return clock_s() - begun_s


def _result(part: str, load: Load, verdict: Verdict, counts: tuple[int, int, float]) -> Run:
    unanswered, wrongly_repeated, recover_s = counts
    account, name = load.account, f"kill {part}"
    figures = [
        Figure(f"{name}: acked", "msg", verdict.acked),
        Figure(f"{name}: acked lost", "msg", verdict.acked_lost + verdict.misplaced),
        Figure(f"{name}: resent with the same id", "msg", len(account.resent)),
        Figure(f"{name}: stored twice", "msg", verdict.stored_twice),
        Figure(f"{name}: repeats answered with another seq or not", "msg", wrongly_repeated + len(account.contradicted)),
        Figure(f"{name}: never answered", "msg", unanswered),
        Figure(f"{name}: gaps in the timelines", "seqs", verdict.gaps),
        Figure(f"{name}: nobody got an ack for", "s", account.longest_pause_s),
        Figure(f"{name}: process ready again after", "s", recover_s),
    ]
    return Run(figures, {"refused": account.refused, "reconnects": account.reconnects, "sent": len(load.sent)})


class ReadBack:
    """Asks for page after page until there are no more."""

    def __init__(self) -> None:
        self.events: list[tuple[int, str]] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if isinstance(frame, Page):
            self.events += [(item.seq, item.id) for item in frame.events]
            if frame.more:
                device.send(frames.Sync(request="", conversation=frame.conversation, from_seq=frame.next_seq))
            elif not self.done.done():
                self.done.set_result(None)
        elif isinstance(frame, Failure) and not self.done.done():
            self.done.set_exception(RuntimeError(f"sync failed: {frame.code}: {frame.detail}"))

    def on_lost(self, device: Device) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError("the connection ended while reading back"))


async def read_back(bench: Bench, users: list[User], conversations: list[str]) -> dict[str, list[tuple[int, str]]]:
    """Every conversation from its first event, as a member's device sees it through `sync`."""
    stored: dict[str, list[tuple[int, str]]] = {}
    for number, conversation in enumerate(conversations):
        reader = ReadBack()
        hello = hello_of(users[2 * number + 1], device="reader")
        device = await open_device(bench.site.edge.address, bench.codec, hello, reader)
        try:
            device.send(frames.Sync(request="", conversation=conversation, from_seq=1))
            async with asyncio.timeout(READ_TIMEOUT_S):
                await reader.done
        finally:
            device.close()
        stored[conversation] = reader.events
    return stored
