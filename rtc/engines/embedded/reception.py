"""What comes in of one SSRC: how much is lost, what to ask for again, and when its sender's clock says it was made. Pure.

Source: RFC 3550 6.4.1 and A.3, A.8; RFC 4585 6.2.1.
"""

from rtc.engines.embedded.rtcp import Report
from rtc.engines.embedded.rtp import after

MISSING_LIMIT = 256
ASKED_TIMES_LIMIT = 8
SEQS = 1 << 16


class Reception:
    """Numbers of one SSRC. All times are monotonic milliseconds."""

    def __init__(self, ssrc: int, clock_hz: int, asks: bool) -> None:
        self.ssrc = ssrc
        self.asks = asks
        self.packets = self.octets = 0
        self.highest = -1  # extended: counts the rounds
        self._clock_hz = clock_hz
        self._first = 0
        self._missing: dict[int, tuple[int, int]] = {}  # seq -> when asked last, how often
        self._expected_before = self._packets_before = 0
        self._jitter = 0.0
        self._transit: int | None = None
        self._sr: tuple[int, int, int] | None = None  # NTP, timestamp, when it came

    def add(self, seq: int, timestamp: int, size: int, now_ms: int, fresh: bool = True) -> bool:
        """Whether it was not there before. `fresh`: not a repetition, whose time of arrival says nothing."""
        if self.highest < 0:
            self.highest = self._first = seq
        elif after(seq, self.highest & 0xFFFF):
            self._skip_to(seq)
        elif not self._missing.pop(seq, None) and (self.asks or not fresh):
            return False
        self.packets += 1
        self.octets += size
        if fresh:
            self._note_jitter(timestamp, now_ms)
        return True

    def _skip_to(self, seq: int) -> None:
        before = self.highest
        self.highest += (seq - before) & 0xFFFF
        if self.asks:
            for missed in range(max(before + 1, self.highest - MISSING_LIMIT), self.highest):
                self._missing[missed & 0xFFFF] = (-(1 << 60), 0)
            while len(self._missing) > MISSING_LIMIT:
                del self._missing[next(iter(self._missing))]

    def _note_jitter(self, timestamp: int, now_ms: int) -> None:
        transit = now_ms * self._clock_hz // 1000 - timestamp
        if self._transit is not None:
            difference = abs((transit - self._transit + (1 << 31)) % (1 << 32) - (1 << 31))
            if difference < 10 * self._clock_hz:  # else its clock began anew
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    def to_ask(self, now_ms: int, again_ms: int) -> list[int]:
        """What to ask for again now; after some tries it is given up."""
        due = []
        for seq, (asked_ms, times) in list(self._missing.items()):
            if times >= ASKED_TIMES_LIMIT:
                del self._missing[seq]
            elif now_ms - asked_ms >= again_ms:
                self._missing[seq] = (now_ms, times + 1)
                due.append(seq)
        return due

    def heard(self, ntp: int, timestamp: int, now_ms: int) -> None:
        """A report of the sender."""
        self._sr = (ntp, timestamp, now_ms)

    def sender_clock(self, now_ms: int) -> tuple[int, int] | None:
        """NTP and RTP time that the sender's clocks show now, as far as its last report says."""
        if self._sr is None:
            return None
        ntp, timestamp, at_ms = self._sr
        passed_ms = now_ms - at_ms
        return ((ntp + (passed_ms << 32) // 1000) % (1 << 64), (timestamp + passed_ms * self._clock_hz // 1000) % (1 << 32))

    @property
    def lost(self) -> int:
        return max(0, self.highest - self._first + 1 - self.packets)

    @property
    def jitter_ms(self) -> int:
        return int(self._jitter * 1000 / self._clock_hz)

    def report(self, now_ms: int) -> Report:
        """Since the report before."""
        expected = self.highest - self._first + 1
        due, got = expected - self._expected_before, self.packets - self._packets_before
        self._expected_before, self._packets_before = expected, self.packets
        ratio = max(0.0, (due - got) / due) if due > 0 else 0.0
        last_sr, since_sr = 0, 0
        if self._sr is not None:
            last_sr, since_sr = self._sr[0] >> 16 & 0xFFFFFFFF, (now_ms - self._sr[2]) * 65536 // 1000
        return Report(self.ssrc, ratio, min(self.lost, 0x7FFFFF), self.highest & 0xFFFFFFFF, int(self._jitter), last_sr, since_sr)
