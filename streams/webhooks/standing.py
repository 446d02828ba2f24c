"""Where one webhook stands, as a value that is kept in a row. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

Place = tuple[str, int]  # topic, partition
LaneKey = tuple[str, int, bytes]  # and the record's key


class Behind(NamedTuple):
    """A lane with a place of its own; `tries` are those of the event there."""

    lane: LaneKey
    offset: int
    tries: int
    first_ms: int
    not_before_ms: int


@dataclass(slots=True)
class Receiver:
    """How the receiver does. Moments; 0: never. `taken_ms`: when it took something last."""

    failures_row: int = 0
    failing_since_ms: int = 0
    taken_ms: int = 0
    hold_until_ms: int = 0
    probe_ms: int = 0

    def copy(self) -> "Receiver":
        return dataclasses.replace(self)


@dataclass(frozen=True, slots=True)
class Standing:
    """`places`: the next offset of each partition. `again_until`: what is before was told once already, before a replay."""

    places: Mapping[Place, int]
    behind: Sequence[Behind] = ()
    again_until: Mapping[Place, int] = field(default_factory=dict)
    receiver: Receiver = field(default_factory=Receiver)


def packed(standing: Standing) -> str:
    """As JSON."""
    row: dict[str, Any] = {
        "places": [[*place, offset] for place, offset in sorted(standing.places.items())],
        "behind": [[topic, partition, key.hex(), *rest] for (topic, partition, key), *rest in standing.behind],
        "again_until": [[*place, offset] for place, offset in sorted(standing.again_until.items())],
        "receiver": dataclasses.asdict(standing.receiver),
    }
    return msgspec.json.encode(row).decode()


def unpacked(text: str) -> Standing:
    """What was packed. Raises: msgspec.DecodeError, KeyError for what never was."""
    row = msgspec.json.decode(text)
    behind = [Behind((topic, partition, bytes.fromhex(key)), *rest) for topic, partition, key, *rest in row["behind"]]
    places, again = ({(topic, partition): offset for topic, partition, offset in row[name]} for name in ("places", "again_until"))
    return Standing(places, behind, again, Receiver(**row["receiver"]))
