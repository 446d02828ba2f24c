"""What a leg should send, and whether it gets pictures at all, from Janus' words that its way is slow. Pure.

Janus says so when more than a few packets a second were missed (`slowlink_threshold`). Each time the cap is halved; a quiet while
doubles it until there is none. Who misses what it is sent gets sound only after several such words, until its way was quiet for a while.
"""

from typing import NamedTuple

CAP_KBPS_LEAST = 150
WORDS_TO_SOUND_ONLY = 4
WORDS_WITHIN_MS = 10_000
QUIET_MS = 10_000
PAUSE_MS = 1_000  # between two halvings: the first has to act


class Strain(NamedTuple):
    """`cap_kbps` 0: none. `words_ms`: when it missed what it is sent, lately. `sent_ms`, `got_ms`: the last word about either way."""

    cap_kbps: int = 0
    audio_only: bool = False
    words_ms: tuple[int, ...] = ()
    sent_ms: int = 0
    got_ms: int = 0


def lost_on_the_way_here(strain: Strain, now_ms: int, most_kbps: int) -> Strain:
    """Janus missed what the leg sent."""
    if strain.cap_kbps and now_ms - strain.sent_ms < PAUSE_MS:
        return strain
    return strain._replace(cap_kbps=max(CAP_KBPS_LEAST, (strain.cap_kbps or most_kbps) // 2), sent_ms=now_ms)


def lost_on_the_way_there(strain: Strain, now_ms: int) -> Strain:
    """The leg missed what Janus sent."""
    words = (*(word for word in strain.words_ms if now_ms - word < WORDS_WITHIN_MS), now_ms)[-WORDS_TO_SOUND_ONLY:]
    return strain._replace(words_ms=words, got_ms=now_ms, audio_only=strain.audio_only or len(words) == WORDS_TO_SOUND_ONLY)


def eased(strain: Strain, now_ms: int, most_kbps: int) -> Strain:
    """After time has passed."""
    if strain.cap_kbps and now_ms - strain.sent_ms >= QUIET_MS:
        doubled = strain.cap_kbps * 2
        strain = strain._replace(cap_kbps=0 if doubled >= most_kbps else doubled, sent_ms=now_ms)
    if strain.audio_only and now_ms - strain.got_ms >= QUIET_MS:
        strain = strain._replace(audio_only=False, words_ms=())
    return strain
