"""Who speaks, from the levels that microphones say in each packet. Pure.

Rule 1: one loud packet is a click; two within a while are speech, which lasts until a longer silence.
Rule 2: the first of the list changes only for one who is clearly louder, or when the first falls silent; else the picture would jump.
"""

from schemas.call_signals import Speaker

LOUD_DBOV = 45  # at least as loud as -45 dBov; a quiet voice near a phone is some -40, a fan -60
START_MS = 700
STOP_MS = 900
LOUDER_DB = 6.0
FALL_DB = 0.3  # a packet, of which there are 50 a second
SHOWN_LIMIT = 5
QUIETEST = 127


class _Voice:
    """`level`: smoothed, 0 (silent) to 127."""

    __slots__ = ("before_ms", "level", "loud_ms", "speaks")

    def __init__(self) -> None:
        self.loud_ms = self.before_ms = -(1 << 60)  # when it was loud last, and the time before that
        self.level = 0.0
        self.speaks = False


class Speech:
    """The voices of one room."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._shown: tuple[str, ...] = ()

    def heard(self, user: str, dbov: int, now_ms: int) -> None:
        """`dbov`: 0 (loudest) to 127, as in the packet."""
        voice = self._voices.get(user)
        if voice is None:
            voice = self._voices[user] = _Voice()
        level = QUIETEST - dbov
        voice.level = max(float(level), voice.level - FALL_DB)  # up at once, down slowly: a word has gaps
        if dbov <= LOUD_DBOV:
            voice.before_ms, voice.loud_ms = voice.loud_ms, now_ms

    def forget(self, user: str) -> None:
        self._voices.pop(user, None)

    def changed(self, now_ms: int) -> tuple[Speaker, ...] | None:
        """The speakers, if they or their order are others than last time; the loudest first."""
        for voice in self._voices.values():
            voice.speaks = _speaks(voice, now_ms)
        speaking = [user for user, voice in self._voices.items() if voice.speaks]
        order = self._ordered(speaking)[:SHOWN_LIMIT]
        if order == self._shown:
            return None
        self._shown = order
        return tuple(Speaker(user, min(100, round(self._voices[user].level * 100 / QUIETEST))) for user in order)

    def _ordered(self, speaking: list[str]) -> tuple[str, ...]:
        """By loudness, where those shown already are counted as somewhat louder, the first one most."""

        def rank(user: str) -> tuple[float, str]:
            bonus = (LOUDER_DB if user in self._shown else 0.0) + (LOUDER_DB if user in self._shown[:1] else 0.0)
            return (-self._voices[user].level - bonus, user)

        ranked = sorted(speaking, key=rank)
        kept = [user for user in self._shown[1:] if user in ranked[1:]]  # behind the first, who was there keeps the place
        return (*ranked[:1], *kept, *(user for user in ranked[1:] if user not in kept))


def _speaks(voice: _Voice, now_ms: int) -> bool:
    if voice.speaks:
        return now_ms - voice.loud_ms < STOP_MS
    return now_ms - voice.loud_ms < START_MS and voice.loud_ms - voice.before_ms < START_MS
