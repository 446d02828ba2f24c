"""One device's side of the protocol without I/O: fed with frames and time, it answers with effects. Pure.

Called by `warbler.client`. Rules of this file:
Rule 1: `phase` changes only through `phases.NEXT`.
Rule 2: a command that was given is answered exactly once (Acked or Failed), whatever connections come and go.
Rule 3: every frame goes out as a `Send`, and only while there is a connection.
Units: every `now_ms` is the shell's monotonic clock; the server's clock is learnt from `welcome` and `pong`.
"""

from collections.abc import Callable, Mapping

import msgspec

from warbler import frames, own
from warbler import happenings as told
from warbler.backoff import reconnect_of
from warbler.call_answers import Tellable, settle
from warbler.effects import Acked, Answer, Answered, Effect, Emit, Failed, Reconnect, Send, Stop
from warbler.errors import SIGNED_OUT_BY, Closed, ConnectionRefused, OutboxFull, Rejected, RequestFailed, SignedOut
from warbler.ids import RANDOM_BITS, uuid7
from warbler.link import WELCOME_WITHIN_MS, Link
from warbler.marks import Marks
from warbler.outbox import Command, Outbox, Pending
from warbler.phases import NEXT, Phase, Signal
from warbler.reads import Read, Reads
from warbler.timelines import Timelines
from warbler.watches import Watch, Watches

POSITIONS_LIMIT = 400  # in hello: as many as fit a frame of 64 KiB; the others are asked for one by one
REPAIRS_LIMIT = 4  # syncs under way at once: a server answers some eight reads of a session at a time, and the application needs some
CHANCE_BITS = 16


class Core:
    """Shape: `follow` False means commands and reads only: no event is handed on, no gap repaired, nothing acknowledged.

    `paced` False: commands leave at any rate, for tokens that the server does not limit.
    """

    def __init__(
        self,
        device: str,
        random_bits: Callable[[int], int],
        *,
        agent: str = "",
        positions: Mapping[str, int] | None = None,
        epoch: str | None = None,
        follow: bool = True,
        paced: bool = True,
        outbox_limit: int = 10_000,
    ) -> None:
        self.device, self.agent, self.epoch, self.follow = device, agent, epoch, follow
        self.outbox_limit, self._paced = outbox_limit, paced
        self.phase = Phase.OFFLINE
        self.outbox = Outbox()
        self.timelines = Timelines()
        self.welcome: frames.Welcome | None = None
        self.push: frames.PushOffer | None = None
        self._random_bits = random_bits
        self._clock_offset_ms = 0
        self._link = Link()
        self._sync_events = 200
        self._numbers = 0
        self._reads = Reads()
        self._checks: dict[str, Pending] = {}  # request id -> a stale command whose fate is being read
        self._asked: dict[str, str] = {}  # request id -> conversation whose gap is being repaired
        self._marks = Marks()
        self._watches = Watches()
        for conversation, next_seq in (positions or {}).items():
            self.timelines.start(conversation, next_seq)

    # ---- what the application asks

    def submit(self, key: int, frame: Command, now_ms: int) -> list[Effect]:
        """Takes a command; its id is made when it leaves, unless the frame has one."""
        if self.phase is Phase.ENDED:
            return [Failed(key, Closed("the client has ended"))]
        if len(self.outbox) >= self.outbox_limit:
            return [Failed(key, OutboxFull(f"{self.outbox_limit} commands are waiting"))]
        track = self.timelines.tracks.get(frame.conversation)
        self.outbox.add(Pending(key, frame, bool(frame.id), track.next_seq if track else 1))
        return self._flush(now_ms)

    def read(self, key: int, frame: Read, now_ms: int) -> list[Effect]:
        """Takes a read; it is asked again after a reconnect, which is safe."""
        if self.phase is Phase.ENDED:
            return [Failed(key, Closed("the client has ended"))]
        effects: list[Effect] = []
        if isinstance(frame, frames.WatchPresence) and (older := self._reads.replace(frames.WatchPresence)) is not None:
            effects.append(Failed(older, RequestFailed("replaced", "another watch took its place", False)))
        frame = self._reads.add(self._number("r"), key, frame)
        if isinstance(frame, frames.WatchPresence):
            self._watches.presence = frame
        return [*effects, self._send(frame, now_ms)] if self.phase is Phase.LIVE else effects

    def tell(self, frame: Tellable, now_ms: int) -> list[Effect]:
        """Something that may be lost: dropped while there is no connection."""
        return [self._send(frame, now_ms)] if self.phase is Phase.LIVE else []

    def mark(self, frame: frames.Mark, now_ms: int) -> list[Effect]:
        """Coalesced; waits for a connection."""
        self._marks.note(frame.conversation, frame.state, frame.up_to_seq)
        return self._tell_marks(now_ms)

    def watch(self, frame: Watch, now_ms: int) -> list[Effect]:
        """Holds on every connection from now on, until another one takes its place."""
        self._watches.note(frame)
        if self.phase is not Phase.LIVE:
            return []
        self._watches.sent()
        return [self._send(frame, now_ms)]

    def give_room(self, room: bool, now_ms: int) -> list[Effect]:
        """Whether the application can take more events."""
        self.timelines.room = room
        return self._repair(now_ms) if room else []

    def resync(self, conversation: str, now_ms: int) -> list[Effect]:
        """Reads on from where this device stands, after an own `sync` that stopped half way."""
        self.timelines.want(conversation)
        return self._repair(now_ms)

    def stop(self, error: Closed | SignedOut | ConnectionRefused) -> list[Effect]:
        """Ends the client; everything unanswered fails."""
        if self.phase is Phase.ENDED:
            return []
        self.phase = NEXT[self.phase, Signal.STOPPED]
        keys = [pending.key for pending in [*self.outbox.drop_all(), *self._checks.values()]]
        keys += self._reads.drop_all()
        self._checks.clear()
        return [*(Failed(key, error) for key in keys), Stop(error)]

    # ---- what the connection does

    def on_open(self, token: str, now_ms: int) -> list[Effect]:
        self.phase = NEXT[self.phase, Signal.OPENED]
        self._link.opened(now_ms)
        positions = self._hello_positions() if self.follow else {}
        for conversation in positions:
            self.timelines.asked(conversation, "", now_ms)
        return [self._send(frames.Hello(token, self.device, self.epoch, positions, self.agent, self.follow, self.push), now_ms)]

    def _hello_positions(self) -> dict[str, int]:
        return {name: track.next_seq for name, track in list(self.timelines.tracks.items())[-POSITIONS_LIMIT:]}

    def on_lost(self, close_code: int, reason: str, now_ms: int, chance: float) -> list[Effect]:
        """The connection is over (or could not be made)."""
        if self.phase is Phase.ENDED:
            return []
        reason = "moving to another node" if self._link.left else reason
        delay_ms = self._link.lost(self.phase is Phase.LIVE, now_ms, chance)
        self.phase = NEXT[self.phase, Signal.LOST]
        self.outbox.connection_lost()
        self.timelines.connection_lost()
        self._marks.connection_lost(now_ms)
        for pending in self._checks.values():
            self.outbox.again(pending, 0)
        self._checks.clear()
        self._asked.clear()
        verdict = reconnect_of(close_code)
        if close_code in SIGNED_OUT_BY:
            return [Emit(told.SignedOutSeen(SIGNED_OUT_BY[close_code], close_code, reason)), *self.stop(SignedOut(close_code, reason))]
        if verdict == "never":
            return self.stop(ConnectionRefused(close_code, reason))
        return [Emit(told.Disconnected(close_code, reason, delay_ms)), Reconnect(delay_ms, verdict == "new_token")]

    def on_frame(self, frame: frames.FromEdge, now_ms: int) -> list[Effect]:
        self._link.heard_ms = now_ms
        match frame:
            case frames.Ack():
                return self._on_ack(frame, now_ms)
            case frames.Events():
                return self._hand_on(frame.conversation, frame.events, now_ms) if self.follow and frame.events else []
            case frames.Reject():
                return self._on_reject(frame, now_ms)
            case frames.Page():
                return self._on_page(frame, now_ms)
            case frames.HistoryPage() | frames.DirectoryPage() | frames.ReceiptsPage():
                return self._on_answer(frame, now_ms)
            case frames.Welcome():
                return self._on_welcome(frame, now_ms)
            case frames.Pong():
                self._clock_offset_ms = frame.now_ms - now_ms
                return []
            case frames.Receipt() | frames.ReceiptCounts() | frames.Signalled() | frames.UserTyping() | frames.Roster():
                return [Emit(told.happening_of(frame))]
            case frames.Presence():
                return [*self._on_answer(frame, now_ms), Emit(told.PresenceSeen(frame.users))]
            case frames.Resync():
                return self._on_resync(frame, now_ms)
            case frames.Move():
                self._link.move(frame.after_ms, now_ms, self._random_bits(CHANCE_BITS) / (1 << CHANCE_BITS))
                return [Emit(told.Moving(frame.after_ms))]
            case frames.Failure():
                return self._on_failure(frame, now_ms)
            case _:
                return [*settle(self.outbox, frame, now_ms), *self._flush(now_ms)]

    def on_tick(self, now_ms: int) -> list[Effect]:
        """Pings, retries, pacing and watermarks whose time has come."""
        if self.phase is Phase.GREETING:
            return [*self._link.greeting_over(now_ms)]
        if self.phase is not Phase.LIVE:
            return []
        if over := self._link.live_over(now_ms):
            return [*(self._send(mark, now_ms) for mark in self._marks.all(now_ms)), *over]
        effects: list[Effect] = [self._send(pending.frame, now_ms) for pending in self.outbox.overdue(now_ms)]
        effects += self._flush(now_ms) + self._repair(now_ms) + self._tell_marks(now_ms)
        effects += [self._send(read, now_ms) for read in self._reads.due(now_ms)]
        if now_ms >= self._link.ping_ms():
            effects.append(self._send(frames.Ping(), now_ms))
        return effects

    def wake_ms(self, now_ms: int) -> int | None:
        """When `on_tick` has something to do at the latest; None: nothing before something else happens."""
        if self.phase is Phase.GREETING:
            return self._link.opened_ms + WELCOME_WITHIN_MS
        if self.phase is not Phase.LIVE:
            return None
        times = [self._link.wake_ms(), self.outbox.wake_ms(now_ms), self._marks.wake_ms(), *self._reads.again_ms.values()]
        if len(self._asked) < REPAIRS_LIMIT:
            times.append(self.timelines.wake_ms())
        return min(time for time in times if time is not None)

    def server_ms(self, now_ms: int) -> int:
        return now_ms + self._clock_offset_ms

    # ---- frames

    def _on_welcome(self, frame: frames.Welcome, now_ms: int) -> list[Effect]:
        self.phase = NEXT[self.phase, Signal.WELCOMED]
        self.welcome, limits = frame, frame.limits
        self._clock_offset_ms = frame.now_ms - now_ms
        self._sync_events, self._link.heartbeat_ms = limits.sync_events, frame.heartbeat_ms
        self.outbox.allow(limits, self._paced, now_ms)
        if frame.epoch_changed:
            self.timelines.restart()
            self._marks.clear()
        self.epoch = frame.epoch
        effects: list[Effect] = [Emit(told.Connected(frame))]
        effects += [self._send(watch, now_ms) for watch in self._watches.again(self._number("w"))]
        effects += [self._send(read, now_ms) for read in self._reads.all_again()]
        if self.follow:
            self.timelines.compare(frame.directory)
            if frame.next is not None and len(self.timelines.tracks) > len(frame.directory):
                effects.append(self._ask_directory(frame.next, now_ms))
        return effects + self._flush(now_ms) + self._repair(now_ms)

    def _ask_directory(self, after: str, now_ms: int) -> Effect:
        return self._send(frames.DirectoryRequest(self._number("d"), after), now_ms)

    def _on_answer(self, page: Answer, now_ms: int) -> list[Effect]:
        if page.request in self._reads:
            return [Answered(self._reads.take(page.request), page)]
        if not isinstance(page, frames.DirectoryPage) or not self.follow:
            return []
        self.timelines.compare(page.directory)
        effects = self._repair(now_ms)
        return effects if page.next is None else [*effects, self._ask_directory(page.next, now_ms)]

    def _on_ack(self, ack: frames.Ack, now_ms: int) -> list[Effect]:
        return self._read_up_to(ack, now_ms) if (taken := self.outbox.answered(ack.id)) is None else self._accepted(taken, ack, now_ms)

    def _accepted(self, pending: Pending, ack: frames.Ack, now_ms: int) -> list[Effect]:
        effects: list[Effect] = [Acked(pending.key, ack)]
        if self.follow and self.welcome is not None:
            made = own.event_of(pending.frame, ack, self.welcome.user, self.device)
            if isinstance(made, told.ReceiptSeen):
                effects.append(Emit(made))
            else:
                effects += self._read_up_to(ack, now_ms) if made is None else self._hand_on(ack.conversation, (made,), now_ms)
        return effects + self._flush(now_ms) if self.outbox.waiting else effects

    def _read_up_to(self, ack: frames.Ack, now_ms: int) -> list[Effect]:
        """This device made an event, and cannot tell from the ack which."""
        if not self.follow or ack.seq == 0:
            return []
        self.timelines.reached(ack.conversation, ack.seq)
        return self._repair(now_ms)

    def _on_reject(self, reject: frames.Reject, now_ms: int) -> list[Effect]:
        if (pending := self.outbox.answered(reject.id)) is None:
            return []
        if reject.retryable:
            self.outbox.again(pending, now_ms + max(1, reject.retry_after_ms))
            return self._flush(now_ms)
        if reject.code == "stale" and not pending.fixed_id:
            return self._on_stale(pending, reject, now_ms)
        return [Failed(pending.key, Rejected.of(reject)), *self._flush(now_ms)]

    def _on_stale(self, pending: Pending, reject: frames.Reject, now_ms: int) -> list[Effect]:
        if pending.first_connection == pending.connection:  # every answer to it came over this one, and none was an ack
            return self._restamp(pending, now_ms)
        request = self._number("s")
        self._checks[request] = pending
        return [self._send(frames.Sync(request, reject.conversation, pending.since_seq, self._sync_events), now_ms)]

    def _restamp(self, pending: Pending, now_ms: int) -> list[Effect]:
        pending.frame = msgspec.structs.replace(pending.frame, id="")
        pending.first_connection = 0
        self.outbox.again(pending, 0)
        return self._flush(now_ms)

    def _on_page(self, page: frames.Page, now_ms: int) -> list[Effect]:
        if page.request in self._reads:
            return [Answered(self._reads.take(page.request), page)]
        effects: list[Effect] = []
        if (pending := self._checks.pop(page.request, None)) is not None:
            effects += self._on_checked(pending, page, now_ms)
            if page.more and self.follow:
                # The server now holds live events back, and nobody may ask on: a repair from where this device stands ends that.
                self.timelines.want(page.conversation)
        self._asked.pop(page.request, None)
        if self.follow:
            ready, skipped = self.timelines.take_page(page, now_ms)
            if skipped:
                effects.append(Emit(told.Skipped(page.conversation, skipped)))
            effects += self._emit(page.conversation, ready)
            self._mark_held(page.conversation, min([*skipped, *(event.seq for event in page.events[:1])], default=None))
        return effects + self._repair(now_ms)

    def _on_resync(self, frame: frames.Resync, now_ms: int) -> list[Effect]:
        if not self.follow:
            return []
        self._asked = {request: name for request, name in self._asked.items() if name != frame.conversation}
        self.timelines.dropped(frame.conversation, frame.from_seq)
        return self._repair(now_ms)

    def _on_checked(self, pending: Pending, page: frames.Page, now_ms: int) -> list[Effect]:
        for event in page.events:
            if event.id == pending.frame.id:
                return self._accepted(pending, frames.Ack(event.id, page.conversation, event.seq, event.ordinal, event.at_ms), now_ms)
        if not page.more:
            return self._restamp(pending, now_ms)
        request = self._number("s")
        self._checks[request] = pending
        return [self._send(frames.Sync(request, page.conversation, page.next_seq, self._sync_events), now_ms)]

    def _on_failure(self, failure: frames.Failure, now_ms: int) -> list[Effect]:
        if failure.code == "busy" and failure.request == "":
            self._link.stay_away_ms = failure.retry_after_ms  # it closes now
            return []
        if failure.request in self._reads:
            return self._on_read_failed(failure, now_ms)
        if (pending := self._checks.pop(failure.request, None)) is not None:
            # A conversation that cannot be read holds no event of ours that could be found; asking again shows its fate.
            if failure.code in ("unknown_conversation", "not_member"):
                return self._restamp(pending, now_ms)
            self.outbox.again(pending, now_ms + max(100, failure.retry_after_ms))
            return self._flush(now_ms)
        if (conversation := self._asked.pop(failure.request, None)) is not None:
            return self._on_repair_failed(conversation, failure, now_ms) + self._repair(now_ms)
        if failure.request == "" and failure.conversation in self.timelines.tracks:
            return self._on_repair_failed(failure.conversation, failure, now_ms) + self._repair(now_ms)
        if failure.request == "":
            for name, track in self.timelines.tracks.items():
                if track.asked == "":
                    self.timelines.failed(name, now_ms + failure.retry_after_ms)
        return self._repair(now_ms)

    def _on_read_failed(self, failure: frames.Failure, now_ms: int) -> list[Effect]:
        if failure.retryable and failure.code == "rate_limited":
            self._reads.put_off(failure.request, now_ms, failure.retry_after_ms)
            return []
        if self._watches.presence is not None and self._watches.presence.request == failure.request:
            self._watches.presence = None
        return [Failed(self._reads.take(failure.request), RequestFailed.of(failure))]

    def _on_repair_failed(self, conversation: str, failure: frames.Failure, now_ms: int) -> list[Effect]:
        if failure.retryable:
            self.timelines.failed(conversation, now_ms + max(100, failure.retry_after_ms))
            return []
        self.timelines.forget(conversation)
        self._marks.forget(conversation)
        return [Emit(told.Unreadable(conversation, failure.code, failure.detail))]

    # ---- what follows from the state

    def _hand_on(self, conversation: str, events: tuple[frames.EventItem, ...], now_ms: int) -> list[Effect]:
        effects = self._emit(conversation, self.timelines.take(conversation, events, now_ms))
        self._mark_held(conversation, events[0].seq)
        return effects + self._repair(now_ms) if self.timelines.wanting else effects

    def _emit(self, name: str, events: list[frames.EventItem]) -> list[Effect]:
        mine = (self.device, self.welcome.user if self.welcome else "")
        # another member's own matter only takes its seq
        return [Emit(told.TimelineEvent(name, event, (event.device, event.user) == mine)) for event in events if event.kind != "hidden"]

    def _mark_held(self, conversation: str, seq: int | None) -> None:
        """What came from `seq` on is acknowledged as far as it is held; a repeat too: its mark was lost, or it would not have come."""
        track = self.timelines.tracks.get(conversation)
        if track is not None and seq is not None and track.next_seq > seq:
            self._marks.note(conversation, "delivered", track.next_seq - 1)

    def _flush(self, now_ms: int) -> list[Effect]:
        if self.phase is not Phase.LIVE:
            return []
        return [self._send(pending.frame, now_ms) for pending in self.outbox.due(self._link.number, now_ms, self._stamp_at(now_ms))]

    def new_id(self, now_ms: int) -> str:
        return uuid7(self.server_ms(now_ms), self._random_bits(RANDOM_BITS))

    def _stamp_at(self, now_ms: int) -> Callable[[Pending], None]:
        def stamp(pending: Pending) -> None:
            pending.frame = msgspec.structs.replace(pending.frame, id=self.new_id(now_ms))

        return stamp

    def _repair(self, now_ms: int) -> list[Effect]:
        if self.phase is not Phase.LIVE or not (self.timelines.wanting or self.timelines.hanging):
            return []
        effects: list[Effect] = []
        self._asked = {request: each for request, each in self._asked.items() if not self.timelines.is_overdue(each, now_ms)}
        for conversation, track in self.timelines.due(now_ms, REPAIRS_LIMIT - len(self._asked)):
            request = self._number("t")
            self.timelines.asked(conversation, request, now_ms)
            self._asked[request] = conversation
            effects.append(self._send(frames.Sync(request, conversation, track.next_seq, self._sync_events), now_ms))
        return effects

    def _tell_marks(self, now_ms: int) -> list[Effect]:
        return [self._send(mark, now_ms) for mark in self._marks.due(now_ms)] if self.phase is Phase.LIVE else []

    def _send(self, frame: frames.FromDevice, now_ms: int) -> Send:
        self._link.sent_ms = now_ms
        return Send(frame)

    def _number(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}{self._numbers}"
