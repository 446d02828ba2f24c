"""The promises of the SDK's core over a link that delays, cuts and loses: exactly once, in order, without a gap."""

import random
from collections import Counter, deque
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from warbler import effects as fx
from warbler import frames
from warbler.core import Core
from warbler.errors import Rejected
from warbler.frames import DeviceContent, EventItem, SendMessage
from warbler.happenings import TimelineEvent
from warbler.phases import Phase

from tests.sdk.fake_edge import FakeEdge, FakeSession

CONVERSATIONS = ["g-1", "g-2"]
STEPS_TO_SETTLE = 60_000
COMMANDS = 30


@dataclass
class Device:
    """A core with a link to the edge: frames in flight are two queues that a cut empties."""

    name: str
    core: Core
    up: deque[frames.FromDevice] = field(default_factory=deque)
    down: deque[frames.FromEdge] = field(default_factory=deque)
    session: FakeSession | None = None
    connected: bool = False
    move_ms: int | None = None  # when the edge closes a session that it told to move
    acked: Counter[int] = field(default_factory=Counter)
    seqs: dict[int, tuple[str, int]] = field(default_factory=dict)
    failed: list[fx.Failed] = field(default_factory=list)
    dropped: bool = False
    delays_ms: list[int] = field(default_factory=list)
    seen: dict[str, list[EventItem]] = field(default_factory=lambda: {name: [] for name in CONVERSATIONS})

    def perform(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            match effect:
                case fx.Send(frame=frame):
                    assert self.connected
                    self.up.append(frame)
                case fx.Acked(key=key, ack=ack):
                    self.acked[key] += 1
                    self.seqs[key] = (ack.conversation, ack.seq)
                case fx.Failed():
                    self.failed.append(effect)
                case fx.Emit(happening=TimelineEvent(conversation=conversation, event=event)):
                    self.seen[conversation].append(event)
                case fx.Drop():
                    self.dropped = True
                case fx.Reconnect(delay_ms=delay_ms):
                    self.delays_ms.append(delay_ms)
                case _:
                    pass


class World:
    def __init__(self, seed: int, remembered_limit: int, lose_ratio: float, refuse_ratio: float, rude_ratio: float = 0.0) -> None:
        """`rude_ratio`: how often the edge gives up an event for a resync, writes again what is unacknowledged, or tells to move."""
        self.rude_ratio = rude_ratio
        self.rng = random.Random(seed)
        self.now_ms = 1_000
        self.edge = FakeEdge(CONVERSATIONS, remembered_limit)
        self.edge.lose_live = lambda: self.rng.random() < lose_ratio
        self.edge.refuse = lambda: self.rng.random() < refuse_ratio
        self.edge.give_up = lambda: self.rng.random() < self.rude_ratio
        positions = dict.fromkeys(CONVERSATIONS, 1)
        self.devices = [Device(name, Core(name, self.rng.getrandbits, positions=positions)) for name in ("d-a", "d-b")]
        self.given = 0
        self.people_ratio = 0.0  # how many commands are about people: what they became only the server can tell, and not to everybody

    def step(self, cut_ratio: float) -> None:
        self.now_ms += self.rng.randrange(3)
        device = self.rng.choice(self.devices)
        if not device.connected:
            self.connect(device)
        elif device.dropped or (device.move_ms is not None and self.now_ms >= device.move_ms):
            self.cut(device)
        elif device.session is not None and self.rng.random() < self.rude_ratio / 4:
            self.be_rude(device, device.session)
        elif self.rng.random() < cut_ratio:
            self.cut(device)
        else:
            self.move(device)
        if self.rng.random() < 0.4:
            self.edge.decide(self.now_ms)
        device.perform(device.core.on_tick(self.now_ms))

    def be_rude(self, device: Device, session: FakeSession) -> None:
        if device.move_ms is None and self.rng.random() < 0.3:
            after_ms = self.rng.randrange(200)
            session.send(frames.Move(after_ms))
            device.move_ms = self.now_ms + after_ms + self.rng.randrange(20)
        else:
            self.edge.redeliver(session)

    def connect(self, device: Device) -> None:
        device.connected = True
        device.perform(device.core.on_open("token", self.now_ms))

    def move(self, device: Device) -> None:
        if device.up and (not device.down or self.rng.random() < 0.5):
            frame = device.up.popleft()
            if isinstance(frame, frames.Hello):
                device.session = self.edge.open("u" + device.name, frame, self.now_ms, device.down.append)
            elif device.session is not None:
                self.edge.on_frame(device.session, frame, self.now_ms)
        elif device.down:
            device.perform(device.core.on_frame(device.down.popleft(), self.now_ms))

    def cut(self, device: Device) -> None:
        if device.session is not None:
            self.edge.close(device.session)
        device.connected, device.session, device.move_ms, device.dropped = False, None, None, False
        device.up.clear()
        device.down = deque()  # a new one: the old session may still hold the old one
        device.perform(device.core.on_lost(1006, "cut", self.now_ms, 0.5))

    def give(self, device: Device, conversation: str) -> None:
        self.given += 1
        label = f"{device.name} {self.given}"
        frame: frames.CommandFrames = SendMessage(id="", conversation=conversation, content=DeviceContent(text=label))
        if self.rng.random() < self.people_ratio:
            apply = frames.ApplyToJoin(id="", conversation=conversation, text=label)
            block = frames.BlockUser(id="", conversation=conversation, member=label)
            frame = apply if self.rng.random() < 0.5 else block
        device.perform(device.core.submit(self.given, frame, self.now_ms))

    def settle(self, cut: bool = True) -> None:
        self.edge.lose_live = lambda: False
        self.edge.refuse = lambda: False
        self.rude_ratio = 0.0
        # one more event, so that whatever was lost at the very end is noticed, as it would be by the next event or reconnect
        for device in self.devices:
            if device.connected and cut:
                self.cut(device)
        for _ in range(STEPS_TO_SETTLE):
            self.now_ms += self.rng.randrange(10)
            self.step(0.0)
            if self.quiet():
                return
        raise AssertionError("the world does not come to rest")

    def quiet(self) -> bool:
        resting = all(d.core.phase is Phase.LIVE and not d.up and not d.down and not len(d.core.outbox) for d in self.devices)
        heads = {name: len(timeline.events) for name, timeline in self.edge.timelines.items()}
        heard = all(len(d.seen[name]) >= len(self.edge.shown(name, "u" + d.name)) for d in self.devices for name in heads)
        held = all(self.edge.delivered.get((d.name, name), 0) >= head for d in self.devices for name, head in heads.items())
        return resting and held and not self.edge.commands and heard


def played(
    seed: int,
    cut_ratio: float,
    remembered_limit: int,
    lose_ratio: float,
    refuse_ratio: float,
    rude_ratio: float = 0.0,
    *,
    people_ratio: float = 0.0,
    cut_at_end: bool = True,
) -> World:
    world = World(seed, remembered_limit, lose_ratio, refuse_ratio, rude_ratio)
    world.people_ratio = people_ratio
    left = COMMANDS
    while left:
        if world.rng.random() < 0.15:
            world.give(world.rng.choice(world.devices), world.rng.choice(CONVERSATIONS))
            left -= 1
        world.step(cut_ratio)
    world.settle(cut_at_end)
    return world


def assert_once_and_without_gap(world: World) -> None:
    keys = Counter(key for device in world.devices for key in device.acked.elements())
    assert keys == Counter(range(1, world.given + 1)), "every command is acked exactly once"
    assert not [failed for device in world.devices for failed in device.failed]
    texts = Counter(label_of(e) for t in world.edge.timelines.values() for e in t.events)
    assert sum(texts.values()) == world.given
    assert max(texts.values()) == 1, "nothing is stored twice"
    for device in world.devices:
        for name, timeline in world.edge.timelines.items():
            assert world.edge.delivered.get((device.name, name), 0) == len(timeline.events), "what is held is acknowledged, own events too"
            assert device.core.timelines.positions()[name] == len(timeline.events) + 1, "what is hidden takes its seq all the same"
            assert device.seen[name] == world.edge.shown(name, "u" + device.name)
        for key, (conversation, seq) in device.seqs.items():
            event = world.edge.timelines[conversation].events[seq - 1]
            assert label_of(event) == f"{device.name} {key}", "an ack names the event of its own command"


def label_of(event: EventItem) -> str | None:
    return event.content.text if event.content is not None else event.text or event.member


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    cut_ratio=st.sampled_from([0.0, 0.05]),
    remembered_limit=st.sampled_from([2, 1_000]),
    lose_ratio=st.sampled_from([0.0, 0.3]),
    rude_ratio=st.sampled_from([0.0, 0.3]),
)
def test_what_only_the_server_can_tell_is_read_and_what_is_hidden_is_passed_over(
    seed: int, cut_ratio: float, remembered_limit: int, lose_ratio: float, rude_ratio: float
) -> None:
    assert_once_and_without_gap(played(seed, cut_ratio, remembered_limit, lose_ratio, 0.05, rude_ratio, people_ratio=0.5))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    cut_ratio=st.sampled_from([0.0, 0.02, 0.1]),
    remembered_limit=st.sampled_from([2, 5, 1_000]),
    lose_ratio=st.sampled_from([0.0, 0.3]),
    refuse_ratio=st.sampled_from([0.0, 0.1]),
    rude_ratio=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_every_command_once_and_every_event_once_in_order_and_all_is_acknowledged(
    seed: int, cut_ratio: float, remembered_limit: int, lose_ratio: float, refuse_ratio: float, rude_ratio: float
) -> None:
    assert_once_and_without_gap(played(seed, cut_ratio, remembered_limit, lose_ratio, refuse_ratio, rude_ratio))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), rude_ratio=st.sampled_from([0.2, 0.6]))
def test_a_resync_alone_brings_what_was_given_up(seed: int, rude_ratio: float) -> None:
    """Method: no link is cut but by moves, and none at the end, so that no hello repairs what the device itself did not."""
    assert_once_and_without_gap(played(seed, 0.0, 1_000, 0.0, 0.0, rude_ratio, cut_at_end=False))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), cut_ratio=st.sampled_from([0.0, 0.05, 0.15]))
def test_a_device_keeps_its_order_over_cuts(seed: int, cut_ratio: float) -> None:
    world = played(seed, cut_ratio, 1_000, 0.2, 0.0)
    for timeline in world.edge.timelines.values():
        for device in world.devices:
            mine = [int(e.content.text.split()[1]) for e in timeline.events if e.device == device.name and e.content and e.content.text]
            assert mine == sorted(mine)


def test_the_stale_rule_is_reached_and_finds_the_accepted_command() -> None:
    """Method: the ack is lost with the link, other commands push the id out of the owner's memory, then the device comes back."""
    world = World(1, remembered_limit=1, lose_ratio=0.0, refuse_ratio=0.0)
    ana, ben = world.devices
    for device in (ana, ben):
        world.connect(device)
        _run(world, device)
    world.give(ana, "g-1")
    while ana.up:
        world.move(ana)
    world.edge.decide(world.now_ms)
    world.cut(ana)  # the ack was on its way
    for _ in range(3):
        world.now_ms += 10
        world.give(ben, "g-1")
        _run(world, ben)
    world.connect(ana)
    sent = _run(world, ana)
    assert any(isinstance(frame, frames.Sync) and frame.request.startswith("s") for frame in sent)
    assert ana.acked == Counter([1])
    assert ana.seqs[1] == ("g-1", 1)
    assert len(world.edge.timelines["g-1"].events) == 4


def test_a_stale_command_that_was_never_sent_before_gets_a_new_id() -> None:
    world = World(2, remembered_limit=1, lose_ratio=0.0, refuse_ratio=0.0)
    ana = world.devices[0]
    world.connect(ana)
    _run(world, ana)
    world.edge.timelines["g-1"].evicted_ms = world.now_ms + 50
    world.give(ana, "g-1")
    world.now_ms += 100
    _run(world, ana)
    assert ana.acked == Counter([1])


def test_a_fixed_id_that_is_stale_fails_to_its_caller() -> None:
    world = World(3, remembered_limit=1, lose_ratio=0.0, refuse_ratio=0.0)
    ana = world.devices[0]
    world.connect(ana)
    _run(world, ana)
    world.edge.timelines["g-1"].evicted_ms = 1 << 47
    frame = SendMessage(id="01900000-0000-7000-8000-000000000000", conversation="g-1", content=DeviceContent(text="x"))
    ana.perform(ana.core.submit(9, frame, world.now_ms))
    _run(world, ana)
    assert isinstance(ana.failed[0].error, Rejected)
    assert ana.failed[0].error.code == "stale"


def _run(world: World, device: Device) -> list[frames.FromDevice]:
    """Moves frames and decides until both are at rest; the frames the device sent."""
    sent: list[frames.FromDevice] = []
    while device.up or device.down or world.edge.commands:
        if device.up:
            sent.append(device.up[0])
        world.move(device)
        world.edge.decide(world.now_ms)
        device.perform(device.core.on_tick(world.now_ms))
    return sent
