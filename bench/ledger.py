"""What was promised and what is there: acks against the events read back after a crash. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    conversation: str
    seq: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`misplaced`: acked with one seq, stored with another. `gaps`: seqs missing below a conversation's last."""

    acked: int
    acked_lost: int
    misplaced: int
    stored_twice: int
    gaps: int


def judge(acked: Mapping[str, Place], stored: Mapping[str, Sequence[tuple[int, str]]]) -> Verdict:
    """`acked`: command id -> where the ack said it stands; `stored`: conversation -> its (seq, command id) as read back."""
    places: dict[str, set[Place]] = {}
    times: Counter[str] = Counter()
    gaps = 0
    for conversation, events in stored.items():
        seqs = {seq for seq, _ in events}
        gaps += max(seqs, default=0) - len(seqs)
        for seq, command_id in events:
            places.setdefault(command_id, set()).add(Place(conversation, seq))
            times[command_id] += 1
    lost = [command_id for command_id in acked if command_id not in places]
    misplaced = [command_id for command_id, place in acked.items() if command_id in places and place not in places[command_id]]
    twice = [command_id for command_id, count in times.items() if count > 1]
    return Verdict(len(acked), len(lost), len(misplaced), len(twice), gaps)
