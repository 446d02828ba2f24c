"""What a device's positions come to, beside the heads that its directory was just made of. Pure.

Every position is answered: by a page at once where nothing is missing, by a sync where something may be, by an `error` that names the
conversation where there is nothing to read. So a device knows of each of them, and a mass reconnect of devices that are up to date reads
nothing but directories.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edge import frames


@dataclass(frozen=True, slots=True)
class Plan:
    """`current`: conversation -> the next seq of those where nothing is missing. `behind`: conversation -> the seq to read from."""

    current: dict[str, int]
    behind: dict[str, int]
    refused: tuple[frames.Failure, ...]


def plan_of(positions: Mapping[str, int], members: Collection[str], head_seqs: Mapping[str, int]) -> Plan:
    current: dict[str, int] = {}
    behind: dict[str, int] = {}
    refused: list[frames.Failure] = []
    for conversation, next_seq in positions.items():
        if conversation not in members:
            refused.append(_refusal(conversation, "not_member", "not a member of this conversation"))
        elif next_seq < 1:
            refused.append(_refusal(conversation, "invalid", "a position is the next seq to read, from 1"))
        elif next_seq == head_seqs.get(conversation, 0) + 1:
            current[conversation] = next_seq
        else:  # also one beyond the head: this node may be behind the one it comes from, and the sync finds out
            behind[conversation] = next_seq
    return Plan(current, behind, tuple(refused))


def _refusal(conversation: str, code: str, detail: str) -> frames.Failure:
    return frames.Failure("", code, detail, retryable=False, conversation=conversation)
