"""One user's sessions on all devices and edges, and the presence that follows from them. Pure; time is an argument.

Rule 1: a session counts until it is closed or its lease has run out, whichever comes first.
Rule 2: a user is online while one of its sessions is not away, away while all are, else offline.
"""

from dataclasses import dataclass, field
from typing import assert_never

from schemas.records import PresenceSet, SessionClosed, SessionEvent, SessionOpened, SessionRenewed
from schemas.values import PresenceState


@dataclass(slots=True)
class LiveSession:
    device: str
    node: str
    ends_ms: int  # of the lease
    away: bool


@dataclass(slots=True)
class Sessions:
    """`online_ms`: when the user was last known to be online; `live_ms`: when its last session ended (0: none that is known)."""

    live: dict[str, LiveSession] = field(default_factory=dict)
    status: str = ""
    online_ms: int = 0
    live_ms: int = 0

    def fold(self, event: SessionEvent) -> None:
        self.online_ms = self.online_ms or event.at_ms  # of a user who was forgotten: any record of it says that it was there
        match event:
            case SessionOpened():
                self._there(event, False, event.lease_ms)
            case SessionRenewed():
                self._there(event, event.away, event.lease_ms)
            case SessionClosed():
                self._closed(event)
            case PresenceSet():
                self._set(event)
            case _:
                assert_never(event)

    def _there(self, event: SessionOpened | SessionRenewed, away: bool, lease_ms: int) -> None:
        self.live[event.session_id] = LiveSession(event.device, event.node, event.at_ms + lease_ms, away)
        if not away:
            self.online_ms = max(self.online_ms, event.at_ms)

    def _closed(self, event: SessionClosed) -> None:
        session = self.live.pop(event.session_id, None)
        if session is None:
            return
        self.live_ms = max(self.live_ms, event.at_ms)
        if not session.away:
            self.online_ms = max(self.online_ms, event.at_ms)

    def _set(self, event: PresenceSet) -> None:
        if event.status is not None:
            self.status = event.status
        session = self.live.get(event.session_id)
        if session is None:
            return  # it ended meanwhile: what it said of the user stays, what it said of itself does not
        if not (session.away and event.away):
            self.online_ms = max(self.online_ms, event.at_ms)
        session.away = event.away

    def expire(self, now_ms: int) -> None:
        """Forget the sessions whose lease has run out."""
        for session_id, session in list(self.live.items()):
            if session.ends_ms <= now_ms:
                del self.live[session_id]
                self.live_ms = max(self.live_ms, session.ends_ms)

    def state(self, now_ms: int) -> PresenceState:
        counted = [session for session in self.live.values() if session.ends_ms > now_ms]
        if not counted:
            return "offline"
        return "away" if all(session.away for session in counted) else "online"

    def absent(self, now_ms: int, settle_ms: int) -> bool:
        """Whether no session lives, and has not for so long that a mere change of networks would be over."""
        return self.state(now_ms) == "offline" and now_ms >= self.absent_from_ms(now_ms, settle_ms)

    def absent_from_ms(self, now_ms: int, settle_ms: int) -> int:
        """When the user counts as absent if nothing happens until then."""
        ends_ms = [session.ends_ms for session in self.live.values()]
        last_ms = max([self.live_ms, *ends_ms])
        return last_ms + settle_ms if last_ms > 0 else now_ms

    @property
    def next_end_ms(self) -> int | None:
        return min((session.ends_ms for session in self.live.values()), default=None)
