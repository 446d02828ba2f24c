"""When which event is told to one webhook: lanes, retries, and where it stands. Pure; time and chance are arguments.

Rules of this file:
1. A lane is one key of one topic partition: a conversation. Of each lane one event is under way, the oldest; so order is kept.
2. An event that fails holds back its own lane only. When several in a row fail, the receiver itself is failing: then it is probed, with
   one event at a time, those that were not tried yet first. When it takes one, everything that waited is due at once.
3. A lane that failed, or of which more waits than is kept in memory, is *behind*: its place is told apart, so that the position of all
   others goes on. What it lacks in memory is read again from the log (`refills`).
4. An event is given up when its schedule is used up though others were taken meanwhile, or the receiver says that it is this one. When
   nothing at all is taken for long, the webhook is disabled instead, and nothing is lost.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from log.port import Record
from streams.webhooks.standing import Behind, LaneKey, Place, Receiver, Standing

ROW_LIMIT = 3  # so many failures in a row are the receiver's
OF_THE_EVENT = frozenset({400, 413, 415, 422})  # statuses that speak of what was sent
GONE = 410


class Limits(NamedTuple):
    """Of one webhook; as in `streams.webhooks.settings`."""

    schedule_ms: Sequence[int]
    in_flight: int
    window_events: int
    lane_events: int
    lanes: int
    probe_ms: int
    disable_after_ms: int
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: none came, and `reason` says why. `retry_after_ms`: as the receiver asked."""

    status: int
    reason: str = ""
    retry_after_ms: int = 0

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer comes to. `disable`: why the webhook ends; the event stays where it is."""

    state: Literal["delivered", "retrying", "given_up"]
    tries: int
    next_ms: int = 0
    first_ms: int = 0
    disable: Literal["", "gone", "failing"] = ""


@dataclass(slots=True)
class Lane:
    """`queue`: what is in memory, the oldest first. `rest_from`: from where on the log must be read again; None: all is in memory."""

    queue: deque[Record] = field(default_factory=deque)
    rest_from: int | None = None
    tries: int = 0
    first_ms: int = 0
    not_before_ms: int = 0
    busy: bool = False
    refilling: bool = False

    @property
    def behind(self) -> bool:
        return self.tries > 0 or self.rest_from is not None


class Due(NamedTuple):
    """An event to be told now. `tries`: earlier ones."""

    lane: LaneKey
    record: Record
    tries: int
    again: bool


class Plan:
    """One webhook's. Begins where `standing` says."""

    def __init__(self, limits: Limits, standing: Standing) -> None:
        self._limits = limits
        self.read_to: dict[Place, int] = dict(standing.places)
        self._again_until = dict(standing.again_until)
        self.receiver: Receiver = standing.receiver.copy()
        self._lanes: dict[LaneKey, Lane] = {}
        self._fresh: deque[LaneKey] = deque()
        self._failed: list[tuple[int, int, LaneKey]] = []  # a heap
        self._number = 0
        self.pending = 0
        self.in_flight = 0
        self.stopped = False
        for each in standing.behind:
            self._lanes[each.lane] = Lane(deque(), each.offset, each.tries, each.first_ms, each.not_before_ms)

    # ---- what was read

    def heard(self, record: Record) -> None:
        """An event that the webhook wants, in the order of its partition."""
        key = (record.topic, record.partition, record.key or b"")
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane()
        elif lane.rest_from is not None:
            return  # what is before its place was told; what is behind it is read again
        elif len(lane.queue) >= self._limits.lane_events:
            lane.rest_from = record.offset
            return
        self._queued(key, lane, record)

    def passed(self, topic: str, partition: int, next_offset: int) -> None:
        """Everything of the partition before that offset was read, and heard where it was wanted."""
        self.read_to[topic, partition] = max(next_offset, self.read_to.get((topic, partition), 0))

    def _queued(self, key: LaneKey, lane: Lane, record: Record) -> None:
        lane.queue.append(record)
        self.pending += 1
        if len(lane.queue) == 1:  # else its head is offered already, or under way
            self._offer(key, lane)

    def _offer(self, key: LaneKey, lane: Lane) -> None:
        """The head of the lane waits for its turn."""
        if lane.tries:
            self._number += 1
            heapq.heappush(self._failed, (lane.not_before_ms, self._number, key))
        else:
            self._fresh.append(key)

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return self.pending < self._limits.window_events and len(self._lanes) < self._limits.lanes

    @property
    def refill_events(self) -> int:
        """How many events a refill may bring; one at least, so that no lane waits for the others."""
        return max(1, min(self._limits.lane_events, self._limits.window_events - self.pending))

    def refills(self) -> Iterator[tuple[LaneKey, int]]:
        """Lanes with nothing in memory, and from where the log is to be read for them; each is named once until `refilled`."""
        for key, lane in self._lanes.items():
            at = lane.rest_from
            if at is not None and not lane.queue and not lane.refilling and not lane.busy and at < self.read_to[key[:2]]:
                lane.refilling = True
                yield key, at

    def refilled(self, key: LaneKey, records: Iterable[Record], next_offset: int) -> None:
        """The lane's events from its place up to `next_offset`, which is as far as the log was looked through."""
        lane = self._lanes[key]
        lane.refilling = False
        lane.rest_from = next_offset if next_offset < self.read_to[key[:2]] else None
        for record in records:
            self._queued(key, lane, record)
        self._settle(key, lane)

    # ---- what is due

    def due(self, now_ms: int) -> list[Due]:
        """What is told now; each is under way until `answered`."""
        found: list[Due] = []
        while self._has_slot and (key := self._next(now_ms)) is not None:
            lane = self._lanes[key]
            lane.busy = True
            self.in_flight += 1
            record = lane.queue[0]
            found.append(Due(key, record, lane.tries, record.offset < self._again_until.get(key[:2], 0)))
        return found

    @property
    def _has_slot(self) -> bool:
        return not self.stopped and self.in_flight < (1 if self.failing else self._limits.in_flight)

    @property
    def failing(self) -> bool:
        """Whether the receiver as a whole takes nothing."""
        return self.receiver.failures_row >= ROW_LIMIT

    def _next(self, now_ms: int) -> LaneKey | None:
        if now_ms < self._held_until_ms:
            return None
        retry = self._failed[0] if self._failed and self._failed[0][0] <= now_ms else None
        if self._fresh and (self.failing or retry is None):
            return self._fresh.popleft()
        return heapq.heappop(self._failed)[2] if retry is not None else None

    @property
    def _held_until_ms(self) -> int:
        return max(self.receiver.hold_until_ms, self.receiver.probe_ms if self.failing else 0)

    def wake_ms(self) -> int | None:
        """When something may become due by time alone; None: never."""
        if not self._has_slot:
            return None
        waiting = [self._failed[0][0]] if self._failed else []
        waiting += [self._held_until_ms] if self._fresh else []
        return max(min(waiting), self._held_until_ms) if waiting else None

    # ---- what came of it

    def answered(self, key: LaneKey, answer: Answer, now_ms: int, chance: float) -> Verdict:
        """What the answer to the lane's event comes to. `chance`: 0 to 1, which spreads retries over a tenth of their wait."""
        lane = self._lanes[key]
        lane.busy = False
        self.in_flight -= 1
        if answer.taken:
            self._well_again(now_ms)
            return self._settled(key, lane, Verdict("delivered", lane.tries + 1))
        lane.tries += 1
        lane.first_ms = lane.first_ms or now_ms
        self._failure(answer, now_ms)
        if why := self._over(answer, now_ms):
            self.stopped = True
            self._offer(key, lane)
            return Verdict("retrying", lane.tries, now_ms, lane.first_ms, why)
        if self._hopeless(lane, answer):
            return self._settled(key, lane, Verdict("given_up", lane.tries, 0, lane.first_ms))
        wait_ms = self._limits.schedule_ms[min(lane.tries, len(self._limits.schedule_ms)) - 1]
        lane.not_before_ms = now_ms + max(round(wait_ms * (1 + chance / 10)), self._asked_ms(answer))
        self._shed(lane)
        self._offer(key, lane)
        return Verdict("retrying", lane.tries, lane.not_before_ms, lane.first_ms)

    def unsent(self, key: LaneKey) -> None:
        """The lane's event is none for this webhook after all: nothing was sent."""
        lane = self._lanes[key]
        lane.busy = False
        self.in_flight -= 1
        self._settled(key, lane, Verdict("delivered", 0))

    def _settled(self, key: LaneKey, lane: Lane, verdict: Verdict) -> Verdict:
        lane.queue.popleft()
        self.pending -= 1
        lane.tries = lane.first_ms = lane.not_before_ms = 0
        if lane.queue:
            self._offer(key, lane)
        self._settle(key, lane)
        return verdict

    def _shed(self, lane: Lane) -> None:
        """What waits behind a failed event is read again when its time has come: it would fill the memory that the others need."""
        if len(lane.queue) > 1:
            lane.rest_from = lane.queue[1].offset
            self.pending -= len(lane.queue) - 1
            lane.queue = deque([lane.queue[0]])

    def _settle(self, key: LaneKey, lane: Lane) -> None:
        """A lane with nothing to do is forgotten."""
        if not lane.queue and not lane.busy and not lane.refilling and lane.rest_from is None:
            del self._lanes[key]

    def _well_again(self, now_ms: int) -> None:
        was_failing = self.failing
        self.receiver.failures_row = self.receiver.failing_since_ms = self.receiver.probe_ms = self.receiver.hold_until_ms = 0
        self.receiver.taken_ms = now_ms
        if was_failing:
            waiting, self._failed = self._failed, []
            for _, number, key in waiting:
                self._lanes[key].not_before_ms = now_ms
                heapq.heappush(self._failed, (now_ms, number, key))

    def _failure(self, answer: Answer, now_ms: int) -> None:
        receiver, waits = self.receiver, self._limits.schedule_ms
        receiver.failures_row += 1
        receiver.failing_since_ms = receiver.failing_since_ms or now_ms
        if self.failing:
            over = min(receiver.failures_row - ROW_LIMIT, len(waits) - 1)
            receiver.probe_ms = now_ms + min(waits[over], self._limits.probe_ms)
        if answer.retry_after_ms:
            receiver.hold_until_ms = now_ms + self._asked_ms(answer)

    def _asked_ms(self, answer: Answer) -> int:
        return min(answer.retry_after_ms, self._limits.retry_after_ms)

    def _over(self, answer: Answer, now_ms: int) -> Literal["", "gone", "failing"]:
        if answer.status == GONE:
            return "gone"
        return "failing" if now_ms - self.receiver.failing_since_ms >= self._limits.disable_after_ms else ""

    def _hopeless(self, lane: Lane, answer: Answer) -> bool:
        others_taken = self.receiver.taken_ms >= lane.first_ms
        return lane.tries > len(self._limits.schedule_ms) and (others_taken or answer.status in OF_THE_EVENT)

    # ---- where it stands

    def standing(self) -> Standing:
        """Where a successor begins: what is before a place was told, but for the lanes that are behind, which have their own."""
        places = dict(self.read_to)
        behind: list[Behind] = []
        for key, lane in self._lanes.items():
            at = lane.queue[0].offset if lane.queue else lane.rest_from
            if at is None:
                continue
            if lane.behind:
                behind.append(Behind(key, at, lane.tries, lane.first_ms, lane.not_before_ms))
            else:
                places[key[:2]] = min(places[key[:2]], at)
        return Standing(places, behind, self._again_until, self.receiver.copy())


def begun_again(standing: Standing, places: Mapping[Place, int], ends: Mapping[Place, int]) -> Standing:
    """Rewound to these places: what was told before is told again, and is marked so up to `ends`, where reading stood."""
    kept = [each for each in standing.behind if each.lane[:2] not in places]
    again = {place: max(offset, standing.again_until.get(place, 0)) for place, offset in ends.items()}
    return Standing({**standing.places, **places}, kept, {**standing.again_until, **again}, Receiver())


def patient_again(standing: Standing) -> Standing:
    """As after a change of the webhook: nothing waits any more for its time."""
    behind = [each._replace(not_before_ms=0, tries=0, first_ms=0) for each in standing.behind]
    return Standing(standing.places, behind, standing.again_until, Receiver())
