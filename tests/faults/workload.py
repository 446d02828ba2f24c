"""The people: they make conversations, talk at a measured rate, join and leave, go away and come back on another edge.

Chance comes from the seed; the time is real. Everything that is said and seen goes to the recorder.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from warbler.frames import (
    AddMember,
    CommandFrames,
    CreateConversation,
    DeviceContent,
    FrameMember,
    MarkRead,
    RemoveMember,
    SendMessage,
)

from schemas.ids import direct_conversation_id, uuid7
from tests.faults.cast import Cast, Seat
from tests.faults.history import DeviceName
from tests.faults.recorder import Recorder
from tests.faults.sdk_device import SdkDevice
from tests.faults.texts import texts
from tests.faults.wire_device import WireDevice
from tests.real.talking import User

Device = SdkDevice | WireDevice
WAITING_LIMIT = 100  # unanswered commands of a device; beyond it, it says nothing new
GUESTS_EVERY_S = 1.5
AWAY_EVERY_S = 2.0
AWAY_S = (0.5, 12.0)
READ_EVERY_S = 0.5
REFUSED_EVERY_S = 3.0
READY_WITHIN_S = 60.0
FAULTY_TALK_IN_DIRECT = 0.35  # share of messages that go to direct conversations


def new_id() -> str:
    return uuid7(int(time.time() * 1000), secrets.randbits(74))


@dataclass(slots=True)
class Place:
    """A conversation of the run: who is in it for sure, and who comes and goes."""

    conversation: str
    maker: int
    members: tuple[int, ...]
    guests: dict[int, bool] = field(default_factory=dict)  # user -> whether it was last asked in


class Workload:
    """`rate_per_s`: messages of all devices together."""

    def __init__(
        self, cast: Cast, users: Sequence[User], edge_ports: Sequence[int], recorder: Recorder, seed: int, rate_per_s: float
    ) -> None:
        self.cast, self.users, self.recorder = cast, users, recorder
        self._rng = random.Random(seed)
        self._texts = texts(seed)
        self._rate_per_s = rate_per_s
        self._edges = len(edge_ports)
        self.devices: dict[DeviceName, Device] = {}
        self._of_user: dict[int, list[Device]] = {}
        for seat in cast.seats:
            self._seat(seat, edge_ports)
        self.places: list[Place] = []
        self._away: set[DeviceName] = set()
        self._numbers = 0

    def _seat(self, seat: Seat, edge_ports: Sequence[int]) -> None:
        user = self.users[seat.user]
        name = DeviceName(user.user, seat.device, seat.wire)
        kind = WireDevice if seat.wire else SdkDevice
        device: Device = kind(name, user.token, edge_ports, seat.home - 1, self.recorder)
        self.devices[name] = device
        self._of_user.setdefault(seat.user, []).append(device)

    # ---- parts of a run

    async def prepare(self) -> None:
        """Everybody is connected and every conversation is made. Raises: TimeoutError."""
        await self.until(lambda: all(device.live for device in self.devices.values()), READY_WITHIN_S)
        for a, b in self.cast.directs:
            conversation = direct_conversation_id(self.users[a].user, self.users[b].user)
            frame = CreateConversation(id=new_id(), conversation="", conversation_kind="direct", members=(FrameMember(self.users[b].user),))
            self._of_user[a][0].submit(frame, conversation)
            self.places.append(Place(conversation, a, (a, b)))
        for group in self.cast.groups:
            maker, *others = group.members
            named = tuple(FrameMember(self.users[user].user) for user in others)
            frame = CreateConversation(id=new_id(), conversation="", conversation_kind="group", title="faults", members=named)
            conversation = "g-" + frame.id.replace("-", "")
            self._of_user[maker][0].submit(frame, conversation)
            self.places.append(Place(conversation, maker, group.members, dict.fromkeys(group.guests, False)))
        await self.until(lambda: self.waiting == 0, READY_WITHIN_S)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for part in (self._talk(), self._guests(), self._travel(), self._read(), self._be_refused()):
                tasks.create_task(part)

    async def settle(self, within_s: float) -> bool:
        """Everybody comes back, every command is answered, everything is shown; whether that came about in time."""
        for name in list(self._away):
            await self.devices[name].come_back(0)
        self._away.clear()
        try:
            await self.until(lambda: self.waiting == 0 and all(device.settled for device in self.devices.values()), within_s)
        except TimeoutError:
            return False
        return True

    async def until(self, holds: Callable[[], bool], within_s: float, look_s: float = 0.1) -> None:
        """Raises: TimeoutError."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline_s:
                raise TimeoutError("the workload did not come to where it should be")
            await asyncio.sleep(look_s)

    @property
    def waiting(self) -> int:
        """Commands without an answer."""
        return sum(device.waiting for device in self.devices.values())

    # ---- what people do

    def _speaker(self, user: int) -> Device | None:
        device = self._rng.choice(self._of_user[user])
        return device if device.waiting < WAITING_LIMIT else None

    async def _talk(self) -> None:
        directs = [place for place in self.places if len(place.members) == 2]
        groups = [place for place in self.places if len(place.members) > 2]
        due_s = time.monotonic()
        while True:
            place = self._rng.choice(directs if self._rng.random() < FAULTY_TALK_IN_DIRECT else groups)
            speaker = self._speaker(self._rng.choice(place.members))
            if speaker is not None:
                self._numbers += 1
                content = DeviceContent(text=f"{self._numbers} {next(self._texts)}")
                speaker.submit(SendMessage(id=new_id(), conversation=place.conversation, content=content), place.conversation)
            else:
                self.recorder.count("held back")
            due_s = max(due_s + self._rng.expovariate(self._rate_per_s), time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    async def _guests(self) -> None:
        """Guests are asked in and sent away by the one who made the group; some leave by themselves."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / GUESTS_EVERY_S))
            place = self._rng.choice([place for place in self.places if place.guests])
            guest = self._rng.choice(sorted(place.guests))
            user, conversation = self.users[guest].user, place.conversation
            maker = self._of_user[place.maker][0]
            place.guests[guest] = not place.guests[guest]
            frame: CommandFrames
            if place.guests[guest]:
                frame = AddMember(id=new_id(), conversation=conversation, member=user)
            else:
                frame = RemoveMember(id=new_id(), conversation=conversation, member=user)
            maker.submit(frame, conversation)

    async def _travel(self) -> None:
        """Devices go away and come back on an edge of chance."""
        async with asyncio.TaskGroup() as trips:
            while True:
                await asyncio.sleep(self._rng.expovariate(1 / AWAY_EVERY_S))
                name = self._rng.choice(list(self.devices))
                if name not in self._away:
                    self._away.add(name)
                    trips.create_task(self._trip(name, self._rng.uniform(*AWAY_S), self._rng.randrange(self._edges)))

    async def _trip(self, name: DeviceName, seconds: float, back_at: int) -> None:
        await self.devices[name].go_away()
        await asyncio.sleep(seconds)
        await self.devices[name].come_back(back_at)
        self._away.discard(name)

    async def _read(self) -> None:
        """Somebody says how far it has read."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / READ_EVERY_S))
            place = self._rng.choice(self.places)
            reader = self._rng.choice(place.members)
            device = self._speaker(reader)
            seq, ordinal = device.head_of(place.conversation) if device is not None else (0, 0)
            if device is not None and ordinal:
                frame = MarkRead(id=new_id(), conversation=place.conversation, up_to_seq=seq, up_to_ordinal=ordinal)
                device.submit(frame, place.conversation)

    async def _be_refused(self) -> None:
        """Somebody writes where it has no place, which must be said."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / REFUSED_EVERY_S))
            place = self._rng.choice(self.places)
            strangers = [user for user in range(self.cast.users_count) if user not in place.members and user not in place.guests]
            speaker = self._speaker(self._rng.choice(strangers))
            if speaker is not None:
                frame = SendMessage(id=new_id(), conversation=place.conversation, content=DeviceContent(text="let me in"))
                speaker.submit(frame, place.conversation)
