"""Whether a leg's media flows, from what Janus says of its publisher. Pure.

A leg whose tracks are all muted sends nothing and is there all the same: its transport counts. One that should be heard and is not is lost
only after a while, for between a track's unmuting and its first packet there is silence too.
"""

from typing import Literal, NamedTuple

from schemas.call_signals import Track

Said = Literal["", "up", "lost"]


class Flow(NamedTuple):
    """`receiving`: mids that packets come of. `quiet_since_ms`: since when none came that should; 0: they do."""

    connected: bool = False
    receiving: frozenset[str] = frozenset()
    quiet_since_ms: int = 0
    said: Said = ""


def heard(flow: Flow, mid: str, receiving: bool) -> Flow:
    mids = flow.receiving | {mid} if receiving else flow.receiving - {mid}
    return flow._replace(receiving=mids, connected=flow.connected or receiving)


def looked_at(flow: Flow, tracks: tuple[Track, ...], now_ms: int, lost_ms: int) -> Flow:
    """The flow with what is to be said of it now; `said` differs from before: say it."""
    flows = flow.connected and (bool(flow.receiving) or all(track.muted for track in tracks))
    if flows:
        return flow._replace(quiet_since_ms=0, said="up")
    if flow.said != "up":
        return flow
    since = flow.quiet_since_ms or now_ms
    return flow._replace(quiet_since_ms=since, said="lost" if now_ms - since >= lost_ms else "up")
