"""What became of each message of one phase: the intended time of sending, its ack, its deliveries. No I/O; time comes in."""

from array import array
from dataclasses import dataclass

from bench.device import Device
from bench.frames import Ack, Events, FromEdge, Reject
from bench.ids import number_of
from bench.stats import Summary, summary


@dataclass(frozen=True, slots=True)
class Outcome:
    """Latencies are counted from the intended time of sending, so a generator that falls behind makes them longer, not fewer."""

    sent: int
    acked: int
    delivered: int
    unacked: int
    undelivered: int
    doubled: int
    refused: int
    ack_ms: Summary
    e2e_ms: Summary
    late_ms: Summary  # sent later than intended: the generator's own part in the latencies


class Tally:
    """A listener that counts the messages numbered from `first_number` on; others are of an earlier phase and ignored."""

    def __init__(self, first_number: int, deliveries_per_message: int) -> None:
        self._first, self._per_message = first_number, deliveries_per_message
        self._intended = array("d")
        self._late = array("d")
        self._ack = array("d")
        self._e2e = array("d")
        self._acks = bytearray()
        self._deliveries = array("H")
        self.refused: dict[str, int] = {}
        self.acked = 0
        self.lost = 0  # connections
        self.on_acked = _nothing

    def sent(self, intended_s: float, sent_s: float) -> None:
        """The next message goes out."""
        self._intended.append(intended_s)
        self._late.append(sent_s - intended_s)
        self._acks.append(0)
        self._deliveries.append(0)

    def on_frame(self, device: Device, frame: FromEdge, at_s: float) -> None:
        if type(frame) is Events:
            for item in frame.events:
                self._seen(item.id, at_s)
        elif type(frame) is Ack:
            self._acked(device, frame.id, at_s)
        elif type(frame) is Reject:
            self.refused[frame.code] = self.refused.get(frame.code, 0) + 1

    def on_lost(self, device: Device) -> None:
        self.lost += 1

    def _acked(self, device: Device, command_id: str, at_s: float) -> None:
        index = number_of(command_id) - self._first
        if not 0 <= index < len(self._intended):
            return
        if not self._acks[index]:
            self.acked += 1
            self._ack.append(at_s - self._intended[index])
        self._acks[index] = 1
        self.on_acked(device)

    def _seen(self, command_id: str, at_s: float) -> None:
        index = number_of(command_id) - self._first
        if 0 <= index < len(self._intended):
            self._deliveries[index] += 1
            self._e2e.append(at_s - self._intended[index])

    @property
    def complete(self) -> bool:
        return self.acked == len(self._intended) and len(self._e2e) >= len(self._intended) * self._per_message

    def outcome(self) -> Outcome:
        sent, per_message = len(self._intended), self._per_message
        return Outcome(
            sent=sent,
            acked=self.acked,
            delivered=len(self._e2e),
            unacked=sent - self.acked,
            undelivered=sum(max(0, per_message - count) for count in self._deliveries),
            doubled=sum(max(0, count - per_message) for count in self._deliveries),
            refused=sum(self.refused.values()),
            ack_ms=summary([second * 1000 for second in self._ack]),
            e2e_ms=summary([second * 1000 for second in self._e2e]),
            late_ms=summary([second * 1000 for second in self._late]),
        )


def _nothing(device: Device) -> None:
    return None
