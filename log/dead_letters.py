"""Dead letters as every consumer of ours writes them: the bytes that could not be understood, and where they came from. Pure."""

from log.port import Entry, Record
from schemas import codec
from schemas.records import DeadLetter

DEAD_LETTERS_TOPIC = "dead-letters"
REASON_CHARS_MAX = 500


def dead_letter(record: Record, reason: str, consumer: str, at_ms: int) -> Entry:
    """The entry for the topic `dead-letters`; its key is the origin, topic-partition."""
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        reason=reason[:REASON_CHARS_MAX],
        consumer=consumer,
        at_ms=at_ms,
    )
    return letter_entry(letter)


def letter_entry(letter: DeadLetter) -> Entry:
    return Entry(f"{letter.topic}-{letter.partition}".encode(), codec.encode(DEAD_LETTERS_TOPIC, letter), letter.at_ms)
