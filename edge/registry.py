"""How many live sessions each user has in the whole cluster, from the `sessions` topic. Pure; time is an argument.

A session whose lease ran out counts no more: its node died without closing it.
"""

from schemas.records import SessionClosed, SessionEvent, SessionOpened, SessionRenewed


class SessionRegistry:
    def __init__(self) -> None:
        self._users: dict[str, dict[str, int]] = {}  # user -> session -> lease end in ms

    def apply(self, event: SessionEvent) -> None:
        match event:
            case SessionOpened() | SessionRenewed():
                self._users.setdefault(event.user, {})[event.session_id] = event.at_ms + event.lease_ms
            case SessionClosed():
                self._drop(event.user, event.session_id)

    def live(self, user: str, now_ms: int) -> int:
        """Shape: sessions whose lease covers `now_ms`. Forgets the others."""
        leases = self._users.get(user, {})
        for session_id in [session_id for session_id, end_ms in leases.items() if end_ms <= now_ms]:
            self._drop(user, session_id)
        return len(leases)

    def sweep(self, now_ms: int) -> None:
        """Forgets users whose sessions are all over."""
        for user in list(self._users):
            self.live(user, now_ms)

    def _drop(self, user: str, session_id: str) -> None:
        leases = self._users.get(user)
        if leases is not None:
            leases.pop(session_id, None)
            if not leases:
                del self._users[user]
