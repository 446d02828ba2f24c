"""Where the owner of calls keeps its lines: those with a call or a fresh past as they are, all others as the bytes of their snapshot. Pure.

Rule 1: a line never goes: its head's seq must be known for as long as the conversation may have another call.
Rule 2: what is remembered of calls that are over counts for `memory_ms`; then only the head stays, some hundred bytes.
"""

from collections import OrderedDict

import msgspec

from rtc.record import CallRecord
from rtc.state import Line
from schemas import codec
from schemas.call_records import CallLineSaved
from schemas.errors import Undecodable

STATE_TOPIC = "call-state"

_encode = msgspec.msgpack.Encoder().encode
_decode_line = msgspec.msgpack.Decoder(Line).decode
_decode_record = msgspec.msgpack.Decoder(CallRecord).decode


def packed(line: Line, record: CallRecord | None) -> bytes:
    """The value of a line's record in call-state."""
    saved = CallLineSaved(
        tenant=line.tenant,
        conversation_id=line.conversation_id,
        head_seq=line.head_seq,
        live=line.live is not None,
        line=_encode(line),
        record=_encode(record) if record is not None else b"",
    )
    return codec.encode(STATE_TOPIC, saved)


def unpacked(value: bytes | None) -> tuple[Line, CallRecord | None]:
    """The line, and the record of its live call. Raises: Undecodable."""
    saved = codec.decode(value, CallLineSaved)
    try:
        return _decode_line(saved.line), _decode_record(saved.record) if saved.record else None
    except msgspec.MsgspecError as exc:
        raise Undecodable(f"calls of {saved.conversation_id}: {exc}") from exc


def bare(line: Line) -> Line:
    """What has to be known for ever."""
    return Line(tenant=line.tenant, conversation_id=line.conversation_id, head_seq=line.head_seq, head_at_ms=line.head_at_ms)


class Lines:
    def __init__(self, memory_ms: int) -> None:
        self.memory_ms = memory_ms
        self._awake: dict[bytes, Line] = {}
        self._records: dict[bytes, CallRecord] = {}  # of live calls
        self._resting: OrderedDict[bytes, None] = OrderedDict()  # awake without a call; whose last one ended first comes first
        self._asleep: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._awake) + len(self._asleep)

    def __contains__(self, key: bytes) -> bool:
        return key in self._awake or key in self._asleep

    @property
    def live_count(self) -> int:
        return len(self._awake) - len(self._resting)

    def get(self, key: bytes) -> Line | None:
        line = self._awake.get(key)
        if line is None and (value := self._asleep.get(key)) is not None:
            line, _ = unpacked(value)
        return line

    def record(self, key: bytes) -> CallRecord | None:
        return self._records.get(key)

    def put(self, key: bytes, line: Line, record: CallRecord | None) -> None:
        self._asleep.pop(key, None)
        self._awake[key] = line
        self._resting.pop(key, None)
        if line.live is None:
            self._resting[key] = None
        if record is None:
            self._records.pop(key, None)
        else:
            self._records[key] = record

    def put_packed(self, key: bytes, value: bytes) -> Line:
        """A line as it was saved. Raises: Undecodable."""
        line, record = unpacked(value)
        self.drop(key)
        if line == bare(line):
            self._asleep[key] = value
        else:
            self.put(key, line, record)
        return line

    def drop(self, key: bytes) -> None:
        self._awake.pop(key, None)
        self._records.pop(key, None)
        self._resting.pop(key, None)
        self._asleep.pop(key, None)

    def pack(self, key: bytes) -> bytes:
        asleep = self._asleep.get(key)
        return asleep if asleep is not None else packed(self._awake[key], self._records.get(key))

    def forget(self, now_ms: int) -> list[bytes]:
        """Lets go of the past that no longer counts; the lines that are bare by that.

        Shape: in order of their last events' coming, so one whose clock is ahead of the others' keeps those behind it a little longer.
        """
        bared = []
        while self._resting:
            key = next(iter(self._resting))
            line = self._awake[key]
            if line.head_at_ms > now_ms - self.memory_ms:
                break
            self.drop(key)
            self._asleep[key] = packed(bare(line), None)
            bared.append(key)
        return bared
