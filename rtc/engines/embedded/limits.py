"""How much a leg may be sent and should send: audio only where the way does not carry more, and a bitrate for who publishes. Pure.

Rule 1: into audio only at once when the way is bad for a while; out of it by trying, and each time that fails the wait doubles.
Rule 2: a publisher follows the weakest of its subscribers down to a floor; who has less than the floor gets audio only instead.
"""

from collections.abc import Iterable

from msgspec import Struct

AUDIO_KBPS = 40
NARROW, NARROW_TIMES = 0.9, 3  # an estimate below so much of what was sent, so many seconds in a row
SHRINK, GROW = 0.85, 1.15
NARROW_LOSS = 0.02  # so much is lost where an estimate below the floor is believed
HEIGHTS = ((2, 720), (5, 480), (10, 360))  # up to so many participants, so many lines; more of them: 180
KBPS_OF_HEIGHT = {720: 1_500, 480: 1_000, 360: 500, 180: 200}


class Bounds(Struct, frozen=True):
    """`loss_ratio`: from which on a way is bad. `floor_kbps`: below which a video is not worth it. Times in milliseconds."""

    loss_ratio: float = 0.15
    floor_kbps: int = 150
    bad_ms: int = 4_000
    retry_ms: int = 10_000
    retry_ms_most: int = 120_000


class Way:
    """What one subscriber's way carries, as its reports say. `carries_kbps` 0: as much as there was to send so far.

    An estimate (REMB) follows what is received, so it says something only where it is below what was sent; and where nothing speaks
    against it, the bound grows until there is none.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.audio_only = False
        self.carries_kbps = 0
        self._estimate_kbps = 0  # 0: it said nothing
        self._loss = 0.0
        self._narrow_times = 0
        self._bad_since_ms = -1
        self._retry_after_ms = bounds.retry_ms
        self._changed_ms = 0

    def reported(self, lost_ratio: float) -> None:
        self._loss = max(lost_ratio, 0.7 * self._loss + 0.3 * lost_ratio)

    def estimated(self, kbps: int) -> None:
        self._estimate_kbps = kbps

    def sent(self, kbps: int, limit_kbps: int) -> None:
        """What was sent in the last second. Called once a second. `limit_kbps`: more than that is never sent, so it is no bound."""
        narrow = 0 < self._estimate_kbps < kbps * NARROW and kbps > AUDIO_KBPS
        self._narrow_times = self._narrow_times + 1 if narrow else 0
        if self._narrow_times >= NARROW_TIMES:
            self.carries_kbps = self._estimate_kbps
        elif self._loss > self._bounds.loss_ratio and kbps > AUDIO_KBPS:
            self.carries_kbps = int(kbps * SHRINK)
        elif self.carries_kbps and not narrow:
            grown = int(self.carries_kbps * GROW) + 1
            self.carries_kbps = grown if grown < limit_kbps else 0

    def judge(self, videos: int, now_ms: int) -> bool:
        """Whether it changed to audio only or back. `videos`: that it would get."""
        if self.audio_only:
            return self._try_again(now_ms)
        if videos == 0 or not self._is_bad():
            self._bad_since_ms = -1
            if now_ms - self._changed_ms > 3 * self._retry_after_ms:
                self._retry_after_ms = self._bounds.retry_ms  # it held: what failed before is forgotten
            return False
        if self._bad_since_ms < 0:
            self._bad_since_ms = now_ms
        if now_ms - self._bad_since_ms < self._bounds.bad_ms:
            return False
        self.audio_only, self._changed_ms, self._bad_since_ms = True, now_ms, -1
        return True

    def _is_bad(self) -> bool:
        # An estimate alone may come of a device that is out of breath: packets that are looked at late seem to have been late. Less
        # picture helps there, no picture does not; where the way itself is too narrow, some packets are lost too.
        narrow = 0 < self.carries_kbps < self._bounds.floor_kbps and self._loss > NARROW_LOSS
        return narrow or self._loss > self._bounds.loss_ratio

    def _try_again(self, now_ms: int) -> bool:
        if now_ms - self._changed_ms < self._retry_after_ms or self._loss > self._bounds.loss_ratio:
            return False
        self.audio_only, self._changed_ms = False, now_ms
        self._retry_after_ms = min(2 * self._retry_after_ms, self._bounds.retry_ms_most)
        self.carries_kbps = self._estimate_kbps = 0
        return True


def height_for(participants: int) -> int:
    return next((height for most, height in HEIGHTS if participants <= most), 180)


def publisher_kbps(participants: int, most_kbps: int, floor_kbps: int, ways: Iterable[tuple[Way, int]]) -> int:
    """What one video should have at most. `ways`: of those who get it, each with how many videos it gets."""
    wanted = min(most_kbps, KBPS_OF_HEIGHT[height_for(participants)])
    for way, videos in ways:
        if way.carries_kbps and not way.audio_only and videos:
            wanted = min(wanted, max(0, way.carries_kbps - AUDIO_KBPS) // videos)
    return max(floor_kbps, wanted)


def worth_saying(before_kbps: int, now_kbps: int) -> bool:
    """Small changes are not told: an encoder that follows each of them is never at rest."""
    return before_kbps == 0 or abs(now_kbps - before_kbps) * 5 > before_kbps
