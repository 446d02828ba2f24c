"""Calls without media at an even rate: request, ring, "it rings", accept, hang up; every step timed at who waits for it.

Without an engine, so that nothing but edge, owner and Kafka is measured. A call hangs up as soon as its caller has seen the answer: the
core would end it after its time to connect. Callers take turns, so that no conversation has two calls at once.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from bench.bench import Bench, Run, cpu_figures
from bench.device import Device, clock_s
from bench.fleet import Fleet, make_users, now_ms, pair_up
from bench.frames import CallAck, CallChanged, CallOver, CallRefused, CallRing, FromEdge
from bench.machine import cpu_us_each, others_cores
from bench.pacing import FIRST_IN_S, TICK_S, until
from bench.report import Figure
from bench.stats import summary
from edge import call_frames as frames

DRAIN_S = 10.0
RING_MS = 60_000
STEPS = ("request to ack", "request to ring", "ringing to caller", "accept to ack", "accept to caller", "hang-up to callee", "whole call")


@dataclass(slots=True)
class Placed:
    """One call on its way. `intended_s`: when it should have begun, from which its times count."""

    call: str
    conversation: str
    caller: Device
    callee: Device
    intended_s: float
    rang_s: float = 0.0
    ringing_s: float = 0.0
    accepted_s: float = 0.0
    hung_up_s: float = 0.0
    over: int = 0


@dataclass
class Switchboard:
    """The listener of all devices: plays every call to its end and notes what each step took."""

    bench: Bench
    calls: dict[str, Placed] = field(default_factory=dict)
    asked: dict[str, tuple[str, float]] = field(default_factory=dict)  # command id -> which step, and since when
    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    begun: int = 0
    done: int = 0
    last_s: float = 0.0

    def place(self, caller: Device, callee: Device, conversation: str, intended_s: float) -> None:
        call = self.bench.ids.make(now_ms())
        self.calls[call] = Placed(call, conversation, caller, callee, intended_s)
        self.begun += 1
        request = frames.CallRequest(
            id=self._asked("request to ack", intended_s), conversation=conversation, call=call, call_kind="one_to_one",
            media="audio", callees=(callee.user,), ring_ms=RING_MS, engine="p2p",
        )  # fmt: skip
        caller.send(request)

    def _asked(self, step: str, since_s: float) -> str:
        command_id = self.bench.ids.make(now_ms())
        self.asked[command_id] = (step, since_s)
        return command_id

    def _took(self, step: str, since_s: float, at_s: float) -> None:
        self.took_ms[step].append((at_s - since_s) * 1000)

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if isinstance(frame, CallAck):
            step, since_s = self.asked.pop(frame.id)
            if step:
                self._took(step, since_s, at_s)
        elif isinstance(frame, CallRefused):
            self.asked.pop(frame.id, None)
            self.refused.append(f"{frame.code}: {frame.detail}")
        elif isinstance(frame, CallRing):
            self._on_ring(device, self.calls[frame.call], at_s)
        elif isinstance(frame, CallChanged) and (placed := self.calls.get(frame.call.call)) is not None:
            self._on_changed(device, placed, frame.what, at_s)
        elif isinstance(frame, CallOver) and (placed := self.calls.get(frame.call)) is not None:
            self._on_over(device, placed, at_s)

    def _on_ring(self, device: Device, placed: Placed, at_s: float) -> None:
        placed.rang_s = at_s
        self._took("request to ring", placed.intended_s, at_s)
        placed.ringing_s = clock_s()
        device.send(frames.CallRinging(id=self._asked("", 0), conversation=placed.conversation, call=placed.call))

    def _on_changed(self, device: Device, placed: Placed, what: str, at_s: float) -> None:
        if device is not placed.caller:
            return
        if what == "ring_started":
            self._took("ringing to caller", placed.ringing_s, at_s)
            placed.accepted_s = clock_s()
            command_id = self._asked("accept to ack", placed.accepted_s)
            placed.callee.send(frames.CallAccept(id=command_id, conversation=placed.conversation, call=placed.call))
        elif what == "call_accepted" and placed.accepted_s:  # not by a glare, where the pair's last call is still going on
            self._took("accept to caller", placed.accepted_s, at_s)
            placed.hung_up_s = clock_s()
            device.send(frames.CallHangUp(id=self._asked("", 0), conversation=placed.conversation, call=placed.call))

    def _on_over(self, device: Device, placed: Placed, at_s: float) -> None:
        placed.over += 1
        if device is placed.callee:
            self._took("hang-up to callee", placed.hung_up_s, at_s)
            self._took("whole call", placed.intended_s, at_s)
        if placed.over == 2:
            self.done += 1
            self.last_s = at_s
            del self.calls[placed.call]

    def on_lost(self, device: Device) -> None: ...


async def run(bench: Bench) -> Run:
    options = bench.options
    users = await make_users(bench.site.edge, f"{bench.prefix}-calls-{bench.ids.next_number}", 2 * options.calls_pairs)
    fleet = Fleet(bench.site.edge, bench.codec)
    await fleet.open(users)
    try:
        conversations = await pair_up(fleet.devices, bench.ids)
        await bench.site.settle()
        board = Switchboard(bench)
        for device in fleet.devices:
            device.listener = board
        before, begun_s = bench.site.usage(), clock_s()
        first_s = await _place(board, fleet.devices, conversations, options.calls_rate_per_s, options.calls_s)
        await until(lambda: board.done == board.begun, DRAIN_S)
        after, took_s = bench.site.usage(), clock_s() - begun_s
    finally:
        await fleet.close()
    cpu = cpu_us_each(before, after, board.done)
    others = others_cores(before, after, took_s)
    details = {"begun": board.begun, "done": board.done, "refused": board.refused[:20], "cpu_us": cpu, "others_cores": others}
    return Run([*_figures(board, first_s), *cpu_figures("calls", cpu)], details)


async def _place(board: Switchboard, devices: list[Device], conversations: list[str], rate_per_s: int, seconds: float) -> float:
    """Begins calls, call i intended at i / rate, and answers when the first was."""
    start_s, index = clock_s() + FIRST_IN_S, 0
    while index < int(rate_per_s * seconds):
        due = min(int(rate_per_s * seconds), int((clock_s() - start_s) * rate_per_s) + 1)
        for number in range(index, due):
            turn, pair = divmod(number, len(conversations))
            caller, callee = devices[2 * pair + turn % 2], devices[2 * pair + 1 - turn % 2]
            board.place(caller, callee, conversations[pair], start_s + number / rate_per_s)
        index = max(index, due)
        await asyncio.sleep(max(TICK_S, start_s + index / rate_per_s - clock_s()))
    return start_s


def _figures(board: Switchboard, first_s: float) -> list[Figure]:
    figures = [
        Figure("calls: rate", "/s", board.done / max(0.001, board.last_s - first_s)),
        Figure("calls: refused", "", len(board.refused)),
        Figure("calls: lost", "", board.begun - board.done),
    ]
    for step in STEPS:
        over = summary(board.took_ms[step])
        figures += [Figure(f"calls: {step} p50", "ms", over.p50), Figure(f"calls: {step} p99", "ms", over.p99)]
    return figures
