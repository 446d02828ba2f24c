"""Where a range of the log begins or ends, as an operator writes it: a time, an offset, a seq, `start` or `end`. Pure.

Every range is half-open: what `--to` names is the first that is not in it, as everywhere a stored number means the next to read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import assert_never

from schemas.errors import WarblerError

MS_DIGITS_MIN = 11  # fewer would be March 1973 or before, or a date without its dashes
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_LIMIT = 253_402_300_800_000  # the year 10000, from which on no clock shows a time
OFFSET_LIMIT = 1 << 63

FORMS = (
    "start, end, a time (2026-11-26, 2026-11-26T12:00:00+01:00; without an offset UTC; or milliseconds), "
    "offset:<topic>:<partition>:<n>, or seq:<conversation>:<n>"
)


class BadPlace(WarblerError):
    """The text is no place in the log."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} is no place in the log: {why}")


class BadRange(WarblerError):
    """The two ends do not make a range."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first record that is left."""


@dataclass(frozen=True, slots=True)
class End:
    """After the last record that is there when it is looked up."""


@dataclass(frozen=True, slots=True)
class AtTime:
    """The first record with this time or a later one, in each partition."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class AtOffset:
    """Of one partition; a range that names it is of this partition alone."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class AtSeq:
    """Of one conversation; a range that names it is of its partition alone."""

    conversation: str
    seq: int


Place = Start | End | AtTime | AtOffset | AtSeq


def place_of(text: str) -> Place:
    """The place that the text names. Raises: BadPlace."""
    if text in ("start", "end"):
        return Start() if text == "start" else End()
    if text.startswith("offset:"):
        return _offset(text)
    if text.startswith("seq:"):
        conversation, _, seq = text.removeprefix("seq:").rpartition(":")
        if not conversation:
            raise BadPlace(text, "seq:<conversation>:<n> is needed")
        return AtSeq(conversation, _number(text, seq, least=1))
    return AtTime(ms_of(text))


def _offset(text: str) -> AtOffset:
    parts = text.split(":")
    if len(parts) != 4 or not parts[1]:
        raise BadPlace(text, "offset:<topic>:<partition>:<n> is needed")
    return AtOffset(parts[1], _number(text, parts[2]), _number(text, parts[3]))


def _number(text: str, digits: str, least: int = 0) -> int:
    if not (digits.isascii() and digits.isdecimal()) or not least <= int(digits[:20]) < OFFSET_LIMIT:
        raise BadPlace(text, f"{digits[:20]!r} is no number from {least} on")
    return int(digits)


def ms_of(text: str) -> int:
    """The time in milliseconds since 1970. Raises: BadPlace."""
    if text.isascii() and text.isdecimal():
        if not len(text) >= MS_DIGITS_MIN or not int(text[:20]) < MS_LIMIT:
            raise BadPlace(text, f"milliseconds have {MS_DIGITS_MIN} to {len(str(MS_LIMIT)) - 1} digits, and a date has dashes")
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise BadPlace(text, f"one of these is needed: {FORMS}") from None


def moment_of(at_ms: int) -> str:
    """The time as ISO 8601 in UTC, with milliseconds; a time beyond all clocks as its number."""
    if not 0 <= at_ms < MS_LIMIT:
        return str(at_ms)
    seconds, ms = divmod(at_ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms:03d}Z"


def text_of(place: Place) -> str:
    """The text that `place_of` reads as this place."""
    match place:
        case Start():
            return "start"
        case End():
            return "end"
        case AtTime(at_ms):
            return moment_of(at_ms)
        case AtOffset(topic, partition, offset):
            return f"offset:{topic}:{partition}:{offset}"
        case AtSeq(conversation, seq):
            return f"seq:{conversation}:{seq}"
        case _:
            assert_never(place)


def check_order(begin: Place, until: Place) -> None:
    """Raises: BadRange where the two are of one kind and `begin` is after `until`, or name two partitions or conversations."""
    match begin, until:
        case AtTime(), AtTime():
            wrong = begin.at_ms > until.at_ms
        case AtOffset(), AtOffset():
            if (begin.topic, begin.partition) != (until.topic, until.partition):
                raise BadRange("the two offsets are of different partitions")
            wrong = begin.offset > until.offset
        case AtSeq(), AtSeq():
            if begin.conversation != until.conversation:
                raise BadRange("the two seqs are of different conversations")
            wrong = begin.seq > until.seq
        case _:
            wrong = (isinstance(begin, End) and not isinstance(until, End)) or (isinstance(until, Start) and not isinstance(begin, Start))
    if wrong:
        raise BadRange("the range ends before it begins")
