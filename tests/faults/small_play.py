"""What happens in the small world: a group that talks, a device that misses much, a guest who is sent away, owners that die and sleep.

Every scene is there because some bug shows itself only then; which ones is said at each.
"""

from __future__ import annotations

import asyncio
from typing import Any

from warbler.frames import AddMember, CommandFrames, CreateConversation, DeviceContent, FrameMember, RemoveMember, SendMessage

from schemas.events import Event
from tests.faults.checker import check
from tests.faults.history import LogEvent, PageRead, ReadBack
from tests.faults.items import log_event_of
from tests.faults.small_world import OwnerProcess, SmallWorld
from tests.faults.violations import Violation
from tests.faults.wire_core import Frame, WireCore
from tests.streams.simulation import command_id, read_all

RECEIPTS_WITHIN_S = 0.2  # marks that are no news are not published, and a bug may drop others
ANA, BEN, EVE, ZOE = "u-ana", "u-ben", "u-eve", "u-zoe"


class Play:
    def __init__(self) -> None:
        self.world = SmallWorld()
        self.ana = self.world.device(ANA)
        self.ben = self.world.device(BEN)
        self.laptop = self.world.device(BEN, "laptop")
        self.eve = self.world.device(EVE)
        self.zoe = self.world.device(ZOE)
        self.group = ""
        self._ids = 0

    async def run(self) -> list[Violation]:
        """The verdict. Shape: empty when nothing is wrong with the code that ran."""
        await self.world.start()
        try:
            for scene in (
                self.everybody_meets,
                self.they_talk,
                self.ben_is_away,
                self.ben_comes_back_to_an_edge_that_is_behind,
                self.eve_is_sent_away,
                self.a_stranger_is_refused,
                self.an_answer_is_lost,
                self.the_log_is_away_for_a_moment,
                self.the_owner_dies_at_work,
                self.an_owner_sleeps_and_wakes,
                self.marks_are_told,
            ):
                await scene()
            return check(self.world.recorder.history, await self._read_back())
        finally:
            await self.world.close()

    # ---- saying things

    def give(self, core: WireCore, frame: CommandFrames, conversation: str = "") -> None:
        conversation = conversation or self.group
        self.world.recorder.invoked(core.name, conversation, frame)
        self.world.say(core, core.give(frame))

    def id(self) -> str:
        self._ids += 1
        return command_id(self._ids)

    def send(self, core: WireCore, count: int = 1) -> None:
        for _ in range(count):
            made = self.id()
            self.give(core, SendMessage(id=made, conversation=self.group, content=DeviceContent(text=f"text {self._ids}")))

    async def settle(self) -> None:
        await self.world.until(lambda: self.world.answered() and self.world.shown())

    # ---- scenes

    async def everybody_meets(self) -> None:
        for core, edge in ((self.ana, 1), (self.ben, 2), (self.laptop, 1), (self.eve, 2), (self.zoe, 1)):
            await self.world.connect(core, edge)
        made = self.id()
        self.group = "g-" + made.replace("-", "")
        self.give(self.ana, CreateConversation(id=made, conversation="", conversation_kind="group", members=(FrameMember(BEN),)))
        await self.settle()
        self.give(self.ana, AddMember(id=self.id(), conversation=self.group, member=EVE))
        await self.settle()

    async def they_talk(self) -> None:
        """Bursts, so that several events leave together: swapped_seq, duplicate_delivery, dropped_event_in_feed, the projector's."""
        for _ in range(6):
            for core in (self.ana, self.ben, self.eve):
                self.send(core, 3)
            await self.world.turn()
        await self.settle()

    async def ben_is_away(self) -> None:
        """A return with several pages, half of them not projected, while others talk on: skip_on_resume, catch_up_lost."""
        self.world.disconnect(self.ben)
        self.send(self.ana, 12)
        await self.settle()
        self.world.project_on.clear()
        self.send(self.eve, 12)
        await self.world.until(self.world.answered)
        await self.world.connect(self.ben, 1)
        for _ in range(4):
            self.send(self.ana)
            await self.world.turn(3)
        await self.world.until(self.world.answered)
        await self.world.turn()
        self.world.project_on.set()
        await self.settle()

    async def ben_comes_back_to_an_edge_that_is_behind(self) -> None:
        """The tables are ahead of the second edge's feed: given_forgotten."""
        self.world.disconnect(self.ben)
        self.world.gates[1].shut("tail")
        await self.world.turn()
        self.send(self.ana, 5)
        await self.world.until(lambda: self.world.answered() and self.world.projected())
        await self.world.connect(self.ben, 2)
        await self.world.turn(60)
        self.world.gates[1].open()
        await self.settle()

    async def eve_is_sent_away(self) -> None:
        """stale_membership, late_kick."""
        self.give(self.ana, RemoveMember(id=self.id(), conversation=self.group, member=EVE))
        await self.settle()
        for _ in range(5):
            self.send(self.ana, 3)
            await self.world.turn()
        await self.settle()

    async def a_stranger_is_refused(self) -> None:
        """silent_rejection."""
        self.send(self.zoe)
        await self.settle()

    async def an_answer_is_lost(self) -> None:
        """The device is cut off before it hears the acks, and says everything again elsewhere: duplicate_after_retry."""
        self.send(self.laptop, 4)
        self.world.disconnect(self.laptop)
        await self.world.until(self.world.projected, 0.1)
        await self.world.connect(self.laptop, 2)
        await self.settle()

    async def the_log_is_away_for_a_moment(self) -> None:
        """Nothing passes between an edge and the log, then everything does."""
        self.world.gates[0].shut()
        self.send(self.ana, 3)
        await self.world.turn()
        self.send(self.ben, 3)
        await self.world.turn()
        self.world.gates[0].open()
        await self.settle()

    async def the_owner_dies_at_work(self) -> None:
        """At its first append of a burst, of which nothing came into the log: ack_before_commit, lost_on_rebalance."""
        owner = self.world.owners[-1]
        dying = asyncio.Event()

        def die(operation: str) -> None:
            if operation == "append":
                dying.set()
                owner.gate.shut()

        owner.gate.on_before = die
        self.send(self.ana, 3)
        self.send(self.ben, 3)
        await self.world.until(dying.is_set)
        await self.world.turn()
        await owner.kill()
        self.world.owners.append(OwnerProcess(self.world))
        await self.settle()

    async def an_owner_sleeps_and_wakes(self) -> None:
        """As after SIGSTOP: it wakes when its successor has long been at work: unfenced_zombie."""
        sleeper = self.world.owners[-1]
        asleep = asyncio.Event()

        def fall_asleep(operation: str) -> None:
            if operation == "append":
                asleep.set()
                sleeper.gate.shut()

        sleeper.gate.on_before = fall_asleep
        self.send(self.ana, 2)
        await self.world.until(asleep.is_set)
        sleeper.gate.on_before = lambda operation: None
        self.world.owners.append(OwnerProcess(self.world))
        self.send(self.ben, 2)
        await self.settle()
        sleeper.gate.open()
        await self.world.turn(100)
        self.send(self.laptop, 2)
        await self.settle()

    async def marks_are_told(self) -> None:
        """A laptop that holds less says so last: dropped_receipt, receipt_beyond, receipt_backwards."""
        cores = (self.ana, self.ben, self.laptop)
        for core in cores:
            await self.tell(core, core.marks())
        self.send(self.ana, 3)
        await self.settle()
        late = self.laptop.marks()
        self.send(self.ana, 3)
        await self.settle()
        await self.tell(self.ben, self.ben.marks())
        await self.tell(self.laptop, late)
        for _ in range(3):
            for core in cores:
                await self.tell(core, core.marks())

    async def tell(self, core: WireCore, marks: list[Frame]) -> None:
        """Marks, as far as the tables; then where they stand is noted."""
        published = self.world.receipts_count()
        self.world.say(core, marks)
        await self.world.until(lambda: self.world.receipts_count() > published, RECEIPTS_WITHIN_S)
        await self.settle()
        self.world.recorder.history.delivered_samples.append(self.world.timelines.delivered())

    # ---- the end

    async def _read_back(self) -> ReadBack:
        world = self.world
        found = ReadBack()
        for _, event in (await read_all(world.log)).events:
            found.log.setdefault(event.conversation_id, []).append(log_event_of(event))
        for conversation, events in found.log.items():
            found.tables[conversation] = [(each.seq, each.digest) for each in map(log_event_of, world.timelines.rows_of(conversation))]
            for node in world.nodes:
                found.pages.append(await self._pages(node, conversation, events))
        found.delivered = world.timelines.delivered()
        world.recorder.history.present = set(world.devices)
        return found

    async def _pages(self, node: Any, conversation: str, events: list[LogEvent]) -> PageRead:
        got: list[Event] = []
        missing: list[int] = []
        next_seq, more = 1, True
        while more and next_seq <= len(events):
            page = await node.reader.events(conversation, next_seq, 50)
            got += page.events
            missing += page.missing
            next_seq, more = page.next_seq, page.more
        rows = tuple((event.seq, log_event_of(event).digest) for event in got)
        return PageRead(f"events page of {node.name}", conversation, rows, tuple(missing))
