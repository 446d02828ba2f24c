"""A device that speaks the protocol by itself and writes down exactly what the edge gave it, without mending anything silently. Pure.

Fed with frames as dictionaries and with the time, it answers with frames to send. Called by `tests.faults.wire_device` over sockets and by
`tests.faults.small_world` without any.
Rule 1: within a session the edge gives live events of a conversation ascending, and none again that a page gave.
Rule 2: what came while a sync is under way is left to the page, which holds it too.
Rule 3: a command is sent once a session; only a retryable refusal or a new session sends it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from warbler.frames import CommandFrame

from tests.faults.history import DeviceName, Sight
from tests.faults.items import digest_of_json
from tests.faults.marks import wire_mark, wire_receipt
from tests.faults.recorder import Recorder

Frame = dict[str, Any]
SYNC_WITHIN_S = 15.0
WRITTEN_AGAIN_AFTER_S = 14.0  # a little less than EDGE_ACK_TIMEOUT_MS, after which an edge writes again what is not acknowledged
GIVEN_REMEMBERED = 2_000


@dataclass(slots=True)
class Place:
    """Where the device stands in one conversation. `sync`: the request under way, None when live; `live_seq`: the last live one."""

    next_seq: int
    sync: str | None = None
    sync_at_s: float = 0.0
    retry_at_s: float | None = None
    live_seq: int = 0
    marked_seq: int = 0
    given_at_s: dict[int, float] = field(default_factory=dict)  # when each of the last seqs was first given, on this session


@dataclass(slots=True)
class WireCore:
    name: DeviceName
    recorder: Recorder
    page_limit: int = 200
    places: dict[str, Place] = field(default_factory=dict)
    epoch: str | None = None
    live: bool = False
    waiting: dict[str, CommandFrame] = field(default_factory=dict)  # not answered yet, in the order given
    retries: list[tuple[float, str]] = field(default_factory=list)
    requests: int = 0

    # ---- what the application asks

    def give(self, frame: CommandFrame) -> list[Frame]:
        self.waiting[frame.id] = frame
        return [encoded(frame)] if self.live else []

    def marks(self) -> list[Frame]:
        """Says of every conversation how far the device holds it, where it has not said so on this session."""
        out = []
        for conversation, place in self.places.items():
            if place.next_seq > max(1, place.marked_seq):
                place.marked_seq = place.next_seq
                self.recorder.told(conversation, self.name.user, place.next_seq - 1)
                out.append(wire_mark(conversation, place.next_seq - 1))
        return out

    # ---- sessions

    def hello(self, token: str) -> Frame:
        positions = {conversation: place.next_seq for conversation, place in self.places.items()}
        for place in self.places.values():
            place.sync, place.retry_at_s, place.live_seq, place.marked_seq = "", None, 0, 0
            place.given_at_s.clear()
        frame: Frame = {"type": "hello", "token": token, "device": self.name.device, "positions": positions}
        return frame | ({"epoch": self.epoch} if self.epoch is not None else {})

    def lost(self) -> None:
        self.live = False
        self.retries.clear()

    def on_frame(self, frame: Frame, now_s: float) -> list[Frame]:
        match frame["type"]:
            case "welcome":
                return self._welcome(frame, now_s)
            case "events":
                return self._events(frame["conversation"], frame["events"], now_s)
            case "ack":
                return self._ack(frame, now_s)
            case "reject":
                return self._reject(frame, now_s)
            case "page":
                return self._page(frame, now_s)
            case "error" if frame["request"] or frame["code"] == "behind":
                self._failed(frame, now_s)
            case _:
                if (receipt := wire_receipt(frame)) is not None:
                    self.recorder.delivered_seen(*receipt)
        return []

    def tick(self, now_s: float) -> list[Frame]:
        """Syncs and retries whose time has come."""
        out: list[Frame] = []
        for conversation, place in self.places.items():
            late = place.sync is not None and now_s - place.sync_at_s > SYNC_WITHIN_S
            if self.live and (late or (place.retry_at_s is not None and place.retry_at_s <= now_s)):
                out.append(self._sync(conversation, place, now_s))
        due = [command_id for at_s, command_id in self.retries if at_s <= now_s]
        self.retries = [(at_s, command_id) for at_s, command_id in self.retries if at_s > now_s]
        return out + [encoded(self.waiting[command_id]) for command_id in due if command_id in self.waiting and self.live]

    def _welcome(self, frame: Frame, now_s: float) -> list[Frame]:
        self.live, self.epoch = True, frame["epoch"]
        if frame["epoch_changed"]:
            for conversation in list(self.places):
                self._forget(conversation)
        heads = {entry["conversation"]: entry["head_seq"] for entry in frame["directory"]}
        for conversation in self.places.keys() - heads.keys():
            self._forget(conversation)
        for conversation, head in heads.items():
            if conversation not in self.places:
                self.recorder.saw(self.name, conversation, Sight.START, head + 1)
                self.places[conversation] = Place(head + 1)
            elif self.places[conversation].sync == "":
                self.places[conversation].sync_at_s = now_s
        return [encoded(command) for command in self.waiting.values()]

    def _forget(self, conversation: str) -> None:
        self.recorder.saw(self.name, conversation, Sight.START, 0)
        del self.places[conversation]

    # ---- commands

    def _ack(self, frame: Frame, now_s: float) -> list[Frame]:
        command = self.waiting.pop(frame["id"], None)
        self.recorder.acked(frame["id"], frame["seq"])
        known = self.recorder.history.commands.get(frame["id"])
        if command is None or known is None or not frame["seq"]:
            return []
        place = self.places.setdefault(frame["conversation"], Place(frame["seq"]))
        if place.sync is not None or frame["seq"] < place.next_seq:
            return []
        return self._live(frame["conversation"], place, frame["seq"], known.digest, now_s)

    def _reject(self, frame: Frame, now_s: float) -> list[Frame]:
        if frame["id"] in self.waiting:
            if frame["retryable"]:
                self.retries.append((now_s + max(0.05, frame.get("retry_after_ms", 0) / 1000), frame["id"]))
            else:
                del self.waiting[frame["id"]]
                self.recorder.refused(frame["id"], frame["code"])
        return []

    # ---- events

    def _events(self, conversation: str, events: list[Frame], now_s: float) -> list[Frame]:
        place = self.places.setdefault(conversation, Place(events[0]["seq"]))
        out: list[Frame] = []
        for event in events:
            seq, digest = event["seq"], digest_of_json(event)
            if self._is_written_again(place, seq, now_s):
                self.recorder.count("written again, unacknowledged")
                continue
            if seq <= place.live_seq:
                self.recorder.saw(self.name, conversation, Sight.BACKWARDS, seq, digest)
                continue
            place.live_seq = seq
            if place.sync is None:
                out += self._live(conversation, place, seq, digest, now_s)
        return out

    def _is_written_again(self, place: Place, seq: int, now_s: float) -> bool:
        """Whether the edge may give it once more: so long after the first time it may not have got the acknowledgement."""
        given_s = place.given_at_s.setdefault(seq, now_s)
        if len(place.given_at_s) > GIVEN_REMEMBERED:
            del place.given_at_s[next(iter(place.given_at_s))]
        return now_s - given_s >= WRITTEN_AGAIN_AFTER_S

    def _live(self, conversation: str, place: Place, seq: int, digest: int, now_s: float) -> list[Frame]:
        if seq < place.next_seq:
            self.recorder.saw(self.name, conversation, Sight.REPEATED, seq, digest)
        elif seq == place.next_seq:
            self._take(conversation, place, seq, digest)
        elif place.retry_at_s is None:
            self.recorder.count("gaps seen by dense seq")
            return [self._sync(conversation, place, now_s)]
        return []

    def _take(self, conversation: str, place: Place, seq: int, digest: int) -> None:
        self.recorder.saw(self.name, conversation, Sight.EVENT, seq, digest)
        place.next_seq = seq + 1

    def _sync(self, conversation: str, place: Place, now_s: float) -> Frame:
        self.requests += 1
        place.sync, place.sync_at_s, place.retry_at_s = f"w{self.requests}", now_s, None
        request = {"type": "sync", "request": place.sync, "conversation": conversation}
        return request | {"from_seq": place.next_seq, "limit": self.page_limit}

    def _page(self, frame: Frame, now_s: float) -> list[Frame]:
        conversation = frame["conversation"]
        place = self.places.get(conversation)
        if place is None or place.sync != frame["request"]:
            return []
        self.recorder.count("pages")
        for seq in frame.get("missing", ()):
            self.recorder.saw(self.name, conversation, Sight.MISSING, seq)
        for event in frame["events"]:
            place.given_at_s.setdefault(event["seq"], now_s)
            if event["seq"] >= place.next_seq:
                self._take(conversation, place, event["seq"], digest_of_json(event))
        place.next_seq = max(place.next_seq, frame["next_seq"])
        place.sync = None
        return [self._sync(conversation, place, now_s)] if frame["more"] else []

    def _failed(self, frame: Frame, now_s: float) -> None:
        for conversation, place in list(self.places.items()):
            if place.sync != frame["request"]:
                continue
            if frame["retryable"]:
                place.sync, place.retry_at_s = None, now_s + max(0.1, frame.get("retry_after_ms", 0) / 1000)
            elif frame["request"]:
                self._forget(conversation)


def encoded(frame: CommandFrame) -> Frame:
    built: Frame = msgspec.to_builtins(frame)
    return built
